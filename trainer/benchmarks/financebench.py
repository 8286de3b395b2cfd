"""FinanceBench: questions about annual reports, with the pages and the text that answer them.

The open part has 150 questions about 84 PDF files. Each file is read as `docqa ingest` reads it,
once: documents are kept in a library of their own. A piece of evidence is looked for by its words,
first on the page that the data set names (it counts from 0), then on all others; where it is on
none, the named page as a whole is the evidence.

The format has two keys more here, which FinanceBench itself does not use: `elsewhere` of a piece
lists other places, as `evidence_page_num` and `evidence_text`, that state the same; a question with
`answerable` false is one that its document does not answer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from docqa.engine.errors import MissingError
from docqa.engine.library.store import Store
from docqa.engine.pipeline import open_file
from docqa.engine.types import Document
from docqa.engine.words import stems
from docqa.trainer.benchmarks.base import BenchmarkDocument, BenchmarkQuestion, must_exist
from docqa.trainer.benchmarks.json_lines import parse_lines
from docqa.trainer.benchmarks.labelled import LONG_ANSWER_WORDS

FILE_NAMES = ("financebench_open_source.jsonl", "financebench_merged.jsonl")
WHERE_TO_GET = (
    "Get the repository patronus-ai/financebench and name its folder: it has "
    "data/financebench_open_source.jsonl and the PDF files in pdfs/."
)
PAGE_SHARE = 0.6
"""Of the words of the evidence that a page must have to be taken for its page."""
SENTENCE_SHARE = 0.8
"""Of the words of a sentence that the evidence must have to be taken for a part of it."""
MAX_NAMED = 5
"""Most missing files an error names."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of evidence as the data set tells it."""

    page: int
    """Counted from 1."""
    text: str
    elsewhere: tuple[Piece, ...] = ()
    """What states the same; finding one of these is as good."""


@dataclass(frozen=True, slots=True)
class Row:
    """A question of the data set."""

    id: str
    question: str
    answer: str
    file: str
    """Name of the PDF without its ending."""
    kind: str
    pieces: tuple[Piece, ...]
    is_answerable: bool


@dataclass(frozen=True, slots=True)
class FinanceBench:
    """The questions with their PDF files."""

    lines: Path
    pdfs: Path
    library: Path
    name: str = "financebench"
    category: str = "finance"
    where_to_get: str = WHERE_TO_GET

    def documents(self) -> Iterator[BenchmarkDocument]:
        """See `Benchmark.documents`: a document a PDF."""
        rows: defaultdict[str, list[Row]] = defaultdict(list)
        for row in parse_lines(self.lines, _read_row, self.where_to_get):
            rows[row.file].append(row)
        self._check_pdfs(list(rows))
        self.library.parent.mkdir(parents=True, exist_ok=True)
        with Store(self.library) as store:
            for file, asked in rows.items():
                document, _ = open_file(store, self.pdfs / f"{file}.pdf")
                pages = [Counter(stems(page.text)) for page in document.pages]
                questions = tuple(_question(row, document, pages) for row in asked)
                yield BenchmarkDocument(self.name, self.category, document, questions)

    def _check_pdfs(self, files: Sequence[str]) -> None:
        missing = [one for one in files if not (self.pdfs / f"{one}.pdf").is_file()]
        if missing:
            few = ", ".join(f"{one}.pdf" for one in missing[:MAX_NAMED])
            more = ", …" if len(missing) > MAX_NAMED else ""
            raise MissingError(
                f"{len(missing)} of {len(files)} PDF files are not in {self.pdfs}: {few}{more}.",
                self.where_to_get,
            )


def load(place: Path | None) -> FinanceBench:
    """The folder of the data set, or one with the questions and the folder pdfs/ in it."""
    place = must_exist(place, "FinanceBench folder", WHERE_TO_GET)
    candidates = [folder / name for folder in (place / "data", place) for name in FILE_NAMES]
    lines = next((one for one in candidates if one.is_file()), None)
    if lines is None:
        raise MissingError(f"{place} has no {FILE_NAMES[0]}.", WHERE_TO_GET)
    return FinanceBench(lines, place / "pdfs", kept_library("financebench"))


def kept_library(name: str) -> Path:
    """Where the documents of a suite are kept once they are read."""
    return Path(platformdirs.user_cache_dir("docqa", appauthor=False)) / f"{name}.db"


