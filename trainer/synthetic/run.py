"""Training data from documents without questions: a language model asks, and marks what answers.

The folder of a run holds `excerpts.jsonl.gz` (what the documents were cut to), `calls.db` (every
call with its reply, see `docqa.trainer.calls.file`), the data and `report.json`. Whatever ends a
run, starting it again with the same settings goes on; a finished run starts none of its calls
again, so its data can be written in the other format at no cost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from docqa.engine.errors import TrainingError
from docqa.engine.generators.language_model.model import LanguageModel
from docqa.engine.retrievers.retriever import IsCancelled
from docqa.trainer.calls.call import Call
from docqa.trainer.calls.file import CallFile
from docqa.trainer.calls.plan import Plan
from docqa.trainer.calls.run import Limits, OnCalls, check_workers, run_calls
from docqa.trainer.synthetic.drops import Reason
from docqa.trainer.synthetic.estimate import plan_stages
from docqa.trainer.synthetic.excerpts import (
    CutCounts,
    Cutting,
    RawDocument,
    cut,
    load_counts,
    load_excerpts,
    save_excerpts,
)
from docqa.trainer.synthetic.language import check_language
from docqa.trainer.synthetic.output import Made, labelled_record, reference_records, write_lines
from docqa.trainer.synthetic.stages import Yields, calls_of, follow
from docqa.trainer.synthetic.strategies import STAGES, Asking, Attempt, attempts

OnPlan = Callable[[str, Plan], None]
"""Called before each stage with its name and what its calls will take."""


@dataclass(frozen=True, slots=True)
class QuestionRecipe:
    """What is made."""

    strategy: str = "link"
    """`link`, `chunk` or `pair`."""
    n_questions: int = 1
    """Attempts on each excerpt, at most."""
    reply_tokens: int = 512
    """Of a reply, at most."""
    cutting: Cutting = field(default_factory=Cutting)

    @property
    def seed(self) -> int:
        return self.cutting.seed


@dataclass(frozen=True, slots=True)
class Watching:
    """Who is told how a run goes, and may end it."""

    on_plan: OnPlan | None = None
    on_progress: OnCalls | None = None
    is_cancelled: IsCancelled | None = None


def plan_data(
    documents: Iterable[RawDocument],
    recipe: QuestionRecipe,
    tokenizer: Tokenizer,
    *,
    context_tokens: int = 0,
) -> tuple[CutCounts, dict[str, Plan]]:
    """What a run would take at most, by stage; asks nobody and writes nothing.

    Args:
        documents: What the questions would be about.
        recipe: What would be made.
        tokenizer: Counts the tokens of excerpts.
        context_tokens: The model's window; 0 = not known.
    """
    check_language(recipe.cutting.language)
    counts = CutCounts()
    asking = _asking(recipe, context_tokens)
    all_attempts = (
        attempt
        for excerpt in cut(documents, tokenizer, recipe.cutting, counts)
        for attempt in attempts(excerpt, recipe.strategy, recipe.n_questions, recipe.seed, asking)
    )
    return counts, plan_stages(recipe.strategy, all_attempts)


def make_data(
    documents: Callable[[], Iterable[RawDocument]],
    folder: Path,
    model: LanguageModel,
    recipe: QuestionRecipe,
    tokenizer: Tokenizer,
    *,
    sources: list[str],
    reference: Tokenizer | None = None,
    limits: Limits | None = None,
    watching: Watching | None = None,
) -> dict[str, Any]:
    """Make training data, or go on making it.

    Args:
        documents: What the questions are about; read once, when the run begins.
        folder: The run.
        model: Writes the questions.
        recipe: What is made.
        tokenizer: Counts the tokens of excerpts, and cuts them in the reference's format.
        sources: Where the documents come from; a run is gone on with from the same only.
        reference: Write the format of the published scanner instead of ours, with the token ids
            of this tokenizer.
        limits: How hard the model may be worked.
        watching: Who is told.

    Returns:
        The report: `data` (the file), `questions`, and the yield of each stage with what it took.

    Raises:
        ConfigError: When the folder holds a run with other settings, or one of these cannot be.
        TrainingError: When the documents have no excerpt to ask about.
        Cancelled: When `watching.is_cancelled` said so; the replies so far are kept.
    """
    watching = watching or Watching()
    check_language(recipe.cutting.language)
    check_workers(model, limits or Limits())
    model.open(watching.is_cancelled)
    settings = {
        "task": "train data",
        "sources": sources,
        "model": model.model,
        "context_tokens": model.context_tokens,
        **asdict(recipe),
    }
    path = folder / "excerpts.jsonl.gz"
    with CallFile(folder / "calls.db", settings) as file:
        if not path.is_file():
            counts = CutCounts()
            save_excerpts(cut(documents(), tokenizer, recipe.cutting, counts), counts, path)
        run = _Run(folder, file, recipe, _asking(recipe, model.context_tokens))
        if next(run.attempts(), None) is None:
            path.unlink()
            raise TrainingError(
                "Nothing to ask about: no document has an excerpt that is long enough and in the "
                f"language {recipe.cutting.language}.",
                "Name longer documents, or see --language.",
            )
        for stage in STAGES[recipe.strategy]:
            run.make_calls(stage, model, limits, watching)
        return run.write(model.model or model.name, reference)


def _asking(recipe: QuestionRecipe, context_tokens: int) -> Asking:
    """Leaves room for the reply, half of the window at most."""
    reserved = min(recipe.reply_tokens, context_tokens // 2)
    return Asking(recipe.reply_tokens, max(context_tokens - reserved, 0))


@dataclass(frozen=True, slots=True)
class _Run:
    """A run that is under way."""

    folder: Path
    file: CallFile
    recipe: QuestionRecipe
    asking: Asking

    def attempts(self, yields: Yields | None = None) -> Iterator[Attempt]:
        """All attempts, excerpt by excerpt; excerpts without one are counted."""
        recipe = self.recipe
        for excerpt in load_excerpts(self.folder / "excerpts.jsonl.gz"):
            found = attempts(excerpt, recipe.strategy, recipe.n_questions, recipe.seed, self.asking)
            if not found and yields is not None:
                yields.not_asked[Reason.TOO_SHORT] += 1
            yield from found

    def make_calls(
        self, stage: str, model: LanguageModel, limits: Limits | None, watching: Watching
    ) -> None:
        """Make the calls of one stage."""

        def calls() -> Iterator[Call]:
            return calls_of(stage, self.recipe.strategy, self.attempts(), self._reply_to)

        plan = self.file.enrol(calls())
        if watching.on_plan is not None:
            watching.on_plan(stage, plan)
        run_calls(
            self.file,
            calls(),
            model,
            plan,
            limits=limits,
            on_progress=watching.on_progress,
            is_cancelled=watching.is_cancelled,
        )

    def write(self, model: str, reference: Tokenizer | None) -> dict[str, Any]:
        """Write the data and the report."""
        yields = Yields()
        provenance = {
            "model": model,
            "strategy": self.recipe.strategy,
            "seed": self.recipe.seed,
            "docqa": version("docqa"),
        }
        name = "data.jsonl.gz" if reference is None else "reference.jsonl.gz"
        write_lines(self._records(yields, provenance, reference), self.folder / name)
        report = {
            "data": str(self.folder / name),
            **provenance,
            "documents": asdict(load_counts(self.folder / "excerpts.jsonl.gz")),
            **self._yields(yields),
        }
        text = json.dumps(report, ensure_ascii=False, indent=2) + "\n"
        (self.folder / "report.json").write_text(text, encoding="utf-8")
        return report

    def _records(
        self, yields: Yields, provenance: dict[str, object], reference: Tokenizer | None
    ) -> Iterator[dict[str, Any]]:
        """What is written, excerpt by excerpt."""
        for made in self._made(yields):
            excerpt = made[0].attempt.excerpt
            if reference is None:
                yield labelled_record(excerpt, made, provenance)
            else:
                yield from reference_records(excerpt, made, reference)

    def _made(self, yields: Yields) -> Iterator[list[Made]]:
        """The questions of each excerpt that has any."""
        made: list[Made] = []
        for attempt in self.attempts(yields):
            if made and made[0].attempt.excerpt.id != attempt.excerpt.id:
                yield made
                made = []
            question = follow(self.recipe.strategy, attempt, self._reply_to, yields)
            if question is None:
                continue
            if any(one.question.question == question.question for one in made):
                yields.repeated += 1
                continue
            yields.questions += 1
            made.append(Made(attempt, question))
        if made:
            yield made

    def _reply_to(self, call: Call) -> str | None:
        reply = self.file.reply(call)
        return None if reply is None else reply.text

    def _yields(self, yields: Yields) -> dict[str, Any]:
        tallies = self.file.tallies()
        return {
            "attempts": yields.attempts,
            "not_asked": dict(yields.not_asked),
            "stages": {
                stage: {
                    "asked": one.asked,
                    "failed": one.failed,
                    "parsed": one.parsed,
                    "kept": one.kept,
                    "dropped": dict(one.dropped),
                    "requests": tallies[stage].n_tries,
                    "prompt_tokens": tallies[stage].n_prompt_tokens,
                    "answer_tokens": tallies[stage].n_answer_tokens,
                    "seconds": round(tallies[stage].seconds, 1),
                    "errors": self.file.failures(stage),
                }
                for stage, one in yields.stages.items()
            },
            "repeated": yields.repeated,
            "questions": yields.questions,
        }
