"""The whole document instead of the evidence: read in slices, noted, merged.

A slice is as long as the window allows. The model notes what it contributes, with citations; a
note that cites nothing is dropped. The answer is written from the notes and from the sentences
they cite. Where the whole document fits into one prompt, it is answered from at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from docqa.engine.generators.base import Draft
from docqa.engine.generators.language_model.checked_text import CheckedText
from docqa.engine.generators.language_model.desk import Desk, Prompt
from docqa.engine.generators.language_model.prompts import Item, defuse
from docqa.engine.types import Evidence

FIRST_GUESS = 100
"""Sentences that may fit into a slice; later slices start from the one before."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a part of the documents contributes."""

    text: str
    items: tuple[Item, ...]
    """The sentences it cites, under the numbers that the text has."""


class Numbering:
    """Numbers for sentences in the order they are asked for; some have theirs already."""

    def __init__(self, evidence: tuple[Evidence, ...] = ()) -> None:
        self._numbers = {(one.document_id, one.sentence_id): one.rank for one in evidence}

    def __call__(self, item: Item) -> int:
        place = (item.document_id, item.sentence_id)
        return self._numbers.setdefault(place, len(self._numbers) + 1)


def full(desk: Desk) -> Draft | None:
    """Answer from all sentences of the documents; None when nothing in them answers."""
    everything = tuple(
        Item(i + 1, document.id, i)
        for document in desk.documents.values()
        for i in range(len(document.sentences))
    )
    whole = _renumbered(everything)
    prompt = desk.prompt("direct", whole)
    if prompt is not None:
        return _answer(desk, prompt, len(whole))
    numbering = Numbering()
    slices = cut(desk, everything)
    notes: list[Note] = []
    for n_done, one in enumerate(slices):
        if desk.on_step is not None:
            desk.on_step(n_done, len(slices) + 1)
        notes += _noted(desk, one, numbering)
    if desk.on_step is not None:
        desk.on_step(len(slices), len(slices) + 1)
    return _merge(desk, notes, numbering, len(everything)) if notes else None


def cut(desk: Desk, everything: tuple[Item, ...]) -> list[Prompt]:
    """Prompts for slices that together hold all sentences, each as long as fits."""
    prompts: list[Prompt] = []
    start, guess = 0, FIRST_GUESS
    while start < len(everything):
        ahead = _renumbered(everything[start : start + 4 * guess])
        prompt = desk.longest_prompt("slice", ahead, guess)
        prompts.append(prompt)
        guess = len(prompt.items)
        start += guess
    return prompts


def _renumbered(items: tuple[Item, ...]) -> tuple[Item, ...]:
    return tuple(Item(n, one.document_id, one.sentence_id) for n, one in enumerate(items, 1))


def _noted(desk: Desk, prompt: Prompt, numbering: Numbering) -> list[Note]:
    """What the model notes of a slice or of other notes; nothing when it cites nothing."""
    by_number = {item.number: item for item in prompt.items}
    checked = CheckedText(
        desk.texts(prompt.items),
        also_quotable=desk.also_quotable(prompt.items),
        renumber=lambda number: numbering(by_number[number]),
    )
    if not desk.write(prompt, checked) or not checked.cited:
        return []
    cited = [by_number[number] for number in checked.cited]
    items = tuple(Item(numbering(one), one.document_id, one.sentence_id) for one in cited)
    return [Note(checked.text, items)]


def _merge(desk: Desk, notes: list[Note], numbering: Numbering, n_read: int) -> Draft | None:
    """The answer from notes; where they do not fit together, groups of them are merged first."""
    prompt = _merging(desk, notes)
    while prompt is None:
        n_notes, group = _longest_group(desk, notes)
        notes = notes[n_notes:] + _noted(desk, group, numbering)
        if not notes:
            return None
        prompt = _merging(desk, notes)
    return _answer(desk, prompt, n_read)


def _longest_group(desk: Desk, notes: list[Note]) -> tuple[int, Prompt]:
    """The first notes that fit into a prompt together, two at least."""
    best = _merging(desk, notes[:2])
    if best is None:
        raise _too_small(desk, notes[:2])
    n_notes = 2
    while (longer := _merging(desk, notes[: n_notes + 1])) is not None:
        best, n_notes = longer, n_notes + 1
    return n_notes, best


def _too_small(desk: Desk, notes: list[Note]) -> Exception:
    items, shown = _merge_fields(notes)
    return desk.too_small("merge", items, notes=shown)


def _merging(desk: Desk, notes: list[Note]) -> Prompt | None:
    items, shown = _merge_fields(notes)
    return desk.prompt("merge", items, notes=shown)


def _merge_fields(notes: list[Note]) -> tuple[tuple[Item, ...], str]:
    items = dict.fromkeys(item for note in notes for item in note.items)
    return tuple(items), "\n".join(f"- {defuse(note.text)}" for note in notes)


def _answer(desk: Desk, prompt: Prompt, n_read: int) -> Draft | None:
    """Write the answer that is shown: its numbers are ranks, then those after the last rank."""
    numbering = Numbering(desk.evidence)
    by_number = {item.number: item for item in prompt.items}
    checked = CheckedText(
        desk.texts(prompt.items),
        also_quotable=desk.also_quotable(prompt.items),
        renumber=lambda number: numbering(by_number[number]),
        on_text=desk.on_text,
    )
    if not desk.write(prompt, checked):
        return None
    return desk.draft(prompt, checked, n_used=n_read)
