"""Pickles: plain values are read, anything that could run is refused in one line."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from docqa.engine.errors import TrainingError
from docqa.trainer.retriever.plain_pickle import read_plain_pickles

PLAIN = {
    ("qasper", 7): {"input_ids": [1, 2, 3], "answer": ["yes", None], "score": 0.5, "seen": True}
}


def dumped(path: Path, *values: Any, protocol: int = 4) -> Path:
    with path.open("wb") as file:
        for value in values:
            pickle.dump(value, file, protocol=protocol)
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_stream_of_plain_values_is_read(tmp_path: Path, protocol: int) -> None:
    values = [PLAIN, {"text": "héé", "big": 2**70}, [(), {}, []]]
    path = dumped(tmp_path / "a.pickle", *values, protocol=protocol)
    assert list(read_plain_pickles(path)) == values


def test_a_value_that_holds_itself_is_read(tmp_path: Path) -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    (value,) = read_plain_pickles(dumped(tmp_path / "a.pickle", loop))
    assert value[1] is value


class _Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_malicious_pickle_is_refused_before_it_runs(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "made-by-the-pickle"
    path = dumped(tmp_path / "a.pickle", {"a": 1}, [_Malicious(target)], protocol=protocol)
    values = read_plain_pickles(path)
    assert next(values) == {"a": 1}
    with pytest.raises(TrainingError, match=r"a\.pickle, value 2, asks for \w+\.mkdir; ") as caught:
        next(values)
    assert "\n" not in str(caught.value)
    assert not target.exists()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"a": {1, 2}}, "asks for set"),
        ([b"bytes"], "asks for bytes"),
        (OrderedDict(a=1), "asks for collections.OrderedDict"),
        ({"a": [Fraction(1, 2)]}, "asks for fractions.Fraction"),
    ],
)
def test_other_types_are_refused_by_name(tmp_path: Path, value: Any, named: str) -> None:
    with pytest.raises(TrainingError, match=named):
        list(read_plain_pickles(dumped(tmp_path / "a.pickle", value)))


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps(PLAIN)[:-9], b"\x8d" * 9])
def test_what_is_no_whole_pickle_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pickle"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match="is damaged or no pickle, at value 1"):
        list(read_plain_pickles(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"Cannot read .*none: No such file"):
        list(read_plain_pickles(tmp_path / "none"))
