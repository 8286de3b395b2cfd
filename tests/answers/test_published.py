"""The published test files: both releases, read entry by entry, and nothing run in them."""

from __future__ import annotations

import gzip
import os
import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from docqa.engine.errors import MissingError, TrainingError
from docqa.engine.retrievers.mamba_retriever import UNREAD_SCORE, MambaRetriever
from docqa.engine.retrievers.packing import tokenize_document
from docqa.trainer.benchmarks.base import BenchmarkDocument, load_benchmark
from docqa.trainer.benchmarks.given_tokens import GivenTokens
from docqa.trainer.benchmarks.pickled_entries import read_entries
from docqa.trainer.benchmarks.published import PublishedBenchmark
from tests.answers.published_files import entry, sets, units, write_json, write_pickle

FIELD = "full_text_sentences"


def documents(path: Path) -> list[BenchmarkDocument]:
    return list(load_benchmark("published", path).documents())


@pytest.mark.parametrize("release", ["pickle", "json", "json.gz"])
def test_every_release_gives_the_same_documents(tmp_path: Path, release: str) -> None:
    path = tmp_path / f"mamba_retriever_41_testsets.{release}"
    if release == "pickle":
        write_pickle(path, sets())
    else:
        write_json(path, sets())
    if release == "json.gz":
        path.write_bytes(gzip.compress(path.read_bytes()))
    found = documents(path)
    assert [(one.benchmark, len(one.document.sentences)) for one in found] == [
        ("narrativeqa", 3000),
        ("narrativeqa", 2000),
        ("quality", 5),
        ("qasper", 3),
    ]
    first, second = found[0].questions
    assert (first.id, first.question, first.answer_kind) == ("0", "What was shipped?", "sentence")
    assert first.answers == ("salt", "casks of salt")
    assert second.answers == ("700",)
    assert found[1].questions[0].answer_kind == "paragraph"
    assert found[2].questions[0].answer_kind == "choice"
    assert {one.category for one in found} == {""}


def test_sentence_units_are_used_as_they_are(tmp_path: Path) -> None:
    *_, long, _, _, glued = [None, *documents(write_pickle(tmp_path / "a.pickle", sets()))]
    assert long is not None
    document = long.document
    assert document.text == "".join(units(3000))
    assert [document.sentence_text(i) for i in range(3000)] == units(3000)
    assert glued is not None
    assert glued.document.text == "One unit. Another\none."
    assert [glued.document.sentence_text(i) for i in range(3)] == ["One unit.", "Another\n", "one."]


def test_the_file_by_categories_tells_both_names(tmp_path: Path) -> None:
    by_category = {
        "creative": {("narrativeqa", 1): entry(units(3), "Who?", ["he"])},
        "science": {
            ("qasper", 4): entry(units(4), "Why?", ["so"]),
            ("qasper", 5): entry(units(4), "How?", ["thus"]),
        },
    }
    for path in (
        write_pickle(tmp_path / "by_categories.pickle", by_category),
        write_json(tmp_path / "per_category.json", by_category),
    ):
        found = documents(path)
        assert [(one.category, one.benchmark, len(one.questions)) for one in found] == [
            ("creative", "narrativeqa", 1),
            ("science", "qasper", 2),
        ]


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_is_read_as_python_reads_it(tmp_path: Path, protocol: int) -> None:
    own = {("own", i): entry(units(300, f"{i} "), "?", ["a"]) for i in range(3)}
    shared = entry(units(300), "?", ["a"])
    content: dict[str, Any] = {
        "own": own,
        "shared": {("shared", i): {**shared, "question": f"Q {i}?"} for i in range(2100)},
    }
    content["odd"] = {"key": {FIELD: [], "n": -3, "big": 2**70, "x": 0.5, "t": (1, 2, 3, None)}}
    path = write_pickle(tmp_path / "a.pickle", content, protocol)
    read: dict[Any, dict[Any, Any]] = {}
    for outer, inner, fields in read_entries(path, FIELD):
        read.setdefault(outer, {})[inner] = fields
    is_same = read == pickle.loads(path.read_bytes())
    assert is_same  # by itself: a difference in what is so large would be shown for minutes


