"""Lost in the middle: does it matter where among many passages the right one stands?

The published files hold a question, its answers and 10 to 30 passages of which one is right, and
ask each question again with the right passage at another place. Of labelled documents (see
`docqa.trainer.dataset`) the same is made by `packed_passages.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docqa.engine.errors import MissingError
from docqa.engine.ingest.documents import document_from_text
from docqa.trainer.benchmarks.base import BenchmarkDocument, BenchmarkQuestion, must_exist
from docqa.trainer.benchmarks.json_lines import parse_lines
from docqa.trainer.benchmarks.packed_passages import Passage, PassageQuestion, pack_passages

SUFFIXES = (".jsonl", ".jsonl.gz")
WHERE_TO_GET = (
    "Get nq-open-*_total_documents_gold_at_*.jsonl.gz from qa_data/ of the repository "
    "nelson-liu/lost-in-the-middle, or name labelled JSON Lines (trainer/dataset.py)."
)
HELD_OUT_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class LostInTheMiddle:
    """Files of questions with passages, or of labelled documents to make them of."""

    files: tuple[Path, ...]
    name: str = "lost-in-the-middle"

    def documents(self) -> Iterator[BenchmarkDocument]:
        """See `Benchmark.documents`: a document a question and place of the right passage."""
        for file in self.files:
            if next(parse_lines(file, lambda record: "ctxs" in record, WHERE_TO_GET), False):
                name, rows = self.name, parse_lines(file, _read_row, WHERE_TO_GET)
            else:
                name, rows = file.name.split(".jsonl")[0], pack_passages(file)
            for row in rows:
                yield _document(name, row)


def load(place: Path | None) -> LostInTheMiddle:
    """A file, or all in a folder."""
    place = must_exist(place, "questions with passages", WHERE_TO_GET)
    if not place.is_dir():
        return LostInTheMiddle((place,))
    files = sorted(one for one in place.iterdir() if one.name.endswith(SUFFIXES))
    if not files:
        raise MissingError(f"{place} has no file *{SUFFIXES[0]}[.gz].", WHERE_TO_GET)
    return LostInTheMiddle(tuple(files))


def split_of(question: str) -> str:
    """`held-out` or `train`, by the question and never by the row.

    Each question comes once for every place of the right passage. Were rows split, the same
    question with the same passages would stand on both sides.
    """
    chance = int.from_bytes(_digest(question)[:4], "big") / 2**32
    return "held-out" if chance < HELD_OUT_SHARE else "train"


def _read_row(record: dict[str, Any]) -> PassageQuestion:
    passages = tuple(Passage(one["title"], one["text"]) for one in record["ctxs"])
    right = [i for i, one in enumerate(record["ctxs"]) if one.get("isgold")]
    right = right or [i for i, one in enumerate(record["ctxs"]) if one.get("hasanswer")]
    if not right:
        raise ValueError(f"none of the {len(passages)} passages is marked isgold or hasanswer")
    answers = tuple(record["answers"])
    spans = tuple((i, *answer_span(passages[i].text, answers)) for i in right)
    return PassageQuestion(record["question"], answers, passages, spans)


def answer_span(text: str, answers: tuple[str, ...]) -> tuple[int, int]:
    """From the first answer in a text to the last one; all of it where none is verbatim."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a letter that becomes two, as İ does
        return 0, len(text)
    known = [answer.lower() for answer in answers if answer.lower() in lowered]
    if not known:
        return 0, len(text)
    start = min(lowered.index(answer) for answer in known)
    return start, max(lowered.rindex(answer) + len(answer) for answer in known)


def _document(name: str, row: PassageQuestion) -> BenchmarkDocument:
    starts, parts, length = [], [], 0
    for passage in row.passages:
        parts.append(f"{passage.title}\n\n{passage.text}")
        starts.append(length + len(passage.title) + 2)
        length += len(parts[-1]) + 2
    place = row.spans[0][0]
    question = BenchmarkQuestion(
        id=f"{_digest(row.question).hex()[:12]}-{len(parts)}-{place}",
        question=row.question,
        answers=row.answers,
        evidence=tuple((starts[i] + start, starts[i] + end) for i, start, end in row.spans),
        facts={"passages": len(parts), "place": place, "split": split_of(row.question)},
    )
    document = document_from_text("\n\n".join(parts), title=row.question)
    return BenchmarkDocument(name, "encyclopedia", document, (question,))


def _digest(question: str) -> bytes:
    return hashlib.sha256(" ".join(question.lower().split()).encode()).digest()