def _read_row(record: dict[str, Any]) -> Row:
    return Row(
        id=record["financebench_id"],
        question=record["question"],
        answer=record["answer"],
        file=record["doc_name"],
        kind=record["question_type"],
        pieces=tuple(
            _read_piece(one)
            for one in record["evidence"]
            if one.get("doc_name", record["doc_name"]) == record["doc_name"]
        ),
        is_answerable=record.get("answerable", True),
    )


def _read_piece(record: dict[str, Any]) -> Piece:
    return Piece(
        int(record["evidence_page_num"]) + 1,
        record["evidence_text"],
        tuple(map(_read_piece, record.get("elsewhere", ()))),
    )


def _question(row: Row, document: Document, pages: Sequence[Counter[str]]) -> BenchmarkQuestion:
    n_words = len(row.answer.split())
    located = [
        [locate(place, document, pages) for place in (piece, *piece.elsewhere)]
        for piece in row.pieces
    ]
    places = [[span for span, _ in piece if span is not None] for piece in located]
    found = [spans for spans in places if spans]
    return BenchmarkQuestion(
        id=row.id,
        question=row.question,
        answers=(row.answer,) if row.is_answerable else (),
        is_answerable=row.is_answerable,
        answer_kind="paragraph" if n_words >= LONG_ANSWER_WORDS else "sentence",
        evidence=tuple(spans[0] for spans in found),
        elsewhere=tuple(tuple(spans[1:]) for spans in found),
        facts={
            "question_type": row.kind,
            "file": row.file,
            "located": _worst([how for piece in located for _, how in piece]),
        },
    )


def locate(
    piece: Piece, document: Document, pages: Sequence[Counter[str]]
) -> tuple[tuple[int, int] | None, str]:
    """Where a piece of evidence stands.

    Args:
        piece: What to look for.
        document: Where.
        pages: The words of its pages.

    Returns:
        Its span in the document's text, and how that was found: `text` on the named page, `moved`
        on another page, `page` where its words are on no page and the named one is taken, `lost`
        where there is no such page to take.
    """
    wanted = Counter(stems(piece.text))
    shares = [_share(wanted, page) for page in pages]
    is_there = 1 <= piece.page <= len(shares)
    if is_there and shares[piece.page - 1] >= PAGE_SHARE:
        return _span_on(piece.page, piece.text, document), "text"
    best = max(range(len(shares)), key=shares.__getitem__)
    if shares[best] >= PAGE_SHARE:
        return _span_on(best + 1, piece.text, document), "moved"
    if is_there and document.pages[piece.page - 1].text.strip():
        start = document.page_starts[piece.page - 1]
        return (start, start + len(document.pages[piece.page - 1].text)), "page"
    return None, "lost"


def _span_on(page: int, text: str, document: Document) -> tuple[int, int]:
    """The sentences of a page that are in the evidence, without what merely resembles it.

    Where they stand in it word for word these are taken, because the next row of a table may
    differ by one word. Otherwise they are told by their words.
    """
    start = document.page_starts[page - 1]
    parts = {one.id: part for one in document.sentences for part in one.parts if part.page == page}
    if not parts:
        return start, start + len(document.pages[page - 1].text)
    sentences = {i: document.part_text(part) for i, part in parts.items()}
    wanted = Counter(stems(text))
    verbatim = _longest_run(
        {i: said for i, said in sentences.items() if _on_one_line(said) in _on_one_line(text)}
    )
    run = verbatim
    if _share(wanted, Counter(stems(" ".join(sentences[i] for i in verbatim)))) < SENTENCE_SHARE:
        overlaps = {i: _share(Counter(stems(said)), wanted) for i, said in sentences.items()}
        alike = [i for i, share in overlaps.items() if share >= SENTENCE_SHARE]
        best = [max(overlaps, key=overlaps.__getitem__)]
        run = _longest_run({i: sentences[i] for i in alike or best})
    return start + parts[run[0]].start, start + parts[run[-1]].end


def _longest_run(sentences: Mapping[int, str]) -> list[int]:
    """Of the runs of sentences the one with most text.

    One odd sentence between them, such as a note's number, does not end a run.
    """
    runs: list[list[int]] = [[]]
    for i in sentences:
        if runs[-1] and i - runs[-1][-1] <= 2:
            runs[-1].append(i)
        else:
            runs.append([i])
    return max(runs, key=lambda one: sum(len(sentences[i]) for i in one))


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _share(part: Counter[str], whole: Counter[str]) -> float:
    """How much of a bag of words is in another one."""
    return (part & whole).total() / part.total() if part else 0.0


def _worst(ways: Sequence[str]) -> str:
    return max(ways, key=("text", "moved", "page", "lost").index, default="lost")
