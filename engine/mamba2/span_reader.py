"""The span reader of a checkpoint: its token embedding, its reader head and their tokenizer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from tokenizers import Tokenizer
from torch import Tensor

from docqa.engine.mamba2.model import Mamba2Model
from docqa.engine.mamba2.reader_batch import make_batch
from docqa.engine.mamba2.reader_head import Verdict
from docqa.engine.question.wording import in_words_of
from docqa.engine.reader import AnswerSpan
from docqa.engine.reader_window import ReaderWindow, WindowMaker
from docqa.engine.types import Document, Evidence

MAX_SENTENCES = 6
"""Evidence sentences that are read: reading takes longer than it gains with more."""
SCORE_WEIGHT = 2.0
"""What the retriever's score of a sentence counts beside the lead of its span."""
LEADS = (0.0, 1.0)
"""A lead outside of these counts as the nearer: words that fit well (`6,720` for how much) do not
make their sentence the right one, and where the best one answers as a whole (`the later of (a) a
year from …`), the figure of another is not the answer."""
LEAST_LEAD = -2.0
"""Below it the reader finds that nothing there answers, whichever words would fit best."""
THRESHOLD = 0.3
"""Confidence below which the answer is the sentence; trainer/README.md has the figures."""
UNREADABLE = -10.0
"""Logit that a sentence of which the tokenizer keeps nothing answers."""
_CURRENCIES = ("$", "€", "£", "¥")
_SCALE = re.compile(r"\s?(?:%|(?:hundred|thousand|million|billion|trillion|percent)\b)")


@dataclass(frozen=True, slots=True)
class WindowSpan:
    """The likeliest span of one window."""

    start: int
    end: int
    """In the text of the sentence."""
    lead: float
    """Its logit less that of "no span"; above 0 where it is likelier."""
    confidence: float
    """Its probability if the sentence answers: among all spans and the sentence as a whole."""
    answers: float
    """Logit that the sentence answers, by a span or as a whole."""


class MambaSpanReader:
    """Finds spans with the reader head of a loaded checkpoint."""

    def __init__(self, model: Mamba2Model, tokenizer: Tokenizer) -> None:
        """
        Args:
            model: One with a reader.
            tokenizer: Its tokenizer.
        """
        if model.reader is None:
            raise ValueError("this checkpoint has no reader")
        self._head = model.reader
        self._embedding = model.backbone.embedding.weight
        self._tokenizer = tokenizer

    def find(
        self, question: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
    ) -> AnswerSpan | None:
        """See `SpanReader.find`."""
        read = evidence[:MAX_SENTENCES]
        spans = self.spans(question, documents, read)
        found = [(one, span) for one, span in zip(read, spans, strict=True) if span is not None]
        if not found:
            return None
        evidence_of, span = max(found, key=_promise)
        if span.confidence < THRESHOLD or span.lead < LEAST_LEAD:
            return None
        text = documents[evidence_of.document_id].sentence_text(evidence_of.sentence_id)
        start, end = whole_amount(text, span.start, span.end)
        return AnswerSpan(evidence_of, start, end, span.confidence)

    def answers(
        self, question: str, document: Document, sentence_ids: Sequence[int]
    ) -> list[float]:
        """See `SpanReader.answers`."""
        read = [Evidence(document.id, i, 0.0, rank) for rank, i in enumerate(sentence_ids, 1)]
        spans = self.spans(question, {document.id: document}, read)
        return [UNREADABLE if span is None else span.answers for span in spans]

    def spans(
        self, question: str, documents: Mapping[str, Document], evidence: Sequence[Evidence]
    ) -> list[WindowSpan | None]:
        """The likeliest span of each sentence; None where it has no words."""
        makers = {
            read: WindowMaker(
                in_words_of(documents[read], question), documents[read], self._tokenizer
            )
            for read in {one.document_id for one in evidence}
        }
        windows = [makers[one.document_id](one.sentence_id) for one in evidence]
        # of a sentence of signs the tokenizer may keep nothing
        worded = [i for i, one in enumerate(windows) if one.n_question < len(one.token_ids)]
        spans: list[WindowSpan | None] = [None] * len(windows)
        if worded:
            chosen = [windows[i] for i in worded]
            with torch.inference_mode():
                found = best_spans(chosen, self._head(make_batch(self._embedding, chosen)))
            for i, span in zip(worded, found, strict=True):
                spans[i] = span
        return spans


def _promise(found: tuple[Evidence, WindowSpan]) -> float:
    """How likely a sentence and its span are to answer, to be compared within one question."""
    evidence, span = found
    least, most = LEADS
    return min(max(span.lead, least), most) + SCORE_WEIGHT * evidence.score


def whole_amount(text: str, start: int, end: int) -> tuple[int, int]:
    """A span that is a figure, with the currency before it and the scale behind it.

    `7.0` of `$7.0 billion` is not what was spent, but what filings tag as the figure.
    """
    if not text[end - 1].isdigit():
        return start, end
    if text[:start].endswith(_CURRENCIES):
        start -= 1
    scale = _SCALE.match(text, end)
    return start, scale.end() if scale else end


def best_spans(
    windows: Sequence[ReaderWindow], logits: Float[Tensor, "b m"]
) -> list[WindowSpan | None]:
    """The likeliest span of each window, in characters of its sentence."""
    n_spans = logits.shape[1] - len(Verdict)
    n = int(n_spans**0.5)
    best, places = logits[:, :n_spans].max(-1)
    nothing = logits[:, n_spans + Verdict.NOTHING]
    answers = logits[:, : n_spans + Verdict.NOTHING].logsumexp(-1)
    figures = torch.stack(
        [
            best - logits[:, n_spans:].logsumexp(-1),
            (best - answers).exp(),
            answers - nothing,
        ],
        -1,
    )
    spans: list[WindowSpan | None] = []
    for window, place, told in zip(windows, places.tolist(), figures.tolist(), strict=True):
        first, last = divmod(place, n)
        start, end = int(window.starts[first]), int(window.ends[last])
        spans.append(WindowSpan(start, end, *told) if end > start else None)
    return spans
