"""BM25: the words a sentence shares with the question."""

import builtins
import subprocess
import sys

import numpy as np
import pytest

from docqa.engine.errors import Cancelled
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.retrievers import bm25
from docqa.engine.retrievers.bm25 import (
    HEADER_SHARE,
    HEADING_SHARE,
    NEXT_SHARE,
    PREVIOUS_SHARE,
    BM25Retriever,
)
from docqa.engine.retrievers.retriever import Progress, load_retriever
from docqa.engine.words import question_stems, stems

TEXT = """The company was founded in Oslo.
Revenue grew to 1,577 million.
Nobody expected the weather.
Purchases of property | (1,577) | (1,373)"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Companies’ PROFITS", ["company", "profit"]),
        ("1,577.5 in 2023.", ["1,577.5", "in", "2023"]),
        ("ﬁnancial", ["financial"]),
        ("the boss's status is this", ["the", "boss", "status", "is", "this"]),
        ("founded founding", ["found", "found"]),
        ("red king", ["red", "king"]),
        ("東京 12", ["東", "京", "12"]),
        ("— … |", []),
    ],
)
def test_stems(text, expected):
    assert stems(text) == expected


def test_singular_and_plural_are_one_stem():
    for one, many in [("lease", "leases"), ("company", "companies"), ("share", "shares")]:
        assert stems(one) == stems(many)


def test_question_stems_leave_out_what_makes_it_a_question():
    assert question_stems("What was the revenue of the revenue?") == stems("revenue")
    assert question_stems("Who is it?") == ["who", "is", "it"]
    assert question_stems("?") == []


def test_finds_the_sentence_with_the_words():
    document = document_from_text(TEXT, title="test")
    retriever = load_retriever("bm25")
    assert retriever.score("Where was the company founded?", document).argmax() == 0
    assert retriever.score("property purchases", document).argmax() == 3
    scores = retriever.score("revenue 1,577", document)
    assert scores.dtype == np.float32
    assert scores.shape == (4,)
    assert scores.argmax() == 1


def test_neighbours_and_headings_lend_a_share():
    text = "Intro line here.\nCapital Expenditure\nFirst line.\nSecond line.\nThird line."
    document = document_from_text(text, title="test")
    assert document.sentences[2].heading == 1
    scores = BM25Retriever().score("capital expenditure", document)
    shares = scores / scores[1]
    expected = [NEXT_SHARE, 1, PREVIOUS_SHARE + HEADING_SHARE, HEADING_SHARE, HEADING_SHARE]
    np.testing.assert_allclose(shares, expected, rtol=1e-6)


def test_a_row_has_the_score_of_the_names_of_its_columns():
    text = "Vessels, net | 2024 | 2023\nCosts:\nDocks | 12 | 13\nPiers | 14 | 15\nSlips | 16 | 17"
    scores = BM25Retriever().score("vessels", document_from_text(text, title="test"))
    shares = scores / scores[0]
    expected = [1, PREVIOUS_SHARE, HEADER_SHARE, HEADER_SHARE, HEADER_SHARE]
    np.testing.assert_allclose(shares, expected, rtol=1e-6)


@pytest.mark.parametrize("text", ["", "— — !", "Words."])
@pytest.mark.parametrize("question", ["", "?", "unheard", "the"])
def test_nothing_in_common_scores_zero(text, question):
    document = document_from_text(text, title="test")
    scores = BM25Retriever().score(question, document)
    assert scores.tolist() == [0.0] * len(document.sentences)


def test_the_same_every_time_and_in_another_process():
    code = (
        "from docqa.engine.retrievers.bm25 import BM25Retriever;"
        "from docqa.engine.ingest.documents import document_from_text;"
        f"document = document_from_text({TEXT!r}, title='test');"
        "print(BM25Retriever().score('company revenue 1,577', document).tolist())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    document = document_from_text(TEXT, title="test")
    retriever = BM25Retriever()
    for _ in range(2):
        runs.add(f"{retriever.score('company revenue 1,577', document).tolist()}\n")
    assert len(runs) == 1


def test_a_document_is_indexed_once_and_old_indexes_go(monkeypatch):
    built = []
    index = bm25._Index
    monkeypatch.setattr(bm25, "_Index", lambda d, c: built.append(d.title) or index(d, c))
    monkeypatch.setattr(bm25, "MAX_INDEXES", 2)
    a, b, c = (document_from_text(f"Text {name}.", title=name) for name in "abc")
    retriever = BM25Retriever()
    for document in (a, a, b, a, c, a, b):
        retriever.score("text", document)
    assert built == ["a", "b", "c", "b"]


def test_progress_comes_once_with_all_scores():
    document = document_from_text(TEXT, title="test")
    seen: list[Progress] = []
    scores = BM25Retriever().score("revenue", document, on_progress=seen.append)
    assert len(seen) == 1
    assert seen[0].n_tokens_read == seen[0].n_tokens > 0
    assert seen[0].n_sentences_read == 4
    assert (seen[0].scores == scores).all()


def test_cancelled_while_indexing():
    document = document_from_text(TEXT, title="test")
    retriever = BM25Retriever()
    with pytest.raises(Cancelled):
        retriever.score("revenue", document, is_cancelled=lambda: True)
    assert retriever.score("revenue", document, is_cancelled=lambda: False).argmax() == 1


def test_jax_is_never_imported(monkeypatch):
    asked = []
    real = builtins.__import__

    def spy(name, *args, **kwargs):
        if name.split(".")[0] == "jax":
            asked.append(sys.modules.get("jax", "free"))
        return real(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.split(".")[0] == "bm25s"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", spy)
    bm25._bm25s()
    assert asked == [None] * len(asked)
    assert "jax" not in sys.modules
