"""Excerpts: documents cut to a length that a language model reads and a retriever trains on.

An excerpt ends with a sentence. Its text, cut into sentences as training cuts it, gives the units
that the language model is shown, so a label is a sentence of the data by construction. Running
headers and footers of PDFs are left out.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from docqa.engine.ingest.documents import document_from_text
from docqa.engine.retrievers.packing import tokenize_document
from docqa.engine.types import PAGE_SEPARATOR, Document
from docqa.trainer.synthetic.language import is_in_language

MIN_SHARE = 0.5
"""The end of a document is an excerpt when it has this share of the tokens asked for."""


@dataclass(frozen=True, slots=True)
class RawDocument:
    """A document without questions."""

    id: str
    document: Document
    domain: str = ""


@dataclass(frozen=True)
class Excerpt:
    """A part of a document, or a whole short one."""

    id: str
    document_id: str
    title: str
    domain: str
    text: str
    window_tokens: int
    """The length asked for, which it does not exceed."""

    @cached_property
    def document(self) -> Document:
        """The text cut into sentences as training cuts it."""
        return document_from_text(self.text, title=self.title)


@dataclass(frozen=True, slots=True)
class Cutting:
    """How documents are cut."""

    window_tokens: tuple[int, ...] = (2000, 5000, 10000)
    """Lengths; one is drawn for each excerpt."""
    n_documents: int | None = None
    """At most; None = all."""
    n_excerpts: int | None = None
    """Of each document, at most, drawn from all of it; None = all."""
    language: str = "en"
    """ISO 639-1; `any` keeps every excerpt."""
    seed: int = 0


@dataclass
class CutCounts:
    """What became of documents."""

    documents: int = 0
    excerpts: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    """By reason."""

    def leave_out(self, reason: str) -> None:
        self.left_out[reason] = self.left_out.get(reason, 0) + 1


def cut(
    documents: Iterable[RawDocument], tokenizer: Tokenizer, cutting: Cutting, counts: CutCounts
) -> Iterator[Excerpt]:
    """Cut documents into excerpts; the same input gives the same excerpts.

    Args:
        documents: Taken one by one. One whose id came before is left out.
        tokenizer: Counts the tokens.
        cutting: How.
        counts: Is filled while the excerpts are taken.
    """
    seen: set[str] = set()
    for raw in documents:
        if cutting.n_documents is not None and counts.documents == cutting.n_documents:
            return
        if raw.id in seen:
            counts.leave_out("document given twice")
            continue
        seen.add(raw.id)
        counts.documents += 1
        for excerpt in _excerpts_of(raw, tokenizer, cutting, counts):
            counts.excerpts += 1
            yield excerpt


def save_excerpts(excerpts: Iterable[Excerpt], counts: CutCounts, path: Path) -> None:
    """Write excerpts, and at the end what became of the documents. Appears whole or not at all."""
    partial = path.with_name(path.name + ".part")
    with gzip.open(partial, "wt", encoding="utf-8") as file:
        for excerpt in excerpts:
            file.write(json.dumps(asdict(excerpt), ensure_ascii=False) + "\n")
        file.write(json.dumps({"counts": asdict(counts)}) + "\n")
    partial.replace(path)


def load_excerpts(path: Path) -> Iterator[Excerpt]:
    """Stream what `save_excerpts` wrote."""
    for record in _records(path):
        if "counts" not in record:
            yield Excerpt(**record)


def load_counts(path: Path) -> CutCounts:
    """What became of the documents that the excerpts are from."""
    return next(CutCounts(**record["counts"]) for record in _records(path) if "counts" in record)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _excerpts_of(
    raw: RawDocument, tokenizer: Tokenizer, cutting: Cutting, counts: CutCounts
) -> Iterator[Excerpt]:
    chooser = random.Random(f"{cutting.seed} {raw.id}")
    runs = list(_runs(raw.document, tokenizer, cutting.window_tokens, chooser))
    if not runs:
        counts.leave_out("document without sentences")
    if cutting.n_excerpts is not None and len(runs) > cutting.n_excerpts:
        runs = sorted(chooser.sample(runs, cutting.n_excerpts))
    for first, last, window_tokens in runs:
        text = _text_of(raw.document, range(first, last))
        if not is_in_language(text, cutting.language):
            counts.leave_out(f"excerpt not in language {cutting.language}")
            continue
        yield Excerpt(
            f"{raw.id}-{first}-{last}",
            raw.id,
            raw.document.title,
            raw.domain,
            text,
            window_tokens,
        )


def _runs(
    document: Document, tokenizer: Tokenizer, lengths: Sequence[int], chooser: random.Random
) -> Iterator[tuple[int, int, int]]:
    """Runs of sentences that follow one another: first, one past the last, tokens asked for."""
    ends = tokenize_document(document, tokenizer).sentence_ends + 1
    first, n_before = 0, 0
    while first < len(ends):
        length = chooser.choice(list(lengths))
        last = int(np.searchsorted(ends, n_before + length, side="right"))
        last = max(last, first + 1)
        n_tokens = int(ends[last - 1]) - n_before
        is_whole = first == 0 and last == len(ends)
        if n_tokens <= length and (n_tokens >= MIN_SHARE * length or is_whole):
            yield first, last, length
        first, n_before = last, int(ends[last - 1])


def _text_of(document: Document, sentence_ids: range) -> str:
    """Sentences with what stands between them, as far as that is space."""
    pieces: list[str] = []
    for i in sentence_ids:
        if pieces:
            pieces.append(_between(document, i))
        pieces.append(document.sentence_text(i))
    return "".join(pieces)


def _between(document: Document, sentence_id: int) -> str:
    """What separates a sentence from the one before it."""
    before, after = document.sentences[sentence_id - 1], document.sentences[sentence_id]
    if before.page != after.page:
        return PAGE_SEPARATOR
    gap = document.pages[after.page - 1].text[before.end : after.start]
    return gap if not gap.strip() and gap else "\n"
