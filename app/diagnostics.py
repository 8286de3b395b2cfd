"""What docqa says besides its data: narration and errors on stderr, and the exit codes."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import click

from docqa.app.terminal import fit, one_line
from docqa.engine.errors import Cancelled, DocqaError
from docqa.engine.exports.control_characters import clean

if TYPE_CHECKING:
    from docqa.engine.retrievers.retriever import Progress
    from docqa.engine.types import Document
    from docqa.trainer.calls.run import CallProgress

REDRAW_SECONDS = 0.1


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    """An abstention too: that the documents do not answer is an answer."""
    FAILED = 1
    USAGE = 2
    MISSING = 3
    """An optional package, a model or a server is not there."""
    INTERRUPTED = 130


def run(command: Callable[[], Any]) -> int:
    """Run a command; whatever ends it becomes one clear line and an exit code.

    `DOCQA_TRACEBACK=1` shows the traceback of an unexpected error instead.
    """
    interrupt = Interrupt()
    try:
        with interrupt:
            result = command()
        sys.stdout.flush()
        return result if isinstance(result, int) else ExitCode.DONE
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        click.echo(clean(shown.getvalue()), err=True, nl=False)  # it may name a document's title
        return error.exit_code
    except DocqaError as error:
        if interrupt.seen:
            complain("interrupted")
            return ExitCode.INTERRUPTED
        complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort, Cancelled):
        complain("interrupted")
        return ExitCode.INTERRUPTED
    except (BrokenPipeError, ReaderLeft):
        _drop_output()
        return ExitCode.DONE
    except Exception as error:
        if interrupt.seen:
            complain("interrupted")
            return ExitCode.INTERRUPTED
        if os.environ.get("DOCQA_TRACEBACK"):
            raise
        complain(_what_failed(error))
        with contextlib.suppress(OSError):  # a full disk: Python would fail again when it closes
            sys.stdout.flush()
        return ExitCode.FAILED


class ReaderLeft(Exception):
    """The reader of stdout has seen enough."""


@contextlib.contextmanager
def noticing_reader_left() -> Iterator[None]:
    """Hide a closed pipe from click, which would end with 1 and say nothing."""
    try:
        yield
    except BrokenPipeError:
        raise ReaderLeft from None


def prepare_output() -> None:
    """Make stdout and stderr such that printing can only fail where nothing can be written."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed from the start: `docqa … >&-`
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")  # a title may hold what the terminal has not


