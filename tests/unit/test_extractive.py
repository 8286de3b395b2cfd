"""The answer without a language model."""

from collections.abc import Mapping, Sequence

import pytest

from docqa.engine.errors import ConfigError, MissingError
from docqa.engine.generators.base import load_generator
from docqa.engine.generators.extractive.generator import (
    ExtractiveGenerator,
    choose_quotes,
    name_columns,
    quotable,
    readable,
    short_answer,
)
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.reader import AnswerSpan
from docqa.engine.types import Document, Evidence, Page, Sentence, SentenceKind

HEADING, ROW, PROSE = SentenceKind.HEADING, SentenceKind.ROW, SentenceKind.PROSE


def document(*lines: tuple[int, SentenceKind, str], title: str = "report") -> Document:
    """Sentences by page and kind; a row's header is the row before it, as for a first row."""
    texts: dict[int, str] = {}
    sentences, heading, header = [], None, None
    for i, (page, kind, text) in enumerate(lines):
        start = len(texts.setdefault(page, ""))
        texts[page] += text + "\n"
        sentences.append(Sentence(i, page, start, start + len(text), kind, None, heading, header))
        heading = i if kind is HEADING else heading
        header = (header if header is not None else i) if kind is ROW else None
    pages = tuple(Page(n, texts.get(n, "")) for n in range(1, max(texts) + 1))
    return Document(title * 4, title, None, pages, tuple(sentences), "test/1")


def evidence(document: Document, *ranked: tuple[int, float]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(document.id, i, float(score), rank) for rank, (i, score) in enumerate(ranked, 1)
    )


PROSES = document(
    (1, HEADING, "Our Company"),
    (2, PROSE, "It was founded in 1998,  in Oslo."),
    (2, PROSE, "A rather longer sentence about how the company came to be in those days."),
    (3, PROSE, "Profits rose in 2003."),
    (4, PROSE, "Nobody ever knew quite why."),
)


def answer(document, ranked, *, confidence=0.9, threshold=0.5, question="What?"):
    generator = load_generator("extractive", threshold=threshold)
    return generator.generate(question, {document.id: document}, ranked, confidence)


def test_a_clear_lead_is_quoted_alone_with_its_page():
    draft = answer(PROSES, evidence(PROSES, (1, 9), (2, 2), (3, 1), (4, 0)))
    assert draft.text == "It was founded in 1998, in Oslo. (p. 2)"
    assert not draft.abstained
    assert [one.quote for one in draft.citations] == ["It was founded in 1998,  in Oslo."]


def test_close_ones_are_quoted_together_best_first():
    draft = answer(PROSES, evidence(PROSES, (2, 9), (1, 8), (3, 7), (4, 0)))
    assert draft.text.splitlines() == [
        "A rather longer sentence about how the company came to be in those days. (p. 2)",
        "It was founded in 1998, in Oslo. (p. 2)",
        "Profits rose in 2003. (p. 3)",
    ]
    assert [one.sentence_id for one in draft.citations] == [2, 1, 3]


def test_citations_are_evidence_and_verbatim():
    ranked = evidence(PROSES, (2, 9), (1, 8.9), (3, 8.8), (4, 8.7))
    draft = answer(PROSES, ranked)
    assert {one.sentence_id for one in draft.citations} <= {one.sentence_id for one in ranked}
    for one in draft.citations:
        assert one.quote == PROSES.sentence_text(one.sentence_id)


@pytest.mark.parametrize("scores", [(1, 1, 1, 1), (-5, -6, -7, -8), (0, 0, 0, 0)])
def test_any_scores_give_some_quote(scores):
    ranked = evidence(PROSES, *zip((1, 2, 3, 4), scores, strict=True))
    assert 1 <= len(choose_quotes(quotable({PROSES.id: PROSES}, ranked))) <= 3


