"""Every error a user can meet. Form: what happened, with both values; then the next command.

    DocqaError              exit 1
    ├── IngestError         a file cannot be read
    ├── StoreError          the library cannot be opened or lacks what was asked for
    ├── CheckpointError     a checkpoint is missing, damaged or of another shape
    ├── TrainingError       training data, recipe or run that cannot be used
    ├── GeneratorError      the generator failed
    ├── EmbeddingError      the server that embeds failed
    ├── ExportError         a file cannot be written, or what it is made from is gone
    ├── ConfigError         exit 2: a setting or argument that cannot be
    └── MissingError        exit 3: an extra, model or server that is not there
Cancelled (not an error): the reader asked to stop; exit 130.
"""

from __future__ import annotations

from enum import StrEnum


class DocqaError(Exception):
    """Something the user can mend.

    Attributes:
        message: What happened, in one line, with the values that disagree.
        hint: What to do next, ideally a command; may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class FileProblem(StrEnum):
    """What keeps a file from becoming a document, where it has a name."""

    PASSWORD = "needs password"
    SCANNED = "scanned"
    DAMAGED = "damaged"
    OTHER = "cannot be read"


class IngestError(DocqaError):
    """A file cannot become a document.

    Attributes:
        problem: What is wrong with the file.
    """

    def __init__(
        self, message: str, hint: str = "", problem: FileProblem = FileProblem.OTHER
    ) -> None:
        super().__init__(message, hint)
        self.problem = problem


class StoreError(DocqaError):
    """The library cannot be opened, or holds no such document."""


class CheckpointError(DocqaError):
    """A checkpoint folder is missing a part or holds the wrong shapes."""


class TrainingError(DocqaError):
    """Training data, a recipe or a run folder cannot be used."""


class GeneratorError(DocqaError):
    """The generator could not write an answer.

    Attributes:
        may_pass: Whether the same call may succeed later: a busy server, a broken connection.
        wait_seconds: How long a busy server asks to wait first; None = it does not say.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        may_pass: bool = False,
        wait_seconds: float | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.may_pass = may_pass
        self.wait_seconds = wait_seconds


class EmbeddingError(DocqaError):
    """The server that embeds sentences failed."""


class ExportError(DocqaError):
    """An export cannot be written, or the file it is made from is gone or another one."""


class ConfigError(DocqaError):
    """A setting or argument has a value it cannot have."""

    exit_code = 2


class MissingError(DocqaError):
    """An optional package, a model or a server is not there."""

    exit_code = 3


class Cancelled(Exception):
    """The work stopped because the reader asked it to."""
