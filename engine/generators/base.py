"""What a generator is: a question and its evidence in, an answer with citations out.

How a streamed answer shows its citations
-----------------------------------------
The text, whole (`Draft.text`) or in pieces (`OnText`), carries markers of the form `[3]`. The
number is `Evidence.rank` of the evidence it stands on, so a screen that was told the evidence
makes a link of each:

    MARKER.sub(lambda found: link(evidence[int(found[1]) - 1]), text)

What may be relied on:

* A marker comes in one piece, never cut, and was checked before it was sent: its number is that of
  evidence which was offered to the model. Numbers that were made up never arrive; they are counted
  (`Writing.n_removed_citations`).
* Nothing else in the text looks like a marker. A bracketed number inside a quotation is sent with
  a space, `[ 3]`.
* A quotation comes in one piece with its marks, and only when it is verbatim; otherwise its words
  come without the marks, and it is counted (`Writing.n_removed_quotes`).
* The pieces joined are `Draft.text`. There is nothing to take back; only an error or a
  cancellation ends a text before its end.
* `Draft.citations` names each cited sentence in the order of the text, with the words taken from
  it. A text without a marker can have citations (`extractive` shows pages instead).
* Only the strategy `full` may cite what was not among the evidence: such sentences get the numbers
  after the last rank, and `Answer.evidence` lists them at its end. Until that is there, a number
  beyond the evidence is no link yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from docqa.engine.errors import ConfigError
from docqa.engine.retrievers.retriever import IsCancelled
from docqa.engine.types import Citation, Document, Evidence, Writing

if TYPE_CHECKING:
    from docqa.engine.generators.language_model.model import LanguageModel
    from docqa.engine.reader import SpanReader

GENERATORS = ("extractive", "llama", "openai")
STRATEGIES = ("direct", "scratchpad", "full")

MARKER = re.compile(r"\[(\d+)\]")
"""A citation in the text of an answer; the number is `Evidence.rank`."""
BRACKETED_NUMBER = re.compile(r"\[(?=\d+\])")
"""The bracket before a number that is no citation; `[ ` takes its place."""

OnText = Callable[[str], None]
"""Called with each further piece of the answer's text, its citations checked (see above)."""

OnStep = Callable[[int, int], None]
"""Called with the calls of a model that are done and those there will be, where there are many."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a generator wrote."""

    text: str
    abstained: bool
    """True when it says that the documents do not answer; then it cites nothing."""
    citations: tuple[Citation, ...]
    """In the order of the text; every one names a sentence that was offered."""
    writing: Writing | None = None
    """How a language model wrote it; None where none did."""

    @property
    def unsupported(self) -> bool:
        """True when it claims something and cites nothing."""
        return not self.abstained and not self.citations


@runtime_checkable
class Generator(Protocol):
    """Answers from the evidence and nothing else."""

    name: str
    model: str | None
    """The language model it runs, if it runs one; a server's is known once it was asked."""

    def generate(
        self,
        question: str,
        documents: Mapping[str, Document],
        evidence: tuple[Evidence, ...],
        confidence: float,
        *,
        further: Sequence[str] = (),
        on_text: OnText | None = None,
        is_cancelled: IsCancelled | None = None,
    ) -> Draft:
        """Answer a question.

        Args:
            question: As the user wrote it.
            documents: By id; at least those that the evidence names.
            evidence: Ranked best first.
            confidence: Probability in [0, 1] that the documents answer the question.
            further: What the second reading asked, and those after it (`Reading.further`).
            on_text: Called while the answer is written.
            is_cancelled: Asked between tokens.

        Raises:
            Cancelled: When `is_cancelled` said so.
            GeneratorError: When it could not write an answer.
        """
        ...


@runtime_checkable
class LoadedGenerator(Generator, Protocol):
    """One of docqa's own: it knows when to abstain, and what would fail."""

    threshold: float
    """Confidence below which it abstains; `Calibration.threshold` of the retriever whose evidence
    it gets. 0 = it always answers."""

    def check(self, is_cancelled: IsCancelled | None = None) -> None:
        """Say early what would fail, before the documents are read: a server is asked for its
        model, a model file is not loaded yet.

        Raises:
            MissingError: When the server or its model is not there.
            GeneratorError: When the server refuses.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What a language model is run with; `extractive` needs none of it."""

    strategy: str = "direct"
    model: str = ""
    """`llama`: a GGUF file. `openai`: its name at the server; empty = the only one there."""
    base_url: str = ""
    """The server of `openai`; no other is ever contacted."""
    api_key: str | None = field(default=None, repr=False)
    context_tokens: int = 0
    """The window: prompt and answer together; 0 = as the model or the server tells."""
    answer_tokens: int = 512
    """Most tokens of an answer."""
    timeout_seconds: float = 300.0
    """Longest silence of a server."""
    device: str = "auto"


def load_generator(
    name: str,
    *,
    threshold: float = 0.0,
    options: ModelOptions | None = None,
    on_step: OnStep | None = None,
    reader: SpanReader | None = None,
) -> LoadedGenerator:
    """The generator of that name. A model is loaded, a server asked, when it is first needed.

    Args:
        name: `extractive`, `llama` or `openai`.
        threshold: See `LoadedGenerator`.
        options: For those that run a language model.
        on_step: Told how far a strategy of several calls is.
        reader: For `extractive`: see `docqa.engine.reader.reader_of`.

    Raises:
        ConfigError: When there is no such generator, or its options cannot be.
        MissingError: When the model file, the server's address or a package is missing.
        GeneratorError: When the model file is none.
    """
    options = options or ModelOptions()
    if name == "extractive":
        from docqa.engine.generators.extractive.generator import ExtractiveGenerator

        return ExtractiveGenerator(threshold, reader)
    if name not in GENERATORS:
        raise ConfigError(f"No generator {name!r}.", f"Choose one of: {', '.join(GENERATORS)}.")
    if options.strategy not in STRATEGIES:
        raise ConfigError(
            f"No strategy {options.strategy!r}.", f"Choose one of: {', '.join(STRATEGIES)}."
        )
    from docqa.engine.generators.language_model.generator import WritingGenerator

    return WritingGenerator(
        _load_language_model(name, options),
        strategy=options.strategy,
        threshold=threshold,
        answer_tokens=options.answer_tokens,
        on_step=on_step,
    )


def _load_language_model(name: str, options: ModelOptions) -> LanguageModel:
    if name == "llama":
        from docqa.engine.generators.language_model.llama import LlamaModel

        return LlamaModel(
            options.model, context_tokens=options.context_tokens, device=options.device
        )
    from docqa.engine.generators.language_model.openai import ServerModel

    return ServerModel(
        options.base_url,
        model=options.model,
        api_key=options.api_key,
        context_tokens=options.context_tokens,
        timeout_seconds=options.timeout_seconds,
    )
