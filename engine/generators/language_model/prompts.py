"""What a language model is asked: the templates of assets/prompts, filled in.

Text of a document is data. It stands on lines of its own between two fences, whose name depends
on all that stands between them, so no document can write its own closing fence; whatever a chat
template might take for its own signs is broken up.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import TypeAlias

from docqa.engine.types import Document, SentenceKind

Messages: TypeAlias = tuple[dict[str, str], ...]
"""`role` and `content` of each message, as chat models take them."""

_USER = "=== user\n"
_CHAT_SIGN = re.compile(r"<(?=[|/｜A-Za-z_])|\[(?=/?[A-Z_]{3,}\])")
"""Opens `<|im_end|>`, `</s>`, `<start_of_turn>`, `<think>`, `[INST]` and their like."""


@dataclass(frozen=True, slots=True)
class Item:
    """A sentence as it is offered to a model: under a number, which the answer cites."""

    number: int
    document_id: str
    sentence_id: int


def ask_for(
    name: str,
    question: str,
    documents: Mapping[str, Document],
    items: Sequence[Item],
    **fields: object,
) -> Messages:
    """The messages of one template.

    Args:
        name: A file of assets/prompts without its ending.
        question: As the user wrote it.
        documents: By id.
        items: What is offered; shown in the order of the documents.
        fields: Further names of the template.
    """
    shown = {key: str(value) for key, value in fields.items()}
    return fill(
        name, {**shown, "question": defuse(question), "evidence": show_items(documents, items)}
    )


def fill(name: str, fields: Mapping[str, str]) -> Messages:
    """The messages of one template, with a fence that none of the fields can hold.

    Args:
        name: A file of assets/prompts without its ending.
        fields: All names of the template but `fence`; what comes from others is defused.
    """
    shown = dict(fields)
    seal = hashlib.sha256(repr(sorted(shown.items())).encode()).hexdigest()[:8]
    shown["fence"] = f"----- document text {seal} -----"
    system, user = template(name)
    return (
        {"role": "system", "content": Template(system).substitute(shown).strip()},
        {"role": "user", "content": Template(user).substitute(shown).strip()},
    )


@cache
def template(name: str) -> tuple[str, str]:
    """The system part and the user part of a template."""
    text = files("docqa.assets").joinpath("prompts", f"{name}.txt").read_text(encoding="utf-8")
    system, _, user = text.partition(_USER)
    return system, user


def show_items(documents: Mapping[str, Document], items: Sequence[Item]) -> str:
    """Items in the order of the documents, under their titles, headings and column names.

    A title, a heading or a row of column names is shown where it changes, not on every line.
    """
    places = {document_id: place for place, document_id in enumerate(documents)}
    lines: list[str] = []
    shown: tuple[str, int | None, int | None] | None = None
    for item in sorted(items, key=lambda one: (places[one.document_id], one.sentence_id)):
        document = documents[item.document_id]
        sentence = document.sentences[item.sentence_id]
        header = sentence.header if sentence.kind is SentenceKind.ROW else None
        if len(documents) > 1 and (shown is None or shown[0] != document.id):
            lines.append(f"## Document: {defuse(document.title)}")
        if shown is None or shown[:2] != (document.id, sentence.heading):
            heading = "—" if sentence.heading is None else _text(document, sentence.heading)
            lines += [f"# Section: {heading}"] if heading != "—" or shown else []
            shown = (document.id, sentence.heading, None)
        if header is not None and shown[2] != header:
            lines.append(f"Columns: {_text(document, header)}")
        shown = (document.id, sentence.heading, header)
        lines.append(f"[{item.number}] {_text(document, sentence.id)}")
    return "\n".join(lines)


def defuse(text: str) -> str:
    """Text on one line, with nothing in it that a chat template would take for its own signs."""
    return _CHAT_SIGN.sub(lambda found: found[0] + " ", " ".join(text.split()))


def _text(document: Document, sentence_id: int) -> str:
    return defuse(document.sentence_text(sentence_id))
