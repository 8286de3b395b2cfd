"""The help screen and the palette know the live keys of the screen they are opened from."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, ListView, Static

from docqa.app.tui.key_sections import action_names, key_sections
from docqa.app.tui.palette import DocqaCommands
from docqa.app.tui.screens.help import HelpScreen
from docqa.app.tui.themes import use_theme


class Shelf(ListView):
    """A part of a screen with keys of its own."""

    HELP_TITLE = "The shelf"
    HELP = "Documents stand here."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete,x", "throw_away", "Throw away", id="shelf.throw"),
        Binding("ctrl+y", "nothing", "Unnamed"),
    ]
    n_thrown = 0

    def action_throw_away(self) -> None:
        self.n_thrown += 1


Shelf.__module__ = "docqa.tests"


class Room(App[None]):
    COMMANDS: ClassVar[set[Any]] = {lambda: DocqaCommands}
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1,question_mark", "help", "Help", id="help")]

    def compose(self) -> ComposeResult:
        yield Input()
        yield Shelf()

    def on_mount(self) -> None:
        use_theme(self, "docqa-dark")

    def action_help(self) -> None:
        self.push_screen(HelpScreen(key_sections(self.screen)))


def shown(screen: Screen[Any]) -> str:
    """The words of the help screen."""
    parts = [
        static
        for static in screen.query(Static)
        if all(p.display for p in static.ancestors_with_self if hasattr(p, "display"))
    ]
    return "\n".join(part.visual.plain for part in parts if isinstance(part.visual, Content))


async def until(pilot: Pilot[Any], condition: Any) -> None:
    for _ in range(600):
        if condition():
            return
        await pilot.pause(0.05)
    raise AssertionError("waited 30 s in vain")


def test_help_lists_the_keys_of_each_part_with_their_names() -> None:
    async def run() -> None:
        app = Room()
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.press("f1")
            await until(pilot, lambda: isinstance(app.screen, HelpScreen))
            text = shown(app.screen)
            assert "Everywhere" in text
            assert "The shelf" in text
            assert "Documents stand here." in text
            throw = next(line for line in text.splitlines() if "Throw away" in line)
            assert throw.split() == ["del", "x", "Throw", "away", "shelf.throw"]
            assert "Unnamed" not in text
            await pilot.press("escape")
            assert not isinstance(app.screen, HelpScreen)

    asyncio.run(run())


def test_help_shows_the_keys_of_the_keymap() -> None:
    async def run() -> None:
        app = Room()
        async with app.run_test(size=(120, 40)) as pilot:
            app.set_keymap({"shelf.throw": "f9", "help": "f8"})
            await pilot.press("f8")
            await until(pilot, lambda: isinstance(app.screen, HelpScreen))
            throw = next(line for line in shown(app.screen).splitlines() if "Throw away" in line)
            assert throw.split()[0] == "f9"

    asyncio.run(run())


def test_typing_finds_a_key() -> None:
    async def run() -> None:
        app = Room()
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.press("f1")
            await until(pilot, lambda: isinstance(app.screen, HelpScreen))
            await pilot.press(*"throw")
            await pilot.pause()
            assert "Throw away" in shown(app.screen)
            assert "Everywhere" not in shown(app.screen)
            await pilot.press(*"zz")
            await pilot.pause()
            assert shown(app.screen).strip() == "No key or action with these words."

    asyncio.run(run())


def test_narrow_terminals_show_no_names() -> None:
    async def run() -> None:
        app = Room()
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("f1")
            await until(pilot, lambda: isinstance(app.screen, HelpScreen))
            await pilot.pause()
            assert "shelf.throw" not in shown(app.screen)
            assert "Throw away" in shown(app.screen)

    asyncio.run(run())


def test_the_palette_offers_every_action_and_runs_it() -> None:
    async def run() -> None:
        app = Room()
        async with app.run_test(size=(120, 40)) as pilot:
            shelf = app.query_one(Shelf)
            commands = list(DocqaCommands(app.screen).commands())
            titles = [command.title for command in commands]
            assert titles[0] == "Help"
            assert "The shelf: Throw away" in titles
            assert {"Theme: docqa-dark", "Theme: nord", "Save a picture of the screen"} <= set(
                titles
            )
            await pilot.press("ctrl+p")
            await pilot.press(*"throw")
            await pilot.pause(0.5)
            await pilot.press("enter", "enter")
            await until(pilot, lambda: shelf.n_thrown == 1)

    asyncio.run(run())


def test_a_theme_chosen_in_the_palette_is_kept() -> None:
    from docqa.app.config import load_settings

    async def run() -> str:
        app = Room()
        async with app.run_test():
            commands = {c.title: c for c in DocqaCommands(app.screen).commands()}
            commands["Theme: docqa-light"].run()
            return app.theme

    assert asyncio.run(run()) == "docqa-light"
    assert load_settings().theme == "docqa-light"


def test_names_of_all_screens_are_known() -> None:
    import docqa.app.tui.application

    assert docqa.app.tui.application
    assert {"quit", "help", "settings.save", "files.mark", "log.copy"} <= action_names()
