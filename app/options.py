"""Options that several commands share. The defaults are in the settings, not here."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

RETRIEVERS = ("mamba", "bm25", "hybrid", "embedding", "fusion")
EMBEDDING_PRESETS = ("contriever", "dragon", "gritlm", "e5", "bge")
GENERATORS = ("extractive", "llama", "openai")
STRATEGIES = ("direct", "scratchpad", "full")
HOPS = ("auto", "1", "2", "3")
DEVICES = ("auto", "cpu", "cuda", "mps")

DATA_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
"""A file of labelled documents."""


def data_files(about: str) -> Callable[[Command], Command]:
    """`--data FILE... [FILE]...`: parameters `files` and `more_files`, for a shell's `*.gz`."""

    def with_files(command: Command) -> Command:
        more = click.argument("more_files", type=DATA_FILE, nargs=-1, metavar="[FILE]...")
        return click.option(
            "--data",
            "files",
            type=DATA_FILE,
            multiple=True,
            required=True,
            metavar="FILE",
            help=f"{about}; may be given several times.",
        )(more(command))

    return with_files


def head_options(recipe: str) -> Callable[[Command], Command]:
    """How a head of a checkpoint is trained; `recipe` is the one that comes with docqa."""
    options = (
        click.option(
            "--checkpoint",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            required=True,
            metavar="DIR",
            help="The checkpoint that gets the head; all else in it stays.",
        ),
        click.option(
            "--out",
            type=click.Path(file_okay=False, path_type=Path),
            required=True,
            metavar="DIR",
            help="The run: checkpoint, settings, metrics.",
        ),
        click.option(
            "--recipe",
            metavar="NAME|FILE",
            default=recipe,
            show_default=True,
            help="Training settings, as TOML.",
        ),
        click.option(
            "--steps", type=click.IntRange(min=1), metavar="N", help="Default: the recipe's."
        ),
        click.option(
            "--minutes", type=click.FloatRange(min=0), help="Stop cleanly after this time."
        ),
        click.option("--seed", type=int, help="Default: the recipe's."),
        click.option("--resume", is_flag=True, help="Go on with the run in DIR."),
        click.option(
            "--device", type=click.Choice(DEVICES), default="auto", help="Where to train."
        ),
        quiet_option,
    )
    return lambda command: reduce(lambda made, option: option(made), reversed(options), command)


def sample_options(command: Command) -> Command:
    """Which questions of labelled files are asked."""
    limit = click.option(
        "--limit", type=click.IntRange(min=1), metavar="N", help="Questions of each file, at most."
    )
    seed = click.option("--seed", type=int, default=0, show_default=True, help="Chooses them.")
    return limit(seed(command))


def library_option(command: Command) -> Command:
    return click.option(
        "--library", metavar="FILE", help="The library file. Default: in your data folder."
    )(command)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def quiet_option(command: Command) -> Command:
    return click.option("--quiet", "-q", is_flag=True, help="Say nothing on stderr but errors.")(
        command
    )


def password_option(command: Command) -> Command:
    return click.option("--password", metavar="TEXT", help="Opens an encrypted PDF.")(command)


def model_options(command: Command) -> Command:
    """`--retriever`, `--checkpoint` and `--device`."""
    options = (
        click.option(
            "--retriever", type=click.Choice(RETRIEVERS), help="What scores the sentences."
        ),
        click.option(
            "--checkpoint",
            metavar="NAME|DIR",
            help="An installed checkpoint (docqa models list) or a folder (embedding, fusion: one "
            "of sentence-transformers). Default: the one that comes with docqa.",
        ),
        click.option("--device", type=click.Choice(DEVICES), help="Where the model runs."),
    )
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def embedding_options(command: Command) -> Command:
    """Which encoder the retrievers `embedding` and `fusion` use."""
    options = (
        click.option(
            "--embedding-preset",
            type=click.Choice(EMBEDDING_PRESETS),
            help="embedding, fusion: how the encoder in the folder --checkpoint makes its vectors.",
        ),
        click.option(
            "--embedding-url",
            metavar="URL",
            help="embedding, fusion: a server that embeds the documents' text, instead of a "
            "folder.",
        ),
        click.option("--embedding-model", metavar="NAME", help="A model of that server."),
    )
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def timeout_option(command: Command) -> Command:
    return click.option(
        "--timeout",
        "timeout_seconds",
        type=click.IntRange(min=1),
        metavar="SECONDS",
        help="How long a server may be silent.",
    )(command)


def evidence_options(command: Command) -> Command:
    """How much evidence, and how it is looked for."""
    options = (
        click.option(
            "--words", type=click.IntRange(min=1), metavar="N", help="Words of evidence, at most."
        ),
        click.option(
            "--top-k",
            type=click.IntRange(min=1),
            metavar="N",
            help="Sentences of evidence, at most, instead of words.",
        ),
        click.option(
            "--hops",
            type=click.Choice(HOPS),
            help="Readings of the documents, at most; auto: a second one where the first finds a "
            "name that leads elsewhere.",
        ),
    )
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def generator_options(command: Command) -> Command:
    """What answers, and how it is run."""
    strategy = click.option("--strategy", type=click.Choice(STRATEGIES), help="How it is asked.")
    return strategy(language_model_options(command))


def language_model_options(command: Command) -> Command:
    """What writes, and how it is run."""
    options = (
        click.option("--generator", type=click.Choice(GENERATORS), help="What answers."),
        click.option(
            "--model", metavar="NAME", help="llama: a GGUF file. openai: a model of the server."
        ),
        click.option("--base-url", metavar="URL", help="openai: the server's address."),
        click.option(
            "--context-tokens",
            type=click.IntRange(min=0),
            metavar="N",
            help="The model's window, where a smaller one is wanted or a server does not tell.",
        ),
        click.option(
            "--answer-tokens",
            type=click.IntRange(min=16),
            metavar="N",
            help="Tokens of an answer, at most.",
        ),
        timeout_option,
    )
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def call_options(command: Command) -> Command:
    """How hard a language model may be worked where it is called many times, and its price."""
    options = (
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            metavar="N",
            help="Calls at a time; a server takes several, llama one.",
        ),
        click.option(
            "--requests-per-minute",
            type=click.IntRange(min=1),
            metavar="N",
            help="At most; default: no limit.",
        ),
        click.option(
            "--tokens-per-minute",
            type=click.IntRange(min=1),
            metavar="N",
            help="Prompts and replies together, at most; default: no limit.",
        ),
        click.option(
            "--price",
            type=(click.FloatRange(min=0), click.FloatRange(min=0)),
            metavar="PROMPT REPLY",
            help="Of a million tokens read and written; then the cost is estimated.",
        ),
        click.option("--dry-run", is_flag=True, help="Say what it would take, and ask nobody."),
    )
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)
