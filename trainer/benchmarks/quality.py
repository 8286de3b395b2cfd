"""QuALITY: choices about whole stories and articles, from its HTML-stripped release.

Nobody marked the evidence. What a retriever finds is therefore judged by the option the evidence
speaks for (`choices.py`), and what a generator makes of it by `docqa bench answer`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docqa.engine.errors import MissingError
from docqa.engine.ingest.documents import document_from_text
from docqa.trainer.benchmarks.base import BenchmarkDocument, BenchmarkQuestion, must_exist
from docqa.trainer.benchmarks.json_lines import parse_lines

WHERE_TO_GET = (
    "Get QuALITY.v1.0.1.zip from data/v1.0.1/ of the repository nyu-mll/quality, unpack it and "
    "name QuALITY.v1.0.1.htmlstripped.dev; the test part has no answers."
)
PART = "*.htmlstripped.dev"
"""What counts in a folder: the training part would be measured on otherwise."""

_HTML = re.compile(r"</?(?:p|br|div|span|html)\b[^>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quality:
    """A part of the data set."""

    files: tuple[Path, ...]
    name: str = "quality"

    def documents(self) -> Iterator[BenchmarkDocument]:
        """See `Benchmark.documents`: an article comes once for each of its two writers."""
        for file in self.files:
            yield from parse_lines(file, self._read_article, WHERE_TO_GET)

    def _read_article(self, record: dict[str, Any]) -> BenchmarkDocument:
        if _HTML.search(record["article"]):
            raise ValueError("the article holds HTML; take the htmlstripped file")
        document = document_from_text(
            record["article"].replace("\f", "\n"), title=record["title"], is_wrapped=True
        )
        writer = record.get("set_unique_id", record["article_id"])
        questions = tuple(
            _read_question(f"{writer}-{number}", one)
            for number, one in enumerate(record["questions"], 1)
        )
        return BenchmarkDocument(self.name, record.get("topic", ""), document, questions)


def load(place: Path | None) -> Quality:
    """A file, or those of the dev part in a folder."""
    place = must_exist(place, "QuALITY file", WHERE_TO_GET)
    if not place.is_dir():
        return Quality((place,))
    files = sorted(place.rglob(PART))
    if not files:
        raise MissingError(f"{place} has no file {PART}.", WHERE_TO_GET)
    return Quality(tuple(files))


def _read_question(question_id: str, record: dict[str, Any]) -> BenchmarkQuestion:
    options = tuple(record["options"])
    label = record.get("gold_label")
    if label is not None and not 1 <= label <= len(options):
        raise ValueError(f"gold_label is {label}, and there are {len(options)} options")
    return BenchmarkQuestion(
        id=question_id,
        question=record["question"],
        answers=() if label is None else (options[label - 1],),
        answer_kind="choice",
        choices=options,
        facts={"difficult": record.get("difficult", 0)},
    )