def _drop_output() -> None:
    """Let nothing more be written to stdout: Python would complain again when it closes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _what_failed(error: Exception) -> str:
    """What the operating system refuses is for the user to mend; all else is a bug."""
    if not isinstance(error, OSError) or error.strerror is None:
        return (
            f"unexpected {type(error).__name__}: {error}. "
            "This is a bug; DOCQA_TRACEBACK=1 shows where."
        )
    if error.filename is not None:
        return f"{error.strerror}: {os.fsdecode(error.filename)}."
    try:
        os.getcwd()
    except OSError:
        return "The current folder is gone. Go to another one: cd"
    return f"{error.strerror}."


class Interrupt:
    """Remembers that Ctrl-C was pressed.

    Ctrl-C in the middle of a library call can come out as an error of that library (SQLite's
    "interrupted", an import that failed): it is still the reader who ended the command.
    """

    def __init__(self) -> None:
        self.seen = False
        self._before: Any = None

    def __enter__(self) -> None:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            with contextlib.suppress(ValueError):  # not in the main thread: nobody sends it there
                self._before = signal.signal(signal.SIGINT, self._note)

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, _number: int, _frame: object) -> None:
        self.seen = True
        raise KeyboardInterrupt


def complain(message: str) -> None:
    """An error or a warning, on one line of stderr."""
    click.echo(f"docqa: {one_line(message)}", err=True)


class Narrator:
    """Tells on stderr what goes on; progress only on a terminal, nothing when quiet."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._live = not quiet and sys.stderr.isatty()
        self._drawn_at = 0.0
        self._started: dict[tuple[int, str], float] = {}

    def say(self, message: str) -> None:
        """A line that stays."""
        self.clear()
        if not self.quiet:
            click.echo(clean(message), err=True)

    def warn(self, message: str) -> None:
        """A line that stays, quiet or not."""
        self.clear()
        complain(message)

    def ingesting(self, name: str) -> Callable[[int, int], None]:
        """Progress through the pages of a file."""

        def on_progress(n_done: int, n_pages: int) -> None:
            self._draw(lambda: f"{_bar(n_done, n_pages)} {name}: page {n_done:,} of {n_pages:,}")

        return on_progress

    def reading(self, documents: dict[str, Document]) -> Callable[[Progress], None]:
        """Progress of the retriever: where it is, how fast, and the best sentence so far."""

        def on_progress(progress: Progress) -> None:
            place = (progress.hop, progress.document_id)
            started = self._started.setdefault(place, time.perf_counter())
            self._draw(lambda: _reading_line(progress, documents[progress.document_id], started))

        return on_progress

    def transferring(self, name: str, n_bytes: int) -> Callable[[int], None]:
        """Progress of bytes that are fetched, copied or hashed: called with each further number."""
        n_done = 0

        def on_bytes(n_more: int) -> None:
            nonlocal n_done
            n_done += n_more
            self._draw(
                lambda: (
                    f"{_bar(n_done, n_bytes)} {name}: "
                    f"{n_done / 1e6:,.1f} of {n_bytes / 1e6:,.1f} MB"
                )
            )

        return on_bytes

    def benching(self, file: str, n_done: int, n_documents: int) -> None:
        """Progress of a benchmark."""
        name = os.path.basename(file)
        self._draw(lambda: f"{_bar(n_done, n_documents)} {name}: {n_done} of {n_documents}")

    def writing(self, n_done: int, n_calls: int) -> None:
        """Progress of an answer that takes several calls of a model."""
        self._draw(lambda: f"{_bar(n_done, n_calls)} writing: {n_done} of {n_calls} parts")

    def asking(self, model: str | None) -> None:
        """The evidence is chosen, and a language model, if there is one, begins to write."""
        if model is not None:
            self._drawn_at = 0.0
            self._draw(lambda: f"asking {model} …")

    def calling(self, progress: CallProgress) -> None:
        """Progress of many calls of a language model."""
        self._draw(lambda: _calling_line(progress))

    def training(self, stage: str, n_done: int, n_all: int, values: dict[str, float]) -> None:
        """Progress of a training run: drawn over on a terminal, a line each where it is none."""
        shown = " · ".join(f"{name} {value:.4g}" for name, value in values.items())
        place = f"{_bar(n_done, n_all)} {n_done:,} of {n_all:,}" if n_all else f"{n_done:,}"
        line = f"{stage} {place} · {shown}".rstrip(" ·")
        if self._live:
            self._draw(lambda: line)
        else:
            self.say(line)

    def clear(self) -> None:
        """Wipe the progress line."""
        if self._live and self._drawn_at:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn_at = 0.0

    def _draw(self, line: Callable[[], str]) -> None:
        now = time.monotonic()
        if not self._live or now - self._drawn_at < REDRAW_SECONDS:
            return
        self._drawn_at = now
        width = os.get_terminal_size(sys.stderr.fileno()).columns
        sys.stderr.write("\r\x1b[K" + fit(one_line(line()), width - 1))
        sys.stderr.flush()


def _reading_line(progress: Progress, document: Document, started: float) -> str:
    seconds = time.perf_counter() - started
    again = " again" if progress.hop > 1 else ""
    parts = [f"{_bar(progress.n_tokens_read, progress.n_tokens)} reading{again} {document.title}"]
    if progress.n_tokens_read and seconds > 0.5:
        parts.append(f"{progress.n_tokens_read / seconds:,.0f} tokens/s")
    if progress.n_sentences_read:
        best = int(progress.scores[: progress.n_sentences_read].argmax())
        page = document.sentences[best].page
        parts.append(f"best so far p. {page}: {document.sentence_text(best)}")
    return " · ".join(parts)


def _calling_line(progress: CallProgress) -> str:
    n_done, n_calls = progress.n_done, progress.n_calls
    parts = [f"{_bar(n_done, n_calls)} {progress.stage}: {n_done:,} of {n_calls:,} calls"]
    if progress.n_failed:
        parts.append(f"{progress.n_failed:,} failed")
    n_tokens = progress.n_prompt_tokens + progress.n_answer_tokens
    parts += [f"{n_tokens:,} tokens"] if n_tokens else []
    minutes, seconds = divmod(round(progress.seconds_left), 60)
    left = f"{minutes:,} min" if minutes >= 10 else f"{minutes}:{seconds:02} min"
    return " · ".join([*parts, f"{left} left"])


def _bar(n_done: int, n_all: int) -> str:
    share = n_done / n_all if n_all else 1.0
    return f"[{'#' * round(12 * share):.<12}] {share:.0%}"
