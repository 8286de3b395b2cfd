"""The message that tells the screens of other settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from docqa.app.config import Settings


class SettingsChanged(Message):
    """The reader has changed settings: models are loaded anew when they are next needed."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
