"""What jobs tell the screen: Textual messages, and nothing but what they carry.

Those that follow each other many times a second replace the one before, so that a screen that is
behind shows the newest and not all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from docqa.app.jobs.protocol import FoundSentence, ReadingAt
    from docqa.engine.types import Page


@dataclass
class FileQueueChanged(Message):
    """A file came into the queue, left it or is now in another state."""

    reading: str | None
    """Path of the file that is being read."""


@dataclass
class FileProgress(Message):
    """How far a file is read."""

    path: str
    n_done: int
    n_pages: int

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, FileProgress) and message.path == self.path


@dataclass
class DraftPagesRead(Message):
    """All pages so far of the file that is being read, because somebody looks at it."""

    path: str
    pages: tuple[Page, ...]
    n_pages: int

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, DraftPagesRead) and message.path == self.path


@dataclass
class FileArrived(Message):
    """A file has become a document of the library."""

    path: str
    document_id: str
    is_new: bool


@dataclass
class FileFailed(Message):
    """A file cannot become a document."""

    path: str
    problem: str
    """The value of a `FileProblem`."""
    reason: str
    hint: str


@dataclass
class NothingToAdd(Message):
    """Paths that were to be added hold nothing that can be read."""

    paths: tuple[Path, ...]
    reason: str


@dataclass
class QuestionMessage(Message):
    """Something about a question; `unanswered_id` is what the library calls it."""

    unanswered_id: int


@dataclass
class QuestionNoted(QuestionMessage):
    """The question is in the library and waits for its turn."""


@dataclass
class ModelsLoading(QuestionMessage):
    """The models are being loaded."""


@dataclass
class ReadingProgress(QuestionMessage):
    """Where the retriever is."""

    at: ReadingAt

    def can_replace(self, message: Message) -> bool:
        """A newer place replaces this one, unless this carries evidence that the newer has not."""
        return (
            isinstance(message, ReadingProgress)
            and message.unanswered_id == self.unanswered_id
            and (message.at.best is not None or self.at.best is None)
        )


@dataclass
class EvidenceFound(QuestionMessage):
    """What the answer will stand on, best first."""

    evidence: tuple[FoundSentence, ...]
    confidence: float


@dataclass
class TextAdded(QuestionMessage):
    """A further piece of the answer."""

    text: str


@dataclass
class QuestionAnswered(QuestionMessage):
    """The answer is in the library under this number."""

    number: int


@dataclass
class QuestionFailed(QuestionMessage):
    """There is no answer, and why."""

    reason: str
    hint: str


@dataclass
class QuestionStopped(QuestionMessage):
    """The question was cancelled."""


@dataclass
class StoreFailed(Message):
    """The library could not be read or written."""

    reason: str
