"""`docqa ask`: one question, one answer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from docqa.app.options import (
    answer_options,
    json_option,
    library_option,
    model_options,
    password_option,
    quiet_option,
)


@click.command()
@click.argument("question")
@click.argument("documents", nargs=-1, metavar="[DOCUMENT]...")
@model_options
@answer_options
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
    from docqa.app.output import print_json, print_record, record_json
    from docqa.app.session import check_choices, load_models, open_documents, open_library

    started = time.perf_counter()
    settings = load_settings(flags)
    check_choices(settings, checkpoint_given=flags["checkpoint"] is not None)
    narrator = Narrator(quiet=quiet)

    with open_library(settings) as store:
        chosen = open_documents(documents, store, narrator, password)
        ingest_seconds = time.perf_counter() - started

        from docqa.engine import pipeline
        from docqa.engine.record import make_record

        retriever, generator = load_models(settings, store)
        count = pipeline.TokenCount(retriever, narrator.reading({d.id: d for d in chosen}))
        answer = pipeline.ask(
            question,
            chosen,
            retriever,
            generator,
            n_words=settings.word_limit,
            top_k=settings.sentence_limit,
            on_progress=count,
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
        return
    print_record(record)
    reading = record.reading
    tokens = (
        f"{reading.n_tokens:,} tokens in {reading.seconds:.1f} s "
        f"({reading.tokens_per_second:,.0f} tokens/s)"
        if reading.n_tokens
        else f"in {reading.seconds:.2f} s"
    )
    narrator.say(
        f"\nRead by {reading.name} on {reading.device}: {tokens}. "
        f"Confidence {record.confidence:.0%}. Kept as question {number}."
    )