class _Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_malicious_pickle_is_refused_in_one_line_before_it_runs(
    tmp_path: Path, protocol: int
) -> None:
    target = tmp_path / "made-by-the-pickle"
    content = {"a": {("a", 1): {**entry(units(2), "?", ["x"]), "answer": _Malicious(target)}}}
    path = write_pickle(tmp_path / "bad.pickle", content, protocol)
    with pytest.raises(TrainingError, match="asks for more than plain values") as refused:
        documents(path)
    assert "\n" not in str(refused.value)
    assert not target.exists()


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", OrderedDict(a=1), 1j])
def test_other_types_are_refused(tmp_path: Path, value: Any) -> None:
    path = write_pickle(tmp_path / "bad.pickle", {"a": {"b": {FIELD: ["x"], "answer": value}}})
    with pytest.raises(TrainingError, match="asks for more than plain values"):
        documents(path)


@pytest.mark.parametrize("name", ["a.pickle", "a.json", "a.json.gz"])
def test_a_file_that_was_cut_off_is_an_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.pickle":
        content = write_pickle(path, sets()).read_bytes()
    else:
        content = write_json(path, sets()).read_bytes()
        content = gzip.compress(content) if name.endswith("gz") else content
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(TrainingError, match=f"{name} is damaged"):
        documents(path)


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps([1, 2]), pickle.dumps({})])
def test_what_holds_no_entries_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pickle"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"a\.pickle (is damaged|holds no entry)"):
        documents(path)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (FIELD, "one text", "full_text_sentences is no list of texts"),
        (FIELD, ["a", 1], "full_text_sentences is no list of texts"),
        ("question", None, "question is no text"),
        ("answer", 7, "answer is int"),
        ("sentence_indices", [1, 2, 3], "2 sentences, but 3 sentence_indices"),
    ],
)
def test_a_wrong_field_is_named_with_its_entry(
    tmp_path: Path, field: str, value: Any, said: str
) -> None:
    content = {"a": {("a", 7): {**entry(units(2), "Who?", ["x"]), field: value}}}
    with pytest.raises(TrainingError, match=f"entry a / .*7.*: {said}"):
        documents(write_json(tmp_path / "a.json", content))


def test_a_missing_file_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"No published test file at .*none.*bench fetch"):
        load_benchmark("published", tmp_path / "none.json")


def test_token_ids_are_used_as_given_where_they_are_the_checkpoints(tmp_path: Path) -> None:
    retriever = MambaRetriever.load(cache=(given := GivenTokens()))
    given.encode = lambda text: list(retriever.tokenizer.encode(text).ids)
    theirs = entry(units(200), "What was shipped?", ["salt"], encode=given.encode)
    other = entry(units(150), "What was shipped?", ["salt"])
    path = write_json(tmp_path / "a.json", {"a": {("a", 1): theirs, ("a", 2): other}})
    benchmark = PublishedBenchmark(path, tokens=given)
    stream = benchmark.documents()

    one = next(stream)
    tokens = retriever.tokenize(one.document)
    n_question = len(given.encode("What was shipped?\n"))
    assert tokens.token_ids.tolist() == theirs["input_ids"][n_question:]
    assert (tokens.sentence_ends + n_question).tolist() == theirs["sentence_indices"]
    scores = retriever.score("What was shipped?", one.document)
    assert scores.shape == (200,)
    assert scores.min() > UNREAD_SCORE

    two = next(stream)  # the ids of another tokenizer: the text is cut anew
    expected = tokenize_document(two.document, retriever.tokenizer)
    assert retriever.tokenize(two.document).token_ids.tolist() == expected.token_ids.tolist()


_READ = """
import resource, sys
from pathlib import Path
from docqa.trainer.benchmarks.base import load_benchmark
benchmark = load_benchmark("published", Path(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
n = sum(len(one.document.sentences) for one in benchmark.documents())
print(n, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("release", ["pickle", "json"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, release: str) -> None:
    """25 documents of 6 MB each in Python: a reader that kept them would need 150 MB."""
    ids = list(range(1000, 151_000))
    content = {
        "long": {
            ("long", i): {**entry(units(1000, f"{i} "), f"{i}?", ["x"]), "input_ids": ids}
            for i in range(25)
        }
    }
    path = tmp_path / f"a.{release}"
    if release == "pickle":  # one list each, or the pickle would hold it once
        for one in content["long"].values():
            one["input_ids"] = list(ids)
        write_pickle(path, content)
    else:
        write_json(path, content)
    done = subprocess.run(
        [sys.executable, "-c", _READ, str(path)], capture_output=True, text=True, check=True
    )
    n_sentences, megabytes = map(int, done.stdout.split())
    assert n_sentences == 25_000
    assert megabytes < 100
