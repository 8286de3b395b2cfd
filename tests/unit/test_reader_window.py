"""What the span reader reads: every token of a sentence knows which characters it is made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from docqa.engine.checkpoints.installed import embedded_checkpoint
from docqa.engine.columns import cell_spans
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.mamba2.checkpoint import load_tokenizer
from docqa.engine.reader_window import (
    MAX_BEFORE_TOKENS,
    MAX_QUESTION_TOKENS,
    MAX_TOKENS,
    NO_PART,
    Role,
    WindowMaker,
    WordMatches,
    token_shape,
)
from docqa.engine.types import Document

TABLE = """Cash Flows

(In thousands) | 2024 | 2023
Purchase of new vessels | (18,640) | (6,200)
Other | 31 |"""


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer(embedded_checkpoint())


def document(text: str) -> Document:
    return document_from_text(text, title="report")


def shown(maker: WindowMaker, sentence_id: int, tokenizer: Tokenizer) -> list[tuple[str, str]]:
    """Every token after the question with its role."""
    window = maker(sentence_id)
    return [
        (tokenizer.id_to_token(int(token)), Role(int(role)).name)
        for token, role in zip(window.token_ids, window.features[:, 0], strict=True)
    ][window.n_question :]


def test_a_cell_stands_behind_the_name_of_its_column(tokenizer: Tokenizer) -> None:
    maker = WindowMaker("What was paid for vessels in FY2023?", document(TABLE), tokenizer)
    text = document(TABLE)
    row = next(s.id for s in text.sentences if "vessels" in text.sentence_text(s.id))
    tokens = shown(maker, row, tokenizer)
    assert tokens[:2] == [("cash", "HEADING"), ("flows", "HEADING")]
    words = [word for word, _ in tokens[2:]]
    assert words[:6] == ["purchase", "of", "new", "vessels", "202", "##4"]
    assert [role for _, role in tokens[6:8]] == ["COLUMN", "COLUMN"]
    window = maker(row)
    asked = window.features[:, 2]
    year = [i for i, (word, _) in enumerate(shown(maker, row, tokenizer)) if word == "##3"]
    assert asked[window.n_question + year[0]] == 2  # `FY2023` asks for the column `2023`


def test_the_tokens_of_each_cell_are_its_characters(tokenizer: Tokenizer) -> None:
    text = document(TABLE)
    maker = WindowMaker("Who?", text, tokenizer)
    for sentence in text.sentences:
        words = text.sentence_text(sentence.id)
        window = maker(sentence.id)
        spans = cell_spans(words) if " | " in words else [(0, len(words))]
        for part, (start, end) in enumerate(spans):
            inside = window.parts == part
            if start < end:
                assert window.starts[inside].min() == start
                assert window.ends[inside].max() == end


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_offsets_hold_in_any_script(tokenizer: Tokenizer, words: str) -> None:
    text = document(f"Zoë’s ﬁrst café — {words}")
    for sentence in text.sentences:
        window = WindowMaker("What is it?", text, tokenizer)(sentence.id)
        n_chars = len(text.sentence_text(sentence.id))
        inside = window.parts != NO_PART
        assert not inside[: window.n_question].any()
        assert (window.starts[inside] < window.ends[inside]).all()
        assert (window.ends[inside] <= n_chars).all()
        assert (np.diff(window.starts[inside]) >= 0).all()


def test_prose_comes_with_what_stands_before_it(tokenizer: Tokenizer) -> None:
    text = document("The Kestrin was built in Ostwin. She is a ferry. It is said she is fast.")
    maker = WindowMaker("How fast is the Kestrin?", text, tokenizer)
    said = shown(maker, 2, tokenizer)
    before = [word for word, role in said if role == "BEFORE"]
    assert before[:2] == ["the", "ke"]
    assert before[-2:] == ["ferry", "."]
    assert [word for word, role in said if role == "SENTENCE"][:2] == ["it", "is"]
    assert (maker(2).parts[: -len(said) + len(before)] == NO_PART).all()
    assert "BEFORE" not in {role for _, role in shown(maker, 0, tokenizer)}


def test_long_prose_before_a_sentence_keeps_its_end(tokenizer: Tokenizer) -> None:
    text = document("Long " + "word " * 200 + "end. It is said she is fast.")
    maker = WindowMaker("How fast?", text, tokenizer)
    said = shown(maker, text.sentences[-1].id, tokenizer)
    before = [word for word, role in said if role == "BEFORE"]
    assert len(before) == MAX_BEFORE_TOKENS
    assert before[-2:] == ["end", "."]


def test_the_question_knows_which_of_its_words_are_found(tokenizer: Tokenizer) -> None:
    text = document("The Kestrin was built in Ostwin in 1961.")
    window = WindowMaker("Who built the Kestrin in 1998?", text, tokenizer)(0)
    found = {
        tokenizer.id_to_token(int(token)): int(match)
        for token, match in zip(window.token_ids, window.features[:, 2], strict=True)
    }
    asked = [tokenizer.id_to_token(int(token)) for token in window.token_ids[: window.n_question]]
    assert {word: found[word] for word in asked if word in ("who", "built", "the", "1998")} == {
        "who": 0,
        "built": 2,
        "the": 1,
        "1998": 0,
    }


def test_long_questions_and_sentences_are_cut(tokenizer: Tokenizer) -> None:
    text = document("word " * 30 + "| " + "9 | " * 400)
    window = WindowMaker("why " * 200, text, tokenizer)(0)
    assert window.n_question == MAX_QUESTION_TOKENS
    assert len(window.token_ids) == MAX_QUESTION_TOKENS + MAX_TOKENS


@pytest.mark.parametrize(
    ("word", "match"),
    [("revenues", 2), ("Revenue", 2), ("2021", 2), ("did", 1), ("fell", 0), (",", 0), ("202", 0)],
)
def test_a_word_matches_whatever_its_ending(word: str, match: int) -> None:
    text = f"x {word} x"
    matches = WordMatches("How did revenue, in FY2021, develop?")
    assert matches(text, 2, 2 + len(word)) == match


def test_a_piece_of_a_word_matches_as_the_word_does() -> None:
    assert WordMatches("What happened in 2021?")("in 2021,", 5, 7) == 2
    assert WordMatches("What happened in 2021?")("1121", 2, 4) == 0


@pytest.mark.parametrize(
    ("token", "shape"), [("cat", 5), ("Cat", 6), ("CAT", 7), ("A", 6), ("41", 8), ("$", 9)]
)
def test_shapes(token: str, shape: int) -> None:
    assert token_shape(token, 0, len(token)) == shape
    assert token_shape(f"x{token}", 1, 1 + len(token)) == shape - 5


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ("Sales | 5 | 6", ["Sales", "5", "6"]),
        ("Sales | 5 |", ["Sales", "5", ""]),
        ("| 5 | 6", ["", "5", "6"]),
        ("a|b", ["a|b"]),
    ],
)
def test_cells(row: str, cells: list[str]) -> None:
    assert [row[start:end] for start, end in cell_spans(row)] == cells
