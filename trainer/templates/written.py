"""Questions that were written for docqa about texts of its training data, in readers' words.

Rules ask in words that somebody foresaw, and labels of filings in those of the filing. These come
from a language model that read excerpts and was told to ask as a reader does who has not seen them.
They stand in assets/questions, without the texts; some documents are kept for choosing (`dev`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from docqa.trainer.benchmarks.json_lines import parse_lines
from docqa.trainer.dataset import LabelledDocument
from docqa.trainer.templates.rules import TemplateQuestion

SPLITS = {"written": "train", "written-dev": "dev"}
"""Tables of `docqa train templates`, and the documents that each takes."""


@dataclass(frozen=True, slots=True)
class WrittenQuestion:
    """A question as the file has it."""

    question: str
    answer: str
    """Words of the evidence; empty where it answers as a whole."""
    evidence: tuple[tuple[int, int], ...]
    """Half-open code-point spans in the document's text without its links."""


def ask_written(labelled: LabelledDocument, table: str) -> Iterator[TemplateQuestion]:
    """What was written about a document, if it belongs to the split of a table.

    Args:
        labelled: A document of the training data, without links.
        table: One of `SPLITS`.
    """
    written = read_written(SPLITS[table]).get(labelled.id, ())
    if not written:
        return
    document = labelled.document
    same: defaultdict[str, list[int]] = defaultdict(list)
    for one in document.sentences:
        same[document.sentence_text(one.id)].append(one.id)
    for question in written:
        told = {i for span in question.evidence for i in labelled.sentences_of(span)}
        # A filing says some things twice, word for word: either is right.
        everywhere = {j for i in told for j in same[document.sentence_text(i)]}
        answers = (question.answer,) if question.answer else ()
        yield TemplateQuestion(question.question, tuple(sorted(everywhere)), answers)


@cache
def read_written(split: str) -> Mapping[str, tuple[WrittenQuestion, ...]]:
    """The questions of a split, by id of their document."""
    path = Path(str(files("docqa.assets"))) / "questions" / f"{split}.jsonl.gz"
    return dict(parse_lines(path, _read, "Install docqa again."))


def _read(record: Mapping[str, Any]) -> tuple[str, tuple[WrittenQuestion, ...]]:
    return record["doc_id"], tuple(
        WrittenQuestion(
            one["question"], one["answer"], tuple((start, end) for start, end in one["evidence"])
        )
        for one in record["questions"]
    )
