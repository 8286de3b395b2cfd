"""What a generator is: a question and its evidence in, an answer with citations out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from docqa.engine.errors import ConfigError, MissingError
from docqa.engine.retriever import IsCancelled
from docqa.engine.types import Citation, Document, Evidence

GENERATORS = ("extractive", "llama", "openai")

OnText = Callable[[str], None]
"""Called with each further piece of the answer's text; the pieces joined are `Draft.text`, unless
what was written had to be corrected at its end."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a generator wrote."""

    text: str
    abstained: bool
    """True when it says that the documents do not answer; then it cites nothing."""
    citations: tuple[Citation, ...]
    """In the order of the text; every one names a sentence of the evidence."""


@runtime_checkable
class Generator(Protocol):
    """Answers from the evidence and nothing else."""

    name: str
    model: str | None
    """The language model it runs, if it runs one."""

    def generate(
        self,
        question: str,
        documents: Mapping[str, Document],
        evidence: tuple[Evidence, ...],
        confidence: float,
        *,
        on_text: OnText | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Draft:
        """Answer a question.

        Args:
            question: As the user wrote it.
            documents: By id; at least those that the evidence names.
            evidence: Ranked best first.
            confidence: Probability in [0, 1] that the documents answer the question.
            on_text: Called while the answer is written.
            is_cancelled: Asked between tokens.

        Raises:
            Cancelled: When `is_cancelled` said so.
            GeneratorError: When it could not write an answer.
        """
        ...


def load_generator(name: str, *, threshold: float = 0.0) -> Generator:
    """The generator of that name, ready to answer.

    Args:
        name: `extractive`, `llama` or `openai`.
        threshold: It abstains when the confidence is below; `Calibration.threshold` of the
            retriever whose evidence it gets. 0 = it always answers.

    Raises:
        ConfigError: When there is no such generator.
        MissingError: When it is planned, but not part of this version.
    """
    if name == "extractive":
        from docqa.engine.generators.extractive import ExtractiveGenerator

        return ExtractiveGenerator(threshold)
    if name in GENERATORS:
        raise MissingError(
            f"The generator {name!r} is not part of this version.", "Use --generator extractive."
        )
    raise ConfigError(f"No generator {name!r}.", f"Choose one of: {', '.join(GENERATORS)}.")
