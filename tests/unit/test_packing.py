"""Token ids of a document and the exact last token of every sentence."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from docqa.engine.ingest.documents import document_from_text
from docqa.engine.retrievers.packing import tokenize_document
from docqa.engine.types import Document, Page, Sentence

TEXT = """Results of Operations
Net revenue rose by 4.1% to €85.8 million. Naïve façades cost £3.
Total revenue | 1,577 | 1,373
売上高は増加した。利益も増えた。
𝔘nusual 👍🏽 signs, and a ﬁne ligature. The end."""


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """WordPiece over single characters and a few words: every word has several tokens."""
    characters = sorted({c for c in (TEXT + TEXT.lower()) if not c.isspace()})
    pieces = [
        "[UNK]",
        *characters,
        *(f"##{c}" for c in characters),
        "total",
        "rev",
        "##enue",
        "the",
    ]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    model = WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=40)
    built = Tokenizer(model)
    built.normalizer = BertNormalizer(lowercase=True)
    built.pre_tokenizer = BertPreTokenizer()
    return built


def test_every_sentence_ends_at_its_last_token(tokenizer: Tokenizer) -> None:
    document = document_from_text(TEXT, title="t")
    tokens = tokenize_document(document, tokenizer)
    assert len(tokens.sentence_ends) == len(document.sentences) == 8
    start = 0
    for sentence in document.sentences:
        alone = tokenizer.encode(document.sentence_text(sentence.id), add_special_tokens=False).ids
        end = int(tokens.sentence_ends[sentence.id]) + 1
        assert tokens.token_ids[start:end].tolist() == alone
        start = end
    assert start == len(tokens.token_ids)


def test_text_that_is_no_sentence_has_no_tokens(tokenizer: Tokenizer) -> None:
    text = "Page 7\nThe end.\nRunning header"
    start = text.index("The")
    sentence = Sentence(0, 1, start, start + len("The end."))
    document = Document("id", "t", None, (Page(1, text),), (sentence,), "test")
    tokens = tokenize_document(document, tokenizer)
    alone = tokenizer.encode("The end.", add_special_tokens=False).ids
    assert tokens.token_ids.tolist() == alone
    assert tokens.sentence_ends.tolist() == [len(alone) - 1]


def test_sentences_of_several_pages_follow_each_other(tokenizer: Tokenizer) -> None:
    pages = (Page(1, "The cost."), Page(2, "The end."))
    sentences = (Sentence(0, 1, 0, 9), Sentence(1, 2, 0, 8))
    tokens = tokenize_document(Document("id", "t", None, pages, sentences, "test"), tokenizer)
    first = tokenizer.encode("The cost.", add_special_tokens=False).ids
    second = tokenizer.encode("The end.", add_special_tokens=False).ids
    assert tokens.token_ids.tolist() == first + second
    assert tokens.sentence_ends.tolist() == [len(first) - 1, len(first) + len(second) - 1]


def test_a_sentence_the_tokenizer_drops_ends_with_the_one_before(tokenizer: Tokenizer) -> None:
    text = "The end.\n\u200d\u200c"
    sentences = (Sentence(0, 1, 0, 8), Sentence(1, 1, 9, 11))
    document = Document("id", "t", None, (Page(1, text),), sentences, "test")
    ends = tokenize_document(document, tokenizer).sentence_ends.tolist()
    assert ends[0] == ends[1]


def test_an_empty_document_has_no_tokens(tokenizer: Tokenizer) -> None:
    tokens = tokenize_document(Document("id", "t", None, (Page(1, ""),), (), "test"), tokenizer)
    assert len(tokens.token_ids) == 0
    assert len(tokens.sentence_ends) == 0
