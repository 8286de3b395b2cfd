"""The reader of the checkpoint that ships, on sentences of a document."""

from __future__ import annotations

import pytest

from docqa.engine.checkpoints.installed import embedded_checkpoint
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.mamba2.checkpoint import load_model, load_tokenizer
from docqa.engine.mamba2.span_reader import LEAST_LEAD, THRESHOLD, MambaSpanReader, whole_amount
from docqa.engine.types import Document, Evidence

TEXT = """Ledger

(In thousands) | 2024 | 2023
Fuel for the vessels | 14,963 | 16,204
Wages of the crews | 20,110 | 19,480

The Straße of Zoë’s café was opened in May 1998 by Ada Holm of Malmö. 港は1998年に開いた。
"""


@pytest.fixture(scope="module")
def reader() -> MambaSpanReader:
    folder = embedded_checkpoint()
    return MambaSpanReader(load_model(folder), load_tokenizer(folder))


def found(document: Document, *scores: float) -> tuple[Evidence, ...]:
    """All sentences as evidence; scores in document order, 0 where none is given."""
    padded = [*scores, *[0.0] * len(document.sentences)]
    pairs = sorted(zip(padded, document.sentences, strict=False), key=lambda pair: -pair[0])
    return tuple(
        Evidence(document.id, sentence.id, score, rank)
        for rank, (score, sentence) in enumerate(pairs, 1)
    )


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What was paid for fuel for the vessels in 2024?", "14,963"),
        ("What was paid for fuel for the vessels in FY2023?", "16,204"),
        ("What were the wages of the crews in 2023?", "19,480"),
    ],
)
def test_the_cell_of_the_year_is_found(reader: MambaSpanReader, question: str, words: str) -> None:
    document = document_from_text(TEXT, title="report")
    row = 3 if "wages" in question else 2
    scores = [5.0 if i == row else 0.0 for i in range(len(document.sentences))]
    span = reader.find(question, {document.id: document}, found(document, *scores))
    assert span is not None
    assert span.text({document.id: document}) == words
    assert 0.0 < span.confidence <= 1.0


def test_the_reader_reads_in_the_words_of_the_document(reader: MambaSpanReader) -> None:
    document = document_from_text(
        "2024 | 2023\nPurchases of property and equipment | 52 | 49", title="report"
    )
    asked = "How high was capex in 2023?"
    read = "How high was capex (purchases of property and equipment) in 2023?"
    spans = [
        reader.spans(question, {document.id: document}, found(document))
        for question in (asked, read, "How high was it in 2023?")
    ]
    assert spans[0] == spans[1] != spans[2]
    assert (
        reader.find(asked, {document.id: document}, found(document, 0.0, 5.0)).text(
            {document.id: document}
        )
        == "49"
    )


def test_where_the_best_sentence_has_no_such_words_no_other_ones_are_taken(
    reader: MambaSpanReader,
) -> None:
    """A date in a sentence far below is not how long a term is."""
    document = document_from_text(
        "This agreement is made on May 14, 1999, for the harbour line.\n"
        "The term of this agreement shall not end until the later of the launch of the harbour "
        "line or the day on which the office has shown all notices that were agreed upon.",
        title="contract",
    )
    question, documents = "How long is the term of the agreement?", {document.id: document}
    assert reader.find(question, documents, found(document, 5.0, 7.7)) is None
    spans = reader.spans(question, documents, found(document, 5.0, 7.7))
    assert spans[1] is not None
    assert spans[1].confidence > THRESHOLD


def test_words_of_what_answers_nothing_are_not_taken(reader: MambaSpanReader) -> None:
    document = document_from_text("(In thousands) | 2024 | 2023\nFuel | 14,963 | 16,204", title="r")
    question, documents = "Who is its biggest supplier?", {document.id: document}
    _, row = reader.spans(question, documents, found(document))
    assert row is not None
    assert row.confidence > THRESHOLD
    assert row.lead < LEAST_LEAD
    assert reader.find(question, documents, found(document)) is None


def test_every_span_is_cut_from_its_sentence_in_any_script(reader: MambaSpanReader) -> None:
    document = document_from_text(TEXT, title="report")
    evidence = found(document)
    spans = reader.spans("Who opened the café, and when?", {document.id: document}, evidence)
    assert len(spans) == len(evidence)
    for one, span in zip(evidence, spans, strict=True):
        assert span is not None
        text = document.sentence_text(one.sentence_id)
        assert 0 <= span.start < span.end <= len(text)
        assert text[span.start : span.end].strip()


def test_a_sentence_the_tokenizer_keeps_nothing_of_has_no_span(reader: MambaSpanReader) -> None:
    document = document_from_text("\u200b\u200b\u200b\n\nAda Holm opened it.", title="signs")
    evidence = found(document)
    spans = reader.spans("Who opened it?", {document.id: document}, evidence)
    texts = [document.sentence_text(one.sentence_id).strip("\u200b") for one in evidence]
    assert [span is None for span in spans] == [not text for text in texts]
    assert reader.find("Who?", {document.id: document}, ()) is None
    empty = tuple(one for one, text in zip(evidence, texts, strict=True) if not text)
    assert reader.find("Who?", {document.id: document}, empty) is None


def test_the_same_evidence_gives_the_same_span(reader: MambaSpanReader) -> None:
    document = document_from_text(TEXT, title="report")
    asked = ("Who opened it?", {document.id: document}, found(document))
    assert reader.spans(*asked) == reader.spans(*asked)


def test_a_model_without_a_reader_is_refused() -> None:
    model = load_model(embedded_checkpoint())
    model.drop("reader")
    with pytest.raises(ValueError, match="has no reader"):
        MambaSpanReader(model, load_tokenizer(embedded_checkpoint()))


@pytest.mark.parametrize(
    ("text", "words", "amount"),
    [
        ("It cost $7.0 billion in cash.", "7.0", "$7.0 billion"),
        ("It rose by 4.5% last year.", "4.5", "4.5%"),
        ("They carried 147 million riders.", "147", "147 million"),
        ("They carried 147 millionaires.", "147", "147"),
        ("It was founded in 1961 with one craft.", "1961", "1961"),
        ("Paid (18,640) in cash", "(18,640)", "(18,640)"),
    ],
)
def test_a_figure_takes_its_currency_and_its_scale(text: str, words: str, amount: str) -> None:
    start = text.index(words)
    first, last = whole_amount(text, start, start + len(words))
    assert text[first:last] == amount
