"""The benchmark of the application reports what it measured; the figures are not judged here."""

from __future__ import annotations

from pathlib import Path

import pytest

from docqa.app.bench import tui
from docqa.app.bench.tui import first_frame, keys_while_reading, loaded, scrolling, table_rows


def quiet(_stage: str, _n_done: int, _n_all: int) -> None:
    """Nobody looks."""


@pytest.fixture
def environment(fresh_user: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return {"DOCQA_LIBRARY": str(fresh_user / "library.db")}


def test_the_first_frame_is_compared_with_an_empty_app(environment: dict[str, str]) -> None:
    found = first_frame(2, environment, quiet)
    assert 0 < found["docqa_seconds"] <= found["question_field_seconds"]
    assert found["ratio"] > 0
    assert found["empty_seconds"] > 0


def test_nothing_heavy_is_loaded_by_then(environment: dict[str, str]) -> None:
    assert loaded(environment) == []


def test_keys_are_answered_while_the_model_reads(
    environment: dict[str, str], tmp_path: Path
) -> None:
    tui._ingest(tui._long_text(tmp_path), environment)
    found = keys_while_reading(environment, quiet)
    assert found["keys"] == len(tui.LETTERS)
    assert found["still_reading_after"]
    assert 0 < found["median_ms"] <= found["p95_ms"] <= found["max_ms"]


def test_a_long_document_scrolls() -> None:
    found = scrolling(quiet)
    assert (found["pages"], found["steps"]) == (400, 60)
    assert 0 < found["median_ms"] <= found["p95_ms"] <= found["max_ms"]


def test_the_table_names_what_was_wanted() -> None:
    one = {"median_ms": 1.0, "p95_ms": 2.0, "max_ms": 3.0}
    report = {
        "first_frame": {
            "docqa_seconds": 0.3,
            "empty_seconds": 0.2,
            "ratio": 1.5,
            "question_field_seconds": 0.5,
        },
        "loaded_at_first_frame": [],
        "keys_while_reading": one,
        "scrolling": one,
    }
    rows = {what: (measured, wanted) for what, measured, wanted in table_rows(report)}
    assert rows["ratio"] == ("1.50", "at most 2")
    assert rows["loaded by then"] == ("nothing heavy", "no torch")
    assert rows["key while reading"] == ("median 1.0 ms, 95% 2.0 ms, most 3.0 ms", "100 ms")
