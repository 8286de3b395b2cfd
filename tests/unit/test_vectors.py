"""Numba is told to use the vectors that the processor has, and only where it may."""

from __future__ import annotations

import os

import pytest
from llvmlite import binding
from numba import config

from docqa.engine.mamba2.vectors import NARROW, widen_vectors


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """What numba is told now comes back after the test."""
    before = os.environ.get("NUMBA_CPU_FEATURES", ""), config.CPU_FEATURES
    monkeypatch.setenv("NUMBA_CPU_FEATURES", before[0])
    monkeypatch.setattr(config, "CPU_FEATURES", before[1])
    monkeypatch.setattr(config, "reload_config", lambda: None)
    monkeypatch.delenv("NUMBA_CPU_FEATURES")


def features(monkeypatch: pytest.MonkeyPatch, **known: bool) -> None:
    named = {name.replace("_", "-"): value for name, value in known.items()}
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: binding.FeatureMap(named))


@pytest.mark.usefixtures("compiler")
def test_a_processor_with_amx_gets_wide_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    features(monkeypatch, avx512f=True, amx_tile=True)
    widen_vectors()
    told = os.environ["NUMBA_CPU_FEATURES"].split(",")
    assert {"+avx512f", "+amx-tile", f"-{NARROW}"} == set(told)


@pytest.mark.usefixtures("compiler")
def test_other_processors_are_left_to_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    features(monkeypatch, avx512f=True, amx_tile=False)
    widen_vectors()
    assert "NUMBA_CPU_FEATURES" not in os.environ


@pytest.mark.usefixtures("compiler")
def test_who_has_decided_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    features(monkeypatch, avx512f=True, amx_tile=True)
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "+avx2")
    widen_vectors()
    assert os.environ["NUMBA_CPU_FEATURES"] == "+avx2"
