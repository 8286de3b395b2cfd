"""`docqa ask`: one question, one answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from docqa.app.options import (
    evidence_options,
    generator_options,
    json_option,
    library_option,
    model_options,
    password_option,
    quiet_option,
)

if TYPE_CHECKING:
    from docqa.engine.record import Record


@click.command()
@click.argument("question")
@click.argument("documents", nargs=-1, metavar="[DOCUMENT]...")
@model_options
@evidence_options
@generator_options
@library_option
@password_option
@json_option
@quiet_option
def ask(
    question: str,
    documents: tuple[str, ...],
    password: str | None,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Answer QUESTION from one or more documents.

    DOCUMENT is a file, `-` for text on stdin, or the title or id of a document in the library.
    Without one, the document used last is asked.
    """
    if flags["words"] and flags["top_k"]:
        raise click.UsageError("--words and --top-k exclude each other: choose one.")
    if not question.strip():
        raise click.UsageError('The question is empty. Ask one: docqa ask "What …?" report.pdf')
    if Path(question).is_file():
        raise click.UsageError(
            f"{question} is a file; the question comes first: docqa ask "
            f'"{documents[0] if documents else "What …?"}" {question}'
        )

    from docqa.app.config import load_settings
    from docqa.app.diagnostics import Narrator
    from docqa.app.output import AnswerPrinter, print_json, record_json
    from docqa.app.session import (
        check_choices,
        load_models,
        open_documents,
        open_generator,
        open_library,
    )

    started = time.perf_counter()
    settings = load_settings(flags)
    check_choices(settings, checkpoint_given=flags["checkpoint"] is not None)
    check_has_use(settings.generator, flags)
    narrator = Narrator(quiet=quiet)

    generator = open_generator(settings, on_step=narrator.writing)
    generator.check()  # a missing model is said before a long document is read
    with open_library(settings) as store:
        chosen = open_documents(documents, store, narrator, password)
        ingest_seconds = time.perf_counter() - started

        from docqa.engine import pipeline
        from docqa.engine.record import make_record

        retriever, _ = load_models(settings, store, generator=generator)
        printer = AnswerPrinter(narrator.clear, is_silent=as_json)
        count = pipeline.TokenCount(retriever, narrator.reading({d.id: d for d in chosen}))
        with printer:
            answer = pipeline.ask(
                question,
                chosen,
                retriever,
                generator,
                n_words=settings.word_limit,
                top_k=settings.sentence_limit,
                on_progress=count,
                on_evidence=lambda *_: narrator.asking(generator.model),
                on_text=printer.on_text,
            )
        narrator.clear()
        record = make_record(
            answer,
            chosen,
            n_tokens=count.n_tokens,
            model=generator.model,
            strategy=settings.strategy,
            ingest_seconds=ingest_seconds,
            total_seconds=time.perf_counter() - started,
        )
        number = store.add_record(record)

    if as_json:
        print_json(record_json(record))
    else:
        printer.finish(record)
        narrator.say(f"\n{how_it_was_read(record)} Kept as question {number}.")
    if record.writing is not None and record.writing.is_cut_off:
        narrator.warn(
            f"the answer was cut off after {settings.answer_tokens:,} tokens. "
            "Let it write more: --answer-tokens N"
        )


def check_has_use(generator: str, flags: Mapping[str, Any]) -> None:
    """Options of a language model are wrong use where none is asked.

    Raises:
        ConfigError: When one is given that the generator has no use for.
    """
    from docqa.engine.errors import ConfigError

    uses = {
        "model": ("llama", "openai"),
        "base_url": ("openai",),
        "context_tokens": ("llama", "openai"),
        "answer_tokens": ("llama", "openai"),
        "timeout_seconds": ("openai",),
    }
    for name, generators in uses.items():
        if flags[name] is not None and generator not in generators:
            option = "--timeout" if name == "timeout_seconds" else f"--{name.replace('_', '-')}"
            raise ConfigError(
                f"{option} has no use with the generator {generator}.",
                f"Add --generator {' or '.join(generators)}.",
            )


def how_it_was_read(record: Record) -> str:
    """The foot line: how the documents were read and how the answer was written."""
    reading, writing = record.reading, record.writing
    tokens = (
        f"{reading.n_tokens:,} tokens in {reading.seconds:.1f} s "
        f"({reading.tokens_per_second:,.0f} tokens/s)"
        if reading.n_tokens
        else f"in {reading.seconds:.2f} s"
    )
    lines = [
        f"Read by {reading.name} on {reading.device}: {tokens}. Confidence {record.confidence:.0%}."
    ]
    if writing is not None:
        spent = [
            "" if n is None else f"{n:,} tokens {what}"
            for n, what in ((writing.n_prompt_tokens, "in"), (writing.n_answer_tokens, "out"))
        ]
        lines.append(
            f"Written by {record.model or record.generator} in {record.seconds.generate:.1f} s "
            f"({', '.join([*filter(None, spent), f'window {writing.context_tokens:,}'])}) "
            f"from {sentences_used(record)}."
        )
    return "\n".join(lines)


def sentences_used(record: Record) -> str:
    """How much of the evidence the model got to see."""
    assert record.writing is not None
    n_used, n_found = record.writing.n_evidence_used, len(record.evidence)
    if record.strategy == "full":
        return f"all {n_used:,} sentences"
    if n_used < n_found:
        return f"the best {n_used:,} of {n_found:,} sentences of evidence; more did not fit"
    return f"{n_used:,} sentences of evidence"
