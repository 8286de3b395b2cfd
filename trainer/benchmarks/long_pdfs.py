"""Questions about long PDF files as users bring them: annual reports, a rule, a manual.

The questions are docqa's own, in FinanceBench's format, and stand in
assets/benchmarks/long-pdfs.jsonl; the files they are about are not part of docqa. Where a document
states a fact in several places each of them counts. Those of the type `absent` have no answer in
their document: `docqa bench answer` says how many of them are refused, and how many of the others.
They are for choosing between retrievers and settings, never for training.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from docqa.trainer.benchmarks.base import must_exist
from docqa.trainer.benchmarks.financebench import FinanceBench, kept_library

WHERE_TO_GET = (
    "Get the PDF files that trainer/README.md lists under Long PDF files, and name their folder."
)


def load(place: Path | None) -> FinanceBench:
    """The questions that docqa carries, about the PDF files in a folder."""
    return FinanceBench(
        lines=Path(str(files("docqa.assets"))) / "benchmarks" / "long-pdfs.jsonl",
        pdfs=must_exist(place, "folder of PDF files", WHERE_TO_GET),
        library=kept_library("long-pdfs"),
        name="long-pdfs",
        category="",
        where_to_get=WHERE_TO_GET,
    )
