"""Units of published scanners, and the text they are read in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docqa.engine.ingest.documents import document_from_text, ingest
from docqa.engine.library.store import Store
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.engine.retrievers.packing import TokenizedDocument, tokenize_document
from docqa.engine.retrievers.units import in_units
from docqa.engine.types import Document, Page, Sentence
from tests.checkpoints.conftest import make_tokenizer
from tests.pdfs import SAMPLE
from tests.tiny_checkpoint import AS_PUBLISHED, TEXT, make_checkpoint


def units_of(ends: list[int], unit_tokens: int) -> list[int]:
    tokens = TokenizedDocument(np.zeros(max(ends, default=-1) + 1, np.int32), np.int32(ends))
    found: list[int] = in_units(tokens, unit_tokens).sentence_ends.tolist()
    return found


@pytest.mark.parametrize(
    ("ends", "units"),
    [
        ([8, 18, 29], [18, 18, 29]),  # nine tokens are one too few
        ([9, 19, 29], [9, 19, 29]),
        ([3, 29, 31], [31, 31, 31]),  # what is left joins the unit before
        ([2, 4], [4, 4]),  # a document shorter than a unit
        ([], []),
        ([-1, -1, 25], [25, 25, 25]),  # sentences without a token
    ],
)
def test_sentences_are_joined_until_a_unit_is_long_enough(
    ends: list[int], units: list[int]
) -> None:
    assert units_of(ends, 10) == units


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 30))
def test_units_are_long_enough_and_made_of_whole_sentences(
    lengths: list[int], unit_tokens: int
) -> None:
    ends = (np.cumsum(lengths, dtype=np.int64) - 1).tolist()
    units = units_of(ends, unit_tokens)
    assert len(units) == len(ends)
    assert units == sorted(units)
    assert set(units) <= set(ends)
    assert all(unit >= end for unit, end in zip(units, ends, strict=True))
    if ends:
        assert units[-1] == ends[-1]
    sizes = np.diff([-1, *sorted(set(units))])
    assert len(sizes) <= 1 or (sizes >= unit_tokens).all()


def text_document(text: str) -> Document:
    return document_from_text(text, title="t")


def test_verbatim_tokens_are_those_of_the_whole_text() -> None:
    """Page by page gives what the published code gets from one string."""
    tokenizer = make_tokenizer()
    first, second = text_document(f"{TEXT}\n\nA line.  Two spaces. "), text_document(TEXT)
    pages = (Page(1, first.text.rstrip()), Page(2, TEXT))
    moved = tuple(
        replace(one, id=one.id + len(first.sentences), page=2, heading=None)
        for one in second.sentences
    )
    document = Document("d", "t", None, pages, first.sentences + moved, "test/1")
    tokens = tokenize_document(document, tokenizer, is_verbatim=True)
    whole = tokenizer.encode(document.text, add_special_tokens=False)
    assert tokens.token_ids.tolist() == whole.ids
    for sentence, end in zip(document.sentences, tokens.sentence_ends, strict=True):
        assert whole.offsets[end][1] == document.span(sentence.id)[1]
    lines = tokenize_document(document, tokenizer)
    assert lines.token_ids.tolist() != whole.ids


def test_running_headers_are_no_part_of_verbatim_text() -> None:
    tokenizer = make_tokenizer()
    page = Page(1, "A vessel sank. HEADER The crew left it.")
    sentences = (Sentence(0, 1, 0, 14), Sentence(1, 1, 22, 39))
    document = Document("d", "t", None, (page,), sentences, "test/1")
    tokens = tokenize_document(document, tokenizer, is_verbatim=True)
    assert tokenizer.decode(tokens.token_ids.tolist()) == "A vessel sank.\nThe crew left it."


@pytest.fixture(scope="module")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("scanner"), **AS_PUBLISHED, unit_tokens=20)


def test_the_sentences_of_a_unit_share_its_score(scanner: Path, tmp_path: Path) -> None:
    document = ingest(SAMPLE)
    with Store(tmp_path / "library.db") as store:
        store.add(document)
        retriever = MambaRetriever.load(scanner, device="cpu", cache=store)
        scores = retriever.score("Who leads the company?", document)
        kept = store.load_tokens(document.id, retriever.tokenizer_id)
    assert retriever.tokenizer_id.endswith("/units-20")
    assert kept is not None
    assert len(scores) == len(document.sentences)
    ends = kept.sentence_ends
    assert 1 < len(set(ends.tolist())) < len(ends)
    for end in set(ends.tolist()):
        assert len(set(scores[ends == end].tolist())) == 1
    assert len(set(scores.tolist())) > 1


@pytest.mark.parametrize("value", ["-1", "many", "1.5"])
def test_a_window_that_is_no_number_is_said(
    scanner: Path, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from docqa.engine.errors import ConfigError

    monkeypatch.setenv("DOCQA_WINDOW_TOKENS", value)
    with pytest.raises(ConfigError, match="DOCQA_WINDOW_TOKENS is"):
        MambaRetriever.load(scanner)
