"""A file of questions for `docqa ask --questions`: one a line, or JSON Lines."""

from __future__ import annotations

import json
import re
import sys

from docqa.engine.errors import ConfigError
from docqa.engine.paths import expand
from docqa.engine.surrogates import without_surrogates

STDIN = "-"
_NEW_LINE = re.compile(r"\r\n?|\n")
"""Not what else `splitlines` cuts at: JSON may hold those, and a question copied from a PDF."""


def read_questions(name: str) -> list[str]:
    """The questions of a file, in its order; empty lines are passed over.

    A file whose first line is a JSON object is JSON Lines: `{"question": "…"}`, other fields are
    passed over, so that exported or labelled questions can be asked as they are.

    Args:
        name: A file, or `-` for stdin.

    Raises:
        ConfigError: When the file cannot be read, holds no question, or a line is wrong.
    """
    shown = "stdin" if name == STDIN else name
    lines = [(i, line.strip()) for i, line in enumerate(_NEW_LINE.split(_text_of(name)), 1)]
    lines = [(i, line) for i, line in lines if line]
    if not lines:
        raise ConfigError(f"{shown} holds no question.", "Write one a line.")
    if not lines[0][1].startswith("{"):
        return [line for _, line in lines]
    return [_question_of(line, f"{shown}, line {i}") for i, line in lines]


def _text_of(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if name == STDIN else expand(name).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"Cannot read the questions in {name}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"The questions in {name} are not UTF-8 (byte {error.start}).",
            f"Convert them: iconv -f latin1 -t utf-8 {name}",
        ) from None


def _question_of(line: str, place: str) -> str:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise ConfigError(f"{place} is not JSON: {error}.", 'Write {"question": "…"}.') from None
    question = record.get("question") if isinstance(record, dict) else None
    if not isinstance(question, str) or not question.strip():
        raise ConfigError(f"{place} has no question: {line[:60]}", 'Write {"question": "…"}.')
    return without_surrogates(question.strip())
