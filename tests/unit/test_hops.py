"""Reading on: when, for what, and what becomes of the evidence."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from docqa.engine.errors import Cancelled
from docqa.engine.evidence import select_evidence
from docqa.engine.exports.highlights import highlights_of
from docqa.engine.exports.markdown import questions_markdown
from docqa.engine.exports.questions import ExportedQuestion
from docqa.engine.exports.record_json import record_json
from docqa.engine.generators.extractive.generator import ExtractiveGenerator
from docqa.engine.hops import Lead, count_words, find_lead
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.library.migrations import MIGRATIONS
from docqa.engine.library.record import Record, make_record
from docqa.engine.library.store import Store
from docqa.engine.pipeline import ask, find
from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.engine.retrievers.retriever import Progress, Retriever, load_retriever
from docqa.engine.types import Document

QUESTION = "What is the home port of the vessel that serves the Velmora route?"
LEADS_ON = "The Velmora route is served by the Kestrin."
ANSWERS = "Every night the Kestrin returns to her home port, which is Ostwin."
N_WORDS = 60
"""Of evidence: room for a few sentences about home ports, but not for all."""
FILLER = (
    "Ticket sales grew in the second half of the year.",
    "The board met five times and approved the budget.",
    "Passengers liked the new timetable better than the old one.",
    "A storm in March closed the terminal for two days.",
)


def shipping(*, leads_on: str = LEADS_ON, answers: str = ANSWERS) -> Document:
    """Two places of an answer among thirty others like them."""
    names = [f"{first}{last}" for first in ("Bra", "Dro", "Fen", "Gul", "Hes", "Jor")
             for last in ("dam", "fell", "gate", "holm", "mere")]  # fmt: skip
    lines = [f"The {name}ish route is served by the {name}." for name in names]
    ports = [
        f"Every night the {name} returns to her home port, which is {name}ville." for name in names
    ]
    filler = list(FILLER) * 10
    text = [*lines[:15], leads_on, *lines[15:], *filler, *ports[:15], answers, *ports[15:]]
    return document_from_text("\n".join(text), title="Shipping")


def evidence_of(question: str, document: Document) -> tuple[str, Lead | None]:
    """The best sentence for a question, and where it leads."""
    scores = BM25Retriever().score(question, document)
    evidence = select_evidence([(document, scores)], n_words=N_WORDS)
    best = document.sentence_text(evidence[0].sentence_id)
    return best, find_lead(question, evidence, [document])


@pytest.fixture(scope="module")
def hybrid() -> Retriever:
    """The embedded checkpoint, with BM25."""
    return load_retriever("hybrid", device="cpu")


def recorded(hops: int | None) -> Record:
    """An answer from the two places, as it is kept."""
    document = shipping()
    answer = ask(
        QUESTION, [document], BM25Retriever(), ExtractiveGenerator(), n_words=N_WORDS, hops=hops
    )
    return make_record(
        answer,
        [document],
        n_tokens={},
        model=None,
        strategy="direct",
        ingest_seconds=0.0,
        total_seconds=1.0,
    )


def test_a_name_leads_on_with_what_is_still_asked() -> None:
    best, lead = evidence_of(QUESTION, shipping())
    assert best == LEADS_ON
    assert lead == Lead(names=("Kestrin",), open_words=("home", "port", "vessel"))
    assert lead.question == "home port vessel Kestrin"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"answers": "Nothing more is known of that."}, "the name stands nowhere else"),
        ({"answers": " ".join([ANSWERS] * 5)}, "it stands in too many places"),
        ({"answers": "To kestrin is to fly; the Kestrin flies home to port."}, "it is a word"),
        ({"leads_on": "The Velmora route is served in January."}, "a month is no name"),
        ({"leads_on": "The home port of the Velmora route's vessel is in Kestrin."}, "it answers"),
    ],
)
def test_what_leads_nowhere(change: dict[str, str], why: str) -> None:
    best, lead = evidence_of(QUESTION, shipping(**change))
    assert "Velmora" in best
    assert lead is None, why


def test_names_are_names_in_any_alphabet() -> None:
    _, lead = evidence_of(
        QUESTION,
        shipping(
            leads_on=LEADS_ON.replace("Kestrin", "Örebro"),
            answers=ANSWERS.replace("Kestrin", "Örebro"),
        ),
    )
    assert lead is not None
    assert lead.names == ("Örebro",)


def test_a_place_that_was_found_is_not_read_for() -> None:
    document = shipping()
    scores = BM25Retriever().score(QUESTION, document)
    everything = select_evidence([(document, scores)])
    assert find_lead(QUESTION, everything, [document]) is None
    lead = find_lead(QUESTION, everything, [document], is_asked_for=True)
    assert lead is not None
    assert lead.names == ("Kestrin",)


def test_words_are_counted_as_the_retriever_compares_them(report: Document) -> None:
    counts = count_words(["widget", "company", "executive", "1,577", "absent"], [report])
    assert counts == {"widget": 2, "1,577": 1}
    other = document_from_text("Companies and a company.", title="other")
    assert count_words(["company"], [report, other]) == {"company": 2}
    assert not count_words([], [report])


@pytest.mark.parametrize("name", ["bm25", "hybrid"])
def test_a_second_reading_finds_the_second_place(name: str, hybrid: Retriever) -> None:
    document = shipping()
    retriever = hybrid if name == "hybrid" else BM25Retriever()
    once = find(QUESTION, [document], retriever, n_words=N_WORDS)
    again = find(QUESTION, [document], retriever, n_words=N_WORDS, hops=None)

    def hops_of(evidence: object) -> dict[str, int]:
        return {document.sentence_text(one.sentence_id): one.hop for one in evidence}  # type: ignore[attr-defined]

    assert LEADS_ON in hops_of(once.evidence)
    assert ANSWERS not in hops_of(once.evidence)
    assert hops_of(again.evidence)[LEADS_ON] == 1
    assert hops_of(again.evidence)[ANSWERS] == 2
    assert again.reading.further == ("home port vessel Kestrin",)
    assert again.reading.n_tokens == 2 * once.reading.n_tokens
    assert [one.rank for one in again.evidence] == list(range(1, len(again.evidence) + 1))


@pytest.mark.parametrize("question", ["Which port has the Fendam?", "What did passengers like?"])
def test_an_answer_in_one_place_is_read_for_once(question: str) -> None:
    found = find(question, [shipping()], BM25Retriever(), n_words=N_WORDS, hops=None)
    assert found.reading.n_hops == 1
    assert {one.hop for one in found.evidence} == {1}


def test_the_places_may_stand_in_two_documents() -> None:
    text = shipping().text
    first, second = (
        document_from_text(part, title=title)
        for part, title in zip(text.split(FILLER[0], 1), ("Routes", "Ports"), strict=True)
    )
    found = find(QUESTION, [first, second], BM25Retriever(), n_words=N_WORDS, hops=None)
    places = {(one.document_id, one.hop) for one in found.evidence}
    assert (first.id, 1) in places
    assert (second.id, 2) in places


def test_three_readings_follow_a_chain_of_three_sentences() -> None:
    lines = [f"In summer {n} ships lie in the harbour." for n in range(80)]
    lines[10] = "Old Menwick left the workshop to Corvane."
    lines[40] = "Corvane sold everything to Thessaly Brun."
    lines[70] = "For the summer Brun has rented a tower."
    document = document_from_text("\n".join(lines), title="A story")
    question = "Where is the one who bought from the heir of Menwick in summer?"

    def found(hops: int) -> list[str]:
        evidence = find(question, [document], BM25Retriever(), top_k=3, hops=hops).evidence
        return [document.sentence_text(one.sentence_id) for one in evidence if one.hop == hops]

    assert lines[40] in found(2)
    assert lines[70] in found(3)
    reading = find(question, [document], BM25Retriever(), top_k=3, hops=5).reading
    assert reading.n_hops <= 4  # it ends where nothing leads on


def test_progress_and_cancelling_go_through_the_second_reading(hybrid: Retriever) -> None:
    seen: list[Progress] = []
    with pytest.raises(Cancelled):
        find(
            QUESTION,
            [shipping()],
            hybrid,
            n_words=N_WORDS,
            hops=None,
            on_progress=seen.append,
            is_cancelled=lambda: bool(seen) and seen[-1].hop == 2,
        )
    assert [one.hop for one in seen][-1] == 2
    whole = [one.n_tokens_read / one.n_tokens for one in seen if one.hop == 1]
    assert whole[-1] == 1
    assert seen[-1].n_tokens_read <= seen[-1].n_tokens


def test_the_history_keeps_which_reading_found_what(tmp_path: Path) -> None:
    record = recorded(None)
    assert {one.hop for one in record.evidence} == {1, 2}
    with Store(tmp_path / "library.db") as store:
        number = store.add_record(record)
        assert store.record(number) == record


def test_answers_from_before_were_read_for_once(tmp_path: Path) -> None:
    path, record = tmp_path / "library.db", recorded(1)
    with Store(path) as store:
        store.add_record(record)
    with sqlite3.connect(path) as conn:  # as a library of the schema before looks
        conn.execute("ALTER TABLE questions DROP COLUMN further")
        conn.execute("ALTER TABLE evidence DROP COLUMN hop")
        conn.execute("DELETE FROM _sqlite_migrations WHERE name = 'm008_hops'")
    assert [one.name for one in MIGRATIONS.pending(Database(path))] == ["m008_hops"]
    with Store(path) as store:
        assert store.record(1) == record


def test_exports_tell_of_the_second_reading() -> None:
    record = recorded(None)
    exported = record_json(record)
    assert exported["retriever"]["hops"] == 2
    assert exported["retriever"]["further"] == ["home port vessel Kestrin"]
    by_text = {one["text"]: one["hop"] for one in exported["evidence"]}
    assert (by_text[LEADS_ON], by_text[ANSWERS]) == (1, 2)
    text = questions_markdown([ExportedQuestion(record)])
    assert "again for “home port vessel Kestrin”" in text
    assert text.count("found by reading 2") == [one.hop for one in record.evidence].count(2)
    marks = highlights_of([ExportedQuestion(record)], record.documents[0].id, None)
    assert [mark.text for mark in marks if "found by reading 2" in mark.note] == [
        one.text for one in sorted(record.evidence, key=lambda one: one.start) if one.hop == 2
    ]
    once = replace(record, reading=replace(record.reading, further=()))
    assert "again" not in questions_markdown([ExportedQuestion(once)]).rsplit("*Read by", 1)[1]
