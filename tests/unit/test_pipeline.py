"""The way from a question to its answer, with a retriever that scores as it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from docqa.engine.errors import Cancelled, ConfigError, IngestError
from docqa.engine.generators.base import Draft, OnText
from docqa.engine.library.record import make_record
from docqa.engine.library.store import Store
from docqa.engine.pipeline import TokenCount, ask, file_id, open_file
from docqa.engine.retrievers.retriever import IsCancelled, OnProgress, Progress, Scores
from docqa.engine.types import Citation, Document, Evidence


class ScriptedRetriever:
    """Gives every sentence the score that was written down for it."""

    name = "scripted"
    device = "cpu"

    def __init__(self, scores: Sequence[float], checkpoint: str | None = "test") -> None:
        self.scores = np.array(scores, np.float32)
        self.checkpoint = checkpoint

    def score(
        self,
        question: str,
        document: Document,
        *,
        on_progress: OnProgress | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Scores:
        if is_cancelled and is_cancelled():
            raise Cancelled
        if on_progress:
            on_progress(Progress(document.id, 50, 100, 3, self.scores))
            on_progress(Progress(document.id, 100, 100, len(self.scores), self.scores))
        return self.scores


class ScriptedGenerator:
    """Cites the best sentence."""

    name = "scripted"
    model: str | None = "tiny"

    def generate(
        self,
        question: str,
        documents: Mapping[str, Document],
        evidence: tuple[Evidence, ...],
        confidence: float,
        *,
        further: Sequence[str] = (),
        on_text: OnText | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Draft:
        best = evidence[0]
        quote = documents[best.document_id].sentence_text(best.sentence_id)
        if on_text:
            on_text(quote)
        return Draft(quote, False, (Citation(best.document_id, best.sentence_id, quote),))


SCORES = [0.0, 1.0, 3.0, 0.0, 0.0, 9.0, 2.0]


def test_evidence_is_there_before_the_answer_is_written(report: Document) -> None:
    seen: list[object] = []
    answer = ask(
        "Revenue?",
        [report],
        ScriptedRetriever(SCORES),
        ScriptedGenerator(),
        top_k=3,
        on_evidence=lambda evidence, confidence: seen.extend((evidence, confidence)),
        on_text=seen.append,
    )
    assert seen == [answer.evidence, answer.confidence, answer.text]


def test_the_best_sentences_reach_the_answer(report: Document) -> None:
    answer = ask("  Revenue? ", [report], ScriptedRetriever(SCORES), ScriptedGenerator(), top_k=3)
    assert answer.question == "Revenue?"
    assert [(e.rank, e.sentence_id) for e in answer.evidence] == [(1, 5), (2, 2), (3, 6)]
    assert answer.text == "Total revenue | 1,577 | 1,373"
    assert answer.citations == (Citation(report.id, 5, answer.text),)
    assert (answer.reading.name, answer.reading.checkpoint) == ("scripted", "test")
    assert answer.reading.n_tokens == 100
    assert 0 <= answer.confidence <= 1


def test_words_are_the_limit_unless_sentences_are(report: Document) -> None:
    retriever, generator = ScriptedRetriever(SCORES), ScriptedGenerator()
    assert len(ask("?", [report], retriever, generator).evidence) == len(SCORES)
    assert len(ask("?", [report], retriever, generator, n_words=7).evidence) == 1


def test_a_retriever_without_a_checkpoint_reads_no_tokens(report: Document) -> None:
    retriever = ScriptedRetriever(SCORES, checkpoint=None)
    seen: list[Progress] = []
    answer = ask("?", [report], retriever, ScriptedGenerator(), on_progress=seen.append)
    assert answer.reading.n_tokens == 0
    assert [progress.n_tokens_read for progress in seen] == [50, 100]


@pytest.mark.parametrize("question", ["", "  \n"])
def test_an_empty_question_is_an_error(report: Document, question: str) -> None:
    with pytest.raises(ConfigError, match="empty"):
        ask(question, [report], ScriptedRetriever(SCORES), ScriptedGenerator())


def test_cancelling_ends_the_reading(report: Document) -> None:
    with pytest.raises(Cancelled):
        ask(
            "?",
            [report],
            ScriptedRetriever(SCORES),
            ScriptedGenerator(),
            is_cancelled=lambda: True,
        )


def test_a_record_holds_what_the_answer_stands_on(report: Document) -> None:
    retriever = ScriptedRetriever(SCORES)
    count = TokenCount(retriever)
    answer = ask("?", [report], retriever, ScriptedGenerator(), top_k=2, on_progress=count)
    record = make_record(
        answer,
        [report],
        n_tokens=count.n_tokens,
        model="tiny",
        strategy="direct",
        ingest_seconds=0.0,
        total_seconds=1.0,
    )
    best = record.evidence[0]
    assert best.text == report.pages[best.page - 1].text[best.start : best.end]
    assert (best.heading, best.header) == ("Consolidated results", "| 2021 | 2020")
    assert [evidence.cited for evidence in record.evidence] == [True, False]
    assert record.documents[0].n_tokens == 100
    assert record.documents[0].unread_pages == (3,)
    assert record.title_of(report.id) == report.title


def test_a_file_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("Jane Doe is our chief executive.\n", encoding="utf-8")
    with Store(tmp_path / "library.db") as store:
        first, was_read = open_file(store, path)
        assert was_read
        assert first.id == file_id(path)
        moved = path.rename(tmp_path / "moved.txt")
        again, was_read = open_file(store, moved)
        assert not was_read
        assert again.sentences == first.sentences
        assert again.path == str(moved)


def test_a_file_cut_by_other_rules_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("Jane Doe is our chief executive.\n", encoding="utf-8")
    with Store(tmp_path / "library.db") as store:
        open_file(store, path)
        store._db.execute("UPDATE documents SET segmenter = 'older/0'")
        document, was_read = open_file(store, path)
        assert was_read
        assert document.segmenter != "older/0"


def test_nothing_is_kept_of_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "broken.pdf"
    path.write_bytes(b"%PDF-1.7\n%%EOF")
    with Store(tmp_path / "library.db") as store:
        with pytest.raises(IngestError):
            open_file(store, path)
        with pytest.raises(IngestError, match="Cannot read"):
            open_file(store, tmp_path / "missing.pdf")
        assert store.documents() == []
