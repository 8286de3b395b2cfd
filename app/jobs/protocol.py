"""What the application and its engine process say to each other: one JSON object a line.

The engine works in a process of its own, because loading torch, parsing a PDF and reading a
document would hold up the keys of the one that draws. An answer never travels: the process stores
it and sends its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, TypeAdapter


@dataclass(frozen=True, slots=True)
class AskRequest:
    """Answer a question that has been noted in the library."""

    job: int
    library: str
    settings: dict[str, Any]
    question: str
    root: str
    """The question before it that it may lean on; empty where there is none."""
    document_ids: tuple[str, ...]
    conversation_id: int
    unanswered_id: int
    kind: Literal["ask"] = "ask"


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """Load the models, because somebody has begun to write a question."""

    job: int
    library: str
    settings: dict[str, Any]
    kind: Literal["prepare"] = "prepare"


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Read a file into the library."""

    job: int
    library: str
    path: str
    password: str | None
    kind: Literal["read"] = "read"


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Stop a job, or do not begin it."""

    job: int
    kind: Literal["cancel"] = "cancel"


Request: TypeAlias = Annotated[
    AskRequest | PrepareRequest | ReadRequest | CancelRequest, Discriminator("kind")
]


@dataclass(frozen=True, slots=True)
class FoundSentence:
    """A sentence among the best, as it can be shown at once."""

    document_id: str
    title: str
    sentence_id: int
    page: int
    text: str
    score: float
    rank: int
    hop: int = 1


@dataclass(frozen=True, slots=True)
class Preparing:
    """The models are being loaded."""

    job: int
    kind: Literal["preparing"] = "preparing"


@dataclass(frozen=True, slots=True)
class ReadingAt:
    """Where the retriever is."""

    job: int
    title: str
    document: int
    """Which of the documents, from 1."""
    n_documents: int
    page: int
    n_pages: int
    n_tokens: int
    """Read so far, in all documents."""
    share: float
    """Of all documents, 0 to 1."""
    tokens_per_second: float
    """0 where the retriever reads no tokens."""
    seconds_left: float
    best: tuple[FoundSentence, ...] | None
    """The best sentences so far, when they were looked at anew."""
    hop: int = 1
    """Which reading of the documents this is."""
    kind: Literal["reading"] = "reading"


@dataclass(frozen=True, slots=True)
class EvidenceChosen:
    """What the answer will stand on."""

    job: int
    evidence: tuple[FoundSentence, ...]
    confidence: float
    kind: Literal["evidence"] = "evidence"


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A further piece of the answer."""

    job: int
    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer is in the library."""

    job: int
    number: int
    kind: Literal["answered"] = "answered"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The models are loaded."""

    job: int
    kind: Literal["prepared"] = "prepared"


@dataclass(frozen=True, slots=True)
class DraftPage:
    """A page that was read while the rest is still coming."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class PagesRead:
    """How far a file is read."""

    job: int
    n_done: int
    n_pages: int
    drafts: tuple[DraftPage, ...]
    """Those that are new since the last such event."""
    kind: Literal["pages"] = "pages"


@dataclass(frozen=True, slots=True)
class FileRead:
    """The file's document is in the library."""

    job: int
    document_id: str
    is_new: bool
    kind: Literal["file"] = "file"


@dataclass(frozen=True, slots=True)
class Failed:
    """The job came to nothing."""

    job: int
    message: str
    hint: str
    problem: str = ""
    """The value of a `FileProblem`, for a file."""
    details: str = ""
    """For the log, where nobody expected the error: a traceback."""
    kind: Literal["failed"] = "failed"


@dataclass(frozen=True, slots=True)
class Stopped:
    """The job was cancelled."""

    job: int
    kind: Literal["stopped"] = "stopped"


LastEvent: TypeAlias = Answered | Prepared | FileRead | Failed | Stopped
"""Ends a job: exactly one of these comes for each."""
Event: TypeAlias = Annotated[
    Preparing | ReadingAt | EvidenceChosen | TextPiece | PagesRead | LastEvent,
    Discriminator("kind"),
]

_REQUEST: TypeAdapter[Request] = TypeAdapter(Request)
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def write_request(request: Request) -> bytes:
    """One line."""
    return _REQUEST.dump_json(request) + b"\n"


def read_request(line: bytes) -> Request:
    """The request of a line."""
    return _REQUEST.validate_json(line)


def write_event(event: Event) -> bytes:
    """One line. Its texts were cleaned: JSON has no lone surrogates."""
    return _EVENT.dump_json(event) + b"\n"


def read_event(line: bytes) -> Event:
    """The event of a line."""
    return _EVENT.validate_json(line)
