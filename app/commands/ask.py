"""`docqa ask`: a question and its answer, or a file of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    from docqa.app.answering import Answering
    from docqa.engine.library.record import Record


@click.command()
@click.argument("question", required=False)
@click.argument("documents", nargs=-1, metavar="[DOCUMENT]...")
@click.option(
    "--questions",
    "questions_file",
    metavar="FILE",
    help="Instead of QUESTION: a file with one a line (or JSON Lines); prints JSON Lines.",
)
@model_options
@evidence_options
@generator_options
@library_option
@password_option
@json_option
@quiet_option
def ask(
    question: str | None,
    documents: tuple[str, ...],
    questions_file: str | None,
    password: str | None,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Answer QUESTION from one or more documents.

    DOCUMENT is a file, `-` for text on stdin, or the title or id of a document in the library.
    Without one, the document used last is asked, and a question that leans on the one before it
    (`And in 2023?`) is read together with that.
    """
    if flags["words"] and flags["top_k"]:
        raise click.UsageError("--words and --top-k exclude each other: choose one.")
    if questions_file is not None:
        documents = (question, *documents) if question else documents
        if questions_file == "-" and "-" in documents:
            raise click.UsageError("`-` can be given once: there is one standard input.")
    elif question is None:
        raise click.UsageError("Missing argument 'QUESTION' (or the option --questions FILE).")
    else:
        check_question(question, documents)

    from docqa.app.answering import open_answering
    from docqa.app.config import load_settings
    from docqa.app.diagnostics import Narrator
    from docqa.app.session import check_choices

    settings = load_settings(flags)
    check_choices(settings, checkpoint_given=flags["checkpoint"] is not None)
    check_has_use(settings.generator, flags)
    questions = all_questions(questions_file)
    narrator = Narrator(quiet=quiet)
    with open_answering(settings, documents, narrator, password) as answering:
        if questions_file is not None or question is None:
            ask_all(questions, answering)
        else:
            # Whoever names a document begins anew; whoever names none goes on.
            root = "" if documents else answering.question_before()
            ask_one(question, answering, root, as_json=as_json)


def check_question(question: str, documents: Sequence[str]) -> None:
    """Refuse what is no question.

    Raises:
        UsageError: When it is empty or a file.
    """
    from docqa.engine.paths import is_file

    if not question.strip():
        raise click.UsageError('The question is empty. Ask one: docqa ask "What …?" report.pdf')
    if is_file(Path(question)):
        raise click.UsageError(
            f"{question} is a file; the question comes first: docqa ask "
            f'"{documents[0] if documents else "What …?"}" {question}'
        )


def all_questions(file: str | None) -> list[str]:
    """Those of the file, if one is named."""
    if file is None:
        return []
    from docqa.app.questions_file import read_questions

    return read_questions(file)


def ask_one(question: str, answering: Answering, root: str, *, as_json: bool) -> None:
    """Answer one question for a person, or as one JSON object.

    Args:
        question: As it was asked.
        answering: What it is answered with.
        root: The question before it that it may lean on; empty where there is none.
        as_json: For a program.
    """
    from docqa.app.output import AnswerPrinter, print_json, record_json

    narrator = answering.narrator
    printer = AnswerPrinter(narrator.clear, is_silent=as_json)
    with printer:
        record, number = answering.answer(question, printer.on_text, root=root)
    if as_json:
        print_json(record_json(record))
    else:
        printer.finish(record)
        narrator.say(f"\n{how_it_was_read(record)} Kept as question {number}.")
    warn_if_cut_off(record, answering)


def ask_all(questions: Sequence[str], answering: Answering) -> None:
    """Answer one question after another; each is printed and kept when it is answered."""
    from docqa.app.output import print_json_line, record_json
    from docqa.engine.retrievers.foreseen import with_questions

    answering.retriever = with_questions(answering.retriever, questions)
    n_done = 0
    try:
        for question in questions:
            record, number = answering.answer(question)
            print_json_line(record_json(record))
            n_done += 1  # what is done is printed: who begins again there misses no answer
            answering.narrator.say(
                f"{n_done:,} of {len(questions):,}, {record.seconds.total:.1f} s, "
                f"kept as question {number}: {question}"
            )
            warn_if_cut_off(record, answering)
    except BrokenPipeError:  # the reader of the answers has seen enough
        raise
    except BaseException:
        answering.narrator.warn(
            f"stopped at question {n_done + 1:,} of {len(questions):,}; "
            f"the {n_done:,} before it are answered and kept"
        )
        raise


def warn_if_cut_off(record: Record, answering: Answering) -> None:
    """Say where a language model was not allowed to finish."""
    if record.writing is not None and record.writing.is_cut_off:
        answering.narrator.warn(
            f"the answer was cut off after {answering.settings.answer_tokens:,} tokens. "
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
    from docqa.app.output import in_words

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
    lines += [f"Read for the {term.term} instead of {term.name}." for term in record.terms]
    lines += [
        f"Read for {' and '.join(one.labels)} as well as {one.name}." for one in record.reworded
    ]
    lines += [
        f"Read for {' and '.join(one.stated)} as well as {one.name}." for one in record.trade_terms
    ]
    if reading.further:
        asked = ", then ".join(f"“{further}”" for further in reading.further)
        lines.append(f"Read {in_words(reading.n_hops)}: what was found led on to {asked}.")
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
