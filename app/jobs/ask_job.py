"""Questions on their way: noted in the library, handed to the engine, followed, cancelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from docqa.app.tui import messages
from docqa.engine.errors import DocqaError

if TYPE_CHECKING:
    from textual.message import Message

    from docqa.app.config import Settings
    from docqa.app.jobs.process import EngineProcess
    from docqa.app.jobs.protocol import Event, Failed
    from docqa.app.jobs.shelf import Shelf
    from docqa.app.tui.session_log import SessionLog
    from docqa.engine.library.store import Store


class AskJob:
    """Asks questions. Several may be on their way: the engine takes them one after another."""

    def __init__(
        self,
        shelf: Shelf,
        engine: EngineProcess,
        log: SessionLog,
        post: Callable[[Message], object],
    ) -> None:
        """
        Args:
            shelf: Where questions are noted.
            engine: Where they are answered.
            log: Gets what went wrong.
            post: Takes the messages, from any thread.
        """
        self._shelf = shelf
        self._engine = engine
        self._log = log
        self._post = post
        self._jobs: dict[int, int] = {}
        """The engine's job by the number the library gave the question."""
        self._has_prepared = False

    async def note(self, question: str, document_ids: Sequence[str], conversation_id: int) -> int:
        """Keep a question before anything is done for it.

        Returns:
            The number the library gives it until it is answered.

        Raises:
            StoreError: When it cannot be kept.
        """
        return await self._shelf.run(
            lambda store: store.note_question(question, document_ids, conversation_id)
        )

    def hand_over(
        self,
        unanswered_id: int,
        question: str,
        root: str,
        document_ids: Sequence[str],
        conversation_id: int,
        settings: Settings,
    ) -> None:
        """Let the engine answer a question that was noted.

        Args:
            unanswered_id: Its number from `note`.
            question: As it was asked.
            root: The question before it that it may lean on; empty where there is none.
            document_ids: What it is asked of.
            conversation_id: Where it was asked.
            settings: What it is asked with.
        """
        from docqa.app.jobs.protocol import AskRequest

        job = self._jobs[unanswered_id] = self._engine.next_job()
        self._log.question(question)
        request = AskRequest(
            job,
            str(self._shelf.path),
            settings.model_dump(),
            question,
            root,
            tuple(document_ids),
            conversation_id,
            unanswered_id,
        )
        self._engine.submit(request, lambda event: self._tell(unanswered_id, event))

    def prepare(self, settings: Settings) -> None:
        """Let the engine load the models while a question is being written; once is enough."""
        from docqa.app.jobs.protocol import PrepareRequest

        if self._has_prepared or self._jobs:
            return
        self._has_prepared = True
        request = PrepareRequest(
            self._engine.next_job(), str(self._shelf.path), settings.model_dump()
        )
        self._engine.submit(request, lambda _: None)

    def settings_changed(self) -> None:
        """The next question will need other models."""
        self._has_prepared = False

    def cancel(self, unanswered_id: int) -> None:
        """Take a question back: it leaves the library, and the engine stops reading."""
        job = self._jobs.pop(unanswered_id, None)
        if job is not None:
            self._engine.cancel(job)
        self._shelf.submit(lambda store: store.withdraw_question(unanswered_id))

    def _tell(self, unanswered_id: int, event: Event) -> None:
        """An event of the engine, as a message. Called in the engine's thread."""
        from docqa.app.jobs import protocol

        if isinstance(event, protocol.LastEvent):
            self._jobs.pop(unanswered_id, None)
        match event:
            case protocol.Preparing():
                self._post(messages.ModelsLoading(unanswered_id))
            case protocol.ReadingAt():
                self._post(messages.ReadingProgress(unanswered_id, event))
            case protocol.EvidenceChosen():
                self._post(messages.EvidenceFound(unanswered_id, event.evidence, event.confidence))
            case protocol.TextPiece():
                self._post(messages.TextAdded(unanswered_id, event.text))
            case protocol.Answered():
                self._post(messages.QuestionAnswered(unanswered_id, event.number))
            case protocol.Stopped():
                self._post(messages.QuestionStopped(unanswered_id))
            case protocol.Failed():
                self._fail(unanswered_id, event)

    def _fail(self, unanswered_id: int, event: Failed) -> None:
        self._log.error(f"question failed: {event.message} {event.details}".rstrip())
        reason = f"{event.message} {event.hint}".strip()

        def note(store: Store) -> None:
            store.explain_unanswered(unanswered_id, reason)

        try:
            self._shelf.submit(note).result()
        except DocqaError as error:
            self._log.error(str(error))
        self._post(messages.QuestionFailed(unanswered_id, event.message, event.hint))