def test_a_stub_is_quoted_only_alone():
    contract = document((1, PROSE, "12.1 Term."), (1, PROSE, "It runs for twelve months."))
    ranked = evidence(contract, (0, 9), (1, 1))
    assert answer(contract, ranked).text == "It runs for twelve months. (p. 1)"
    assert answer(contract, ranked[:1]).text == "12.1 Term. (p. 1)"


def test_a_heading_is_quoted_only_alone():
    assert answer(PROSES, evidence(PROSES, (0, 9), (3, 1))).text == "Profits rose in 2003. (p. 3)"
    assert answer(PROSES, evidence(PROSES, (0, 9))).text == "Our Company (p. 1)"


def test_only_who_is_looked_for_in_headings():
    officers = document(
        (1, HEADING, "Ada Lund, Chief Financial Officer"),
        (1, PROSE, "The officers were named in May."),
    )
    told, ranked = {officers.id: officers}, evidence(officers, (0, 9), (1, 1))
    assert [one.sentence_id for one in readable("Who is the CFO?", told, ranked)] == [0, 1]
    assert [one.sentence_id for one in readable("When was it?", told, ranked)] == [1]


def test_the_same_words_are_quoted_once():
    twice = document((1, PROSE, "Profits rose in 2003."), (7, PROSE, "Profits  rose in 2003."))
    assert answer(twice, evidence(twice, (0, 2), (1, 2))).text == "Profits rose in 2003. (p. 1)"


def test_a_row_comes_with_columns_and_heading():
    table = document(
        (58, HEADING, "Cash Flows"),
        (58, ROW, "(in millions) | 2018 | 2017"),
        (58, ROW, "Purchases of property | (1,577) | (1,373)"),
    )
    draft = answer(table, evidence(table, (2, 1)))
    assert draft.text == "Cash Flows: Purchases of property — 2018: (1,577); 2017: (1,373) (p. 58)"
    assert draft.citations[0].quote == "Purchases of property | (1,577) | (1,373)"


@pytest.mark.parametrize(
    ("row", "header", "expected"),
    [
        ("Sales | 5 | 6", "| 2021 | 2020", "Sales — 2021: 5; 2020: 6"),
        ("Sales | 5 | 6", "2021 | 2020", "Sales — 2021: 5; 2020: 6"),
        ("Sales | 5 |", "Item | 2021 | 2020", "Sales — 2021: 5"),
        ("| 5 | 6", "| 2021 | 2020", "2021: 5; 2020: 6"),
        ("Sales | 5 | 6", "", "Sales | 5 | 6"),
        ("Sales | 5 | 6", "2021", "Sales | 5 | 6 [columns: 2021]"),
        ("Sales | $ | 5 | 6", "2021 | 2020", "Sales | $ | 5 | 6 [columns: 2021 | 2020]"),
    ],
)
def test_column_names(row, header, expected):
    assert name_columns(row, header) == expected


def short(document: Document, sentence_id: int, words: str) -> tuple[str, str]:
    """Text and quote of the answer that opens with these words of a sentence."""
    start = document.sentence_text(sentence_id).index(words)
    found = Evidence(document.id, sentence_id, 1.0, 1)
    draft = short_answer({document.id: document}, AnswerSpan(found, start, start + len(words), 0.9))
    (citation,) = draft.citations
    assert (citation.sentence_id, draft.abstained) == (sentence_id, False)
    return draft.text, citation.quote


def test_a_short_answer_stands_above_its_sentence_with_the_page():
    assert short(PROSES, 1, "1998,  in Oslo") == (
        "1998, in Oslo (p. 2)\nIt was founded in 1998, in Oslo. (p. 2)",
        "1998,  in Oslo",
    )


