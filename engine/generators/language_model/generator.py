"""The generators that write: a language model, asked in one of three ways.

direct       the evidence and the question; the answer cites by number
scratchpad   the model first copies the sentences it needs, then answers from its copies
full         the model reads the whole documents slice by slice; what it notes is merged
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from docqa.engine.generators import abstention
from docqa.engine.generators.base import Draft, OnStep, OnText
from docqa.engine.generators.language_model.checked_text import CheckedText
from docqa.engine.generators.language_model.desk import Desk
from docqa.engine.generators.language_model.full import full
from docqa.engine.generators.language_model.model import LanguageModel
from docqa.engine.generators.language_model.opening import Opening
from docqa.engine.generators.language_model.prompts import Item
from docqa.engine.generators.language_model.scratchpad import Scratchpad, checked_copies
from docqa.engine.retrievers.retriever import IsCancelled
from docqa.engine.types import Document, Evidence


class WritingGenerator:
    """Lets a language model write the answer, and checks what it writes."""

    def __init__(
        self,
        language_model: LanguageModel,
        *,
        strategy: str = "direct",
        threshold: float = 0.0,
        answer_tokens: int = 512,
        on_step: OnStep | None = None,
    ) -> None:
        """
        Args:
            language_model: What writes.
            strategy: `direct`, `scratchpad` or `full`.
            threshold: Confidence below which it abstains without asking the model.
            answer_tokens: Most tokens of an answer.
            on_step: Told how far a strategy of several calls is.
        """
        self.name = language_model.name
        self.model = language_model.model
        self.language_model = language_model
        self.strategy = strategy
        self.threshold = threshold
        self.answer_tokens = answer_tokens
        self.on_step = on_step

    def check(self, is_cancelled: IsCancelled | None = None) -> None:
        """See `LoadedGenerator.check`."""
        self.language_model.check(is_cancelled)
        self.model = self.language_model.model

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
        """See `Generator.generate`."""
        if not evidence or confidence < self.threshold:
            draft = abstention.unlikely(question, documents, evidence, confidence)
        else:
            desk = Desk(
                question,
                documents,
                evidence,
                self.language_model,
                self.answer_tokens,
                on_text,
                self.on_step,
                is_cancelled,
            )
            self.language_model.open(is_cancelled)
            self.model = self.language_model.model
            draft = _STRATEGIES[self.strategy](desk)
        if draft.abstained and on_text is not None:
            on_text(draft.text)
        return draft


def direct(desk: Desk) -> Draft:
    """The evidence and the question in one prompt."""
    items = offer(desk.evidence)
    prompt = desk.longest_prompt("direct", items, len(items))
    checked = CheckedText(
        desk.texts(prompt.items),
        also_quotable=desk.also_quotable(prompt.items),
        on_text=desk.on_text,
    )
    if not desk.write(prompt, checked):
        return _not_found(desk, len(prompt.items))
    return desk.draft(prompt, checked)


def scratchpad(desk: Desk) -> Draft:
    """The same, but the model copies what it needs before it answers; the copies are checked."""
    items = offer(desk.evidence)
    prompt = desk.longest_prompt("scratchpad", items, len(items))
    offered = desk.texts(prompt.items)
    checked = CheckedText(
        offered, also_quotable=desk.also_quotable(prompt.items), on_text=desk.on_text
    )
    pad = Scratchpad()
    if not desk.write(prompt, checked, pad, Opening()):
        return _not_found(desk, len(prompt.items))
    copies, n_wrong = checked_copies(pad.pad, offered)
    return desk.draft(prompt, checked, copies=copies, n_wrong_copies=n_wrong)


def offer(evidence: tuple[Evidence, ...]) -> tuple[Item, ...]:
    """Evidence as numbered items, the best first; the number is the rank."""
    return tuple(Item(one.rank, one.document_id, one.sentence_id) for one in evidence)


def _full(desk: Desk) -> Draft:
    return full(desk) or _not_found(
        desk, sum(len(document.sentences) for document in desk.documents.values())
    )


def _not_found(desk: Desk, n_used: int) -> Draft:
    draft = abstention.not_found(desk.documents, desk.evidence, desk.model.model)
    return replace(draft, writing=desk.writing(n_used))


_STRATEGIES: dict[str, Callable[[Desk], Draft]] = {
    "direct": direct,
    "scratchpad": scratchpad,
    "full": _full,
}
