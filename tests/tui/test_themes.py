"""Colours that can be read, and the theme that suits a terminal."""

from __future__ import annotations

import asyncio

import pytest
from textual.app import App
from textual.color import Color
from textual.theme import Theme

from docqa.app.tui.themes import DOCQA_DARK, DOCQA_LIGHT, theme_names, use_theme

MIN_CONTRAST = 4.5
"""WCAG AA for text."""


def contrast(one: str, other: str) -> float:
    def luminance(text: str) -> float:
        channels = [
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
            for c in (value / 255 for value in Color.parse(text).rgb)
        ]
        return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", [DOCQA_DARK, DOCQA_LIGHT], ids=lambda theme: theme.name)
@pytest.mark.parametrize("behind", ["background", "surface", "panel"])
@pytest.mark.parametrize(
    "text", ["foreground", "primary", "secondary", "accent", "warning", "error", "success"]
)
def test_text_stands_out_from_what_is_behind_it(theme: Theme, behind: str, text: str) -> None:
    assert contrast(getattr(theme, text), getattr(theme, behind)) >= MIN_CONTRAST


@pytest.mark.parametrize("theme", [DOCQA_DARK, DOCQA_LIGHT], ids=lambda theme: theme.name)
@pytest.mark.parametrize(
    ("text", "behind"),
    [
        ("block-cursor-foreground", "block-cursor-background"),
        ("block-cursor-blurred-foreground", "block-cursor-blurred-background"),
        ("footer-key-foreground", "footer-background"),
        ("input-selection-foreground", "input-selection-background"),
        ("link-color-hover", "link-background-hover"),
    ],
)
def test_cursors_and_selections_can_be_read(theme: Theme, text: str, behind: str) -> None:
    assert contrast(theme.variables[text], theme.variables[behind]) >= MIN_CONTRAST


def chosen(
    setting: str, *, color_system: str = "truecolor", no_color: bool = False
) -> tuple[str, str]:
    """The theme an app gets, and what it is told."""

    async def run() -> tuple[str, str]:
        app: App[None] = App()
        app.no_color = no_color
        async with app.run_test():
            app.console._color_system = {"truecolor": 3, "256": 2, "standard": 1}[color_system]  # type: ignore[assignment]
            told = use_theme(app, setting)
            return app.theme, told

    return asyncio.run(run())


def test_a_theme_is_chosen_by_name() -> None:
    assert chosen("docqa-light") == ("docqa-light", "")
    assert chosen("nord") == ("nord", "")


def test_auto_suits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLORFGBG", raising=False)
    assert chosen("auto") == (DOCQA_DARK.name, "")
    monkeypatch.setenv("COLORFGBG", "0;15")
    assert chosen("auto") == (DOCQA_LIGHT.name, "")
    assert chosen("auto", no_color=True) == ("docqa-plain", "")
    assert chosen("auto", color_system="standard") == ("docqa-16-light", "")
    monkeypatch.setenv("COLORFGBG", "15;default;0")
    assert chosen("auto", no_color=True) == ("docqa-plain", "")
    assert chosen("auto", color_system="standard") == ("docqa-16-dark", "")
    assert chosen("auto", color_system="256") == (DOCQA_DARK.name, "")


def test_a_theme_that_does_not_exist_is_named_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLORFGBG", raising=False)
    theme, told = chosen("docqa-lihgt")
    assert theme == DOCQA_DARK.name
    assert told == (
        "There is no theme 'docqa-lihgt'; 'docqa-dark' is used. Did you mean 'docqa-light'?"
    )


def test_ours_come_first_in_the_list() -> None:
    async def run() -> list[str]:
        app: App[None] = App()
        async with app.run_test():
            use_theme(app, "auto")
            return theme_names(app)

    names = asyncio.run(run())
    assert names[:3] == ["auto", "docqa-dark", "docqa-light"]
    assert {"nord", "ansi-dark", "textual-light"} <= set(names)
    assert len(names) == len(set(names))


def test_every_theme_has_all_the_colours_the_dialogs_ask_for() -> None:
    from docqa.app.config import load_settings
    from docqa.app.tui.screens.file_picker import FilePicker
    from docqa.app.tui.screens.help import HelpScreen
    from docqa.app.tui.screens.log import LogScreen
    from docqa.app.tui.screens.settings import SettingsScreen
    from docqa.app.tui.session_log import SessionLog

    async def run() -> int:
        app: App[None] = App()
        async with app.run_test(size=(80, 24)) as pilot:
            use_theme(app, "auto")
            for screen in (
                FilePicker(),
                HelpScreen([]),
                LogScreen(SessionLog(), str),
                SettingsScreen(load_settings()),
            ):
                await app.push_screen(screen)
                # one at a time: dialogs over dialogs are drawn in a recursion
                for name in app.available_themes:
                    app.theme = name
                    await pilot.pause()
                app.pop_screen()
            return len(app.available_themes)

    assert asyncio.run(run()) > 15