@pytest.mark.parametrize(
    ("header", "heading", "scale"),
    [
        ("(In thousands) | 2024 | 2023", "Cash flows", " in thousands"),
        ("(in millions, except per share data) | 2024 | 2023", "Cash flows", " in millions"),
        ("| 2024 | 2023", "Cash flows (in billions)", " in billions"),
        ("| 2024 | 2023", "CASH FLOWS, IN MILLIONS", " in millions"),
        ("| 2024 | 2023", "Boats in thousandsfold use", ""),
    ],
)
def test_a_figure_says_what_its_table_counts_in(header, heading, scale):
    table = document((9, HEADING, heading), (9, ROW, header), (9, ROW, "Vessels | (18,640) | 6.2%"))
    text, quote = short(table, 2, "(18,640)")
    assert text.splitlines()[0] == f"(18,640){scale} (p. 9)"
    assert quote == "(18,640)"
    assert short(table, 2, "6.2%")[0].splitlines()[0] == "6.2% (p. 9)"
    assert short(table, 2, "Vessels")[0].splitlines()[0] == "Vessels (p. 9)"


@pytest.mark.parametrize(
    ("row", "figure", "scale"),
    [
        ("Net income | 3,972 | 3,826", "3,972", " in millions"),
        ("Net income per share, diluted | $15.48 | $14.33", "$15.48", ""),
        ("Shares used in computing it | 256 | 266", "256", ""),
        ("Diluted | $15.48 | $14.33", "$15.48", ""),
        ("Depreciation | 3.5 | 4.25", "3.5", " in millions"),
    ],
)
def test_what_a_table_excepts_is_not_counted_in_its_scale(row, figure, scale):
    header = "(In millions, except per share amounts) | 2024 | 2023"
    table = document((9, HEADING, "Income"), (9, ROW, header), (9, ROW, row))
    assert short(table, 2, figure)[0].splitlines()[0] == f"{figure}{scale} (p. 9)"


@pytest.mark.parametrize(
    ("above", "scale"),
    [
        ("Repurchases were as follows for the periods indicated (in millions):", " in millions"),
        ("Costs of the fleet (dollars in thousands, except per share data) were:", " in thousands"),
        ("Costs of the fleet, in thousands:", " in thousands"),
        ("We invested in millions of trees.", ""),
        ("Costs (in thousands):\nOther costs follow. Ships are dear. They are bought.", ""),
    ],
)
def test_what_introduces_a_table_says_what_it_counts_in(above: str, scale: str) -> None:
    text = f"Costs\n\n{above}\n\n| 2024 | 2023\nFuel | 14,963 | 16,204\nWages | 20,110 | 19,480"
    table = document_from_text(text, title="report")
    (row,) = (one.id for one in table.sentences if "Wages" in table.sentence_text(one.id))
    assert short(table, row, "20,110")[0].splitlines()[0] == f"20,110{scale} (p. 1)"


def test_what_stands_above_another_table_says_nothing_of_this_one() -> None:
    text = "Costs in thousands:\n\n| 2024\nFuel | 14,963\n\n| Boats\nOwned | 41"
    table = document_from_text(text, title="report")
    (row,) = (one.id for one in table.sentences if "Owned" in table.sentence_text(one.id))
    assert short(table, row, "41")[0].splitlines()[0] == "41 (p. 1)"


def test_a_reason_is_no_row_while_there_is_prose():
    report = document(
        (1, ROW, "Fuel | 12"), (2, PROSE, "Fuel fell due to fewer trips."), (3, ROW, "Oil | 3")
    )
    ranked = evidence(report, (0, 9), (1, 8), (2, 7))
    assert answer(report, ranked, question="Why did fuel fall?").text == (
        "Fuel fell due to fewer trips. (p. 2)"
    )
    assert answer(report, ranked[:1], question="Why did fuel fall?").text == "Fuel | 12 (p. 1)"
    assert answer(report, ranked, question="What is fuel?").text.startswith("Fuel | 12 (p. 1)")


def test_what_leads_in_gives_way_to_what_follows_it():
    report = document(
        (1, PROSE, "Our segments are the following:"), (1, PROSE, "Express and Freight are two.")
    )
    ranked = evidence(report, (0, 9), (1, 1))
    assert answer(report, ranked).text == "Express and Freight are two. (p. 1)"
    assert answer(report, ranked[:1]).text == "Our segments are the following: (p. 1)"


