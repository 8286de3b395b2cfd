"""The command palette: every action of the screen, found by typing, with its keys beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.command import DiscoveryHit, Hit, Hits, Provider

from docqa.app.tui.key_sections import KeyRow, key_sections
from docqa.app.tui.settings_form import keep
from docqa.app.tui.themes import OWN_THEMES
from docqa.engine.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable


MOVES = ("scroll", "page_", "cursor", "next_pane")
"""Beginnings of actions that are done by keys, not by a list."""


@dataclass(frozen=True)
class PaletteCommand:
    """One line of the palette."""

    title: str
    about: str
    run: Callable[[], Any]
    is_offered: bool = True
    """Whether it shows before anything is typed."""


class DocqaCommands(Provider):
    """Offers what the bindings of the screen do, themes, and a picture of the screen."""

    async def discover(self) -> Hits:
        """What shows before anything is typed."""
        for command in self.commands():
            if command.is_offered:
                yield DiscoveryHit(command.title, command.run, help=command.about)

    async def search(self, query: str) -> Hits:
        """What fits the letters."""
        matcher = self.matcher(query)
        for command in self.commands():
            score = matcher.match(command.title)
            if score > 0:
                title = matcher.highlight(command.title)
                yield Hit(score, title, command.run, help=command.about)

    def commands(self) -> Iterator[PaletteCommand]:
        """All of them: general ones first."""
        for number, section in enumerate(key_sections(self.screen)):
            for row in section.rows:
                if not row.id or row.action.startswith(MOVES):
                    continue
                title = f"{section.title}: {row.description}" if number else row.description
                about = "  ".join(row.keys)
                yield PaletteCommand(title, about, partial(self._run, row))
        yield from self._themes()
        yield PaletteCommand(
            "Save a picture of the screen",
            "an SVG file in your downloads",
            self.app.deliver_screenshot,
        )

    def _themes(self) -> Iterator[PaletteCommand]:
        own = [theme.name for theme in OWN_THEMES]
        others = sorted(set(self.app.available_themes) - set(own))
        for name in (*own, *others):
            current = "in use" if name == self.app.theme else ""
            yield PaletteCommand(
                f"Theme: {name}", current, partial(self._use_theme, name), name in own[:2]
            )

    def _use_theme(self, name: str) -> None:
        """Change the colours, for the next start too."""
        self.app.theme = name
        try:
            locked = keep("theme", name)
        except (ConfigError, OSError) as error:
            locked = str(error)
        if locked:
            self.app.notify(f"This theme holds until docqa ends: {locked}.", markup=False)

    async def _run(self, row: KeyRow) -> None:
        await self.app.run_action(row.action, default_namespace=row.node)
