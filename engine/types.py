"""The words of docqa as types: what is read, what is found, what is answered.

Nothing here needs torch, a database or a PDF library, so every room of the house may import it.
Offsets are Unicode code points and half-open; pages count from 1; ranks count from 1 (1 = best).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias

PAGE_SEPARATOR = "\n\n"
"""Stands between two pages in the page-joined text of a document."""

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom in PDF points, origin at the top left of the page as it is shown."""


class PageStatus(StrEnum):
    """Whether a page could be read."""

    TEXT = "text"
    EMPTY = "empty"
    """Nothing on it: a blank page."""
    IMAGE = "image"
    """Pictures but no text layer: a scan that needs OCR."""
    SUSPECT = "suspect"
    """A text layer that is not language: failed OCR or a font without a Unicode map."""


class SentenceKind(StrEnum):
    """What a sentence is on its page."""

    PROSE = "prose"
    HEADING = "heading"
    ROW = "row"
    """A table row, its cells joined by ` | `."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a document; a text file is one page."""

    number: int
    """1-based index in the file, not the number printed on the page."""
    text: str
    """Its text in reading order, running headers and footers included."""
    status: PageStatus = PageStatus.TEXT


@dataclass(frozen=True, slots=True)
class Rest:
    """The part of a sentence that stands on the page after its own."""

    start: int
    """First character, counted in the text of that page."""
    end: int
    glue: str = " "
    """What joins the two parts: a space, or nothing where the page ends within a word."""
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """One scored unit: a sentence of prose, a heading or a table row.

    It belongs to the page it begins on.
    """

    id: int
    """0-based position among the document's sentences."""
    page: int
    start: int
    """First character, counted in the text of its page."""
    end: int
    """One past the last character on its page; a hyphen that only breaks a word is left out."""
    kind: SentenceKind = SentenceKind.PROSE
    box: Box | None = None
    """Where it stands on its page; None in text files."""
    heading: int | None = None
    """Sentence id of the section heading above it."""
    header: int | None = None
    """For a row: sentence id of the row that names the table's columns."""
    rest: Rest | None = None
    """For prose that goes over the end of its page: the part on the next one."""

    @property
    def last_page(self) -> int:
        """The page it ends on."""
        return self.page if self.rest is None else self.page + 1

    @property
    def parts(self) -> tuple[Sentence, ...]:
        """The sentence as each of its pages has it: one part, or two of the same id."""
        rest = self.rest
        if rest is None:
            return (self,)
        second = replace(
            self, page=self.page + 1, start=rest.start, end=rest.end, box=rest.box, rest=None
        )
        return replace(self, rest=None), second


@dataclass(frozen=True)
class Document:
    """A document as it was read: pages, and the sentences that are scored.

    Running headers and footers stay in the page's text but are no sentences.
    """

    id: str
    """sha256 of the file's bytes, in hex: the same file twice is one document."""
    title: str
    path: str | None
    pages: tuple[Page, ...]
    sentences: tuple[Sentence, ...]
    segmenter: str
    """Name and version of the rules that cut the sentences."""

    @cached_property
    def text(self) -> str:
        """All pages joined by `PAGE_SEPARATOR`."""
        return PAGE_SEPARATOR.join(page.text for page in self.pages)

    @cached_property
    def page_starts(self) -> tuple[int, ...]:
        """Offset of each page in `text`."""
        starts, offset = [], 0
        for page in self.pages:
            starts.append(offset)
            offset += len(page.text) + len(PAGE_SEPARATOR)
        return tuple(starts)

    @cached_property
    def n_words(self) -> int:
        """Whitespace-separated words on all pages."""
        return sum(len(page.text.split()) for page in self.pages)

    @property
    def unread_pages(self) -> tuple[int, ...]:
        """Numbers of the pages whose content could not be read (scans, unusable text layers)."""
        unread = (PageStatus.IMAGE, PageStatus.SUSPECT)
        return tuple(page.number for page in self.pages if page.status in unread)

    def sentence_text(self, sentence_id: int) -> str:
        """The words of one sentence, cut from its page, or from the two it stands on."""
        sentence = self.sentences[sentence_id]
        rest = sentence.rest
        text = self.pages[sentence.page - 1].text[sentence.start : sentence.end]
        if rest is None:
            return text
        return text + rest.glue + self.pages[sentence.page].text[rest.start : rest.end]

    def part_text(self, part: Sentence) -> str:
        """The words of one of a sentence's `parts`."""
        return self.pages[part.page - 1].text[part.start : part.end]

    def span(self, sentence_id: int) -> tuple[int, int]:
        """Start and end of a sentence in the page-joined `text`.

        Of one that goes over the end of a page the span holds what stands between its parts as
        well: notes and the page's foot, and the head of the next.
        """
        sentence = self.sentences[sentence_id]
        start = self.page_starts[sentence.page - 1] + sentence.start
        last = sentence.parts[-1]
        return start, self.page_starts[last.page - 1] + last.end


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence the retriever selected.

    Holds no text: cutting it from the document keeps citation and page in agreement.
    """

    document_id: str
    sentence_id: int
    score: float
    """Higher is better; comparable within one question only."""
    rank: int
    hop: int = 1
    """The reading that found it, from 1; see `docqa.engine.hops`."""


@dataclass(frozen=True, slots=True)
class Citation:
    """An evidence sentence the answer stands on, with the words it takes from it."""

    document_id: str
    sentence_id: int
    quote: str
    """Verbatim from the sentence."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the retriever read, for the foot line and the JSON output."""

    name: str
    checkpoint: str | None
    device: str
    n_tokens: int
    """Document tokens read for this question, in all readings; 0 where the retriever reads no
    tokens."""
    seconds: float
    further: tuple[str, ...] = ()
    """What each reading after the first asked; empty = the documents were read once."""

    @property
    def n_hops(self) -> int:
        """How often the documents were read."""
        return 1 + len(self.further)

    @property
    def tokens_per_second(self) -> float:
        return self.n_tokens / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Writing:
    """How a language model wrote an answer, and what had to be taken out of it."""

    n_evidence_used: int
    """Evidence sentences that fitted into the prompt, counted from the best."""
    context_tokens: int
    """The model's window: prompt and answer together."""
    n_prompt_tokens: int | None
    """As the model counted them, over all calls; None where a server does not tell."""
    n_answer_tokens: int | None
    first_text_seconds: float
    """From the start of the generator to the first text of the model."""
    n_removed_citations: int = 0
    """Numbers in the text that no evidence has."""
    n_removed_quotes: int = 0
    """Quotations that were not verbatim; their words stay, without the marks."""
    is_cut_off: bool = False
    """True when the answer reached the most tokens it may have."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with everything it stands on."""

    question: str
    text: str
    abstained: bool
    """True when nothing in the documents seems to answer the question."""
    confidence: float
    """Probability in [0, 1] that the documents answer the question."""
    evidence: tuple[Evidence, ...]
    citations: tuple[Citation, ...]
    reading: Reading
    generator: str
    generator_seconds: float
    writing: Writing | None = None
    """How a language model wrote it; None where none did."""

    @property
    def unsupported(self) -> bool:
        """True when it claims something and cites nothing."""
        return not self.abstained and not self.citations