class FirstFigure:
    """A reader that takes the first figure of a row for an answer."""

    def find(
        self, question: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
    ) -> AnswerSpan:
        start = len("Fuel | ")
        return AnswerSpan(evidence[0], start, start + len("$14.9 million"), 0.9)


@pytest.mark.parametrize(
    ("question", "is_opened"),
    [
        ("What did fuel cost?", True),
        ("May 2024 spending on fuel?", True),
        ("How much does the company pay for fuel?", True),
        ("Who sells the fuel, and for how much?", True),
        ("Where is fuel bought, and at what price?", True),
        ("How did the cost of fuel change?", True),
        ("Who sells the fuel?", False),
        ("From whom is fuel bought?", False),
        ("Where does the company buy fuel?", False),
        ("How does the company buy fuel?", False),
        ("Does the company hedge fuel?", False),
        ("Why was more spent when fuel was cheap?", False),
    ],
)
def test_no_figure_opens_an_answer_that_asks_for_none(question: str, *, is_opened: bool) -> None:
    report = document((1, SentenceKind.ROW, "Fuel | $14.9 million"))
    generator = ExtractiveGenerator(reader=FirstFigure())
    draft = generator.generate(question, {report.id: report}, evidence(report, (0, 5.0)), 0.9)
    assert draft.text.startswith("$14.9 million (p. 1)\n") is is_opened
    assert "Fuel" in draft.text


def test_a_footnote_in_a_short_answer_is_no_citation():
    noted = document((1, PROSE, "It has 41 boats [3] and a crew of nine."))
    assert short(noted, 0, "41 boats [3]")[0].startswith("41 boats [ 3] (p. 1)\n")


def test_abstains_below_the_threshold_and_names_the_closest_pages():
    ranked = evidence(PROSES, (1, 3), (2, 2), (3, 1), (4, 0))
    draft = answer(PROSES, ranked, confidence=0.123)
    assert draft.abstained
    assert draft.citations == ()
    assert draft.text == (
        "The document does not seem to answer this question (confidence 12%). "
        "The closest passages are on p. 2, p. 3 and p. 4."
    )
    assert not answer(PROSES, ranked, confidence=0.5).abstained
    assert not answer(PROSES, ranked, confidence=0.0, threshold=0.0).abstained


def test_it_says_which_names_stand_nowhere():
    ranked = evidence(PROSES, (1, 3), (2, 2), (3, 1), (4, 0))
    question = "How many ferries do Microsoft and Lindqvist run?"
    refused = answer(PROSES, ranked, confidence=0.1, question=question)
    assert refused.text.endswith(" The document does not name Microsoft or Lindqvist.")
    given = answer(PROSES, ranked, confidence=0.9, question=question)
    assert not given.abstained
    assert given.text.startswith("The document does not name Microsoft or Lindqvist.\nIt was")


def test_nothing_to_read():
    draft = answer(PROSES, (), confidence=0.0)
    assert draft.abstained
    assert "no readable text" in draft.text


def test_several_documents_are_named():
    other = document((5, PROSE, "Losses fell in 2004."), title="filing")
    documents = {PROSES.id: PROSES, other.id: other}
    ranked = (Evidence(PROSES.id, 3, 2.0, 1), Evidence(other.id, 0, 2.0, 2))
    generator = load_generator("extractive", threshold=0.5)
    draft = generator.generate("What?", documents, ranked, 0.9)
    assert draft.text.splitlines() == [
        "Profits rose in 2003. (report, p. 3)",
        "Losses fell in 2004. (filing, p. 5)",
    ]
    refused = generator.generate("What?", documents, ranked[:1], 0.1)
    assert refused.text.endswith("The closest passage is on report, p. 3.")


def test_generators_by_name():
    assert load_generator("extractive").name == "extractive"
    with pytest.raises(MissingError, match="needs a model file"):
        load_generator("llama")
    with pytest.raises(MissingError, match="needs the address of a server"):
        load_generator("openai")
    with pytest.raises(ConfigError, match=r"'gpt'.*extractive, llama, openai"):
        load_generator("gpt")
