"""The colours of the terminal application.

A dark theme and a light one of our own; every text colour in them stands out from its background
by a ratio of 4.5 or more (WCAG AA; a test computes it). Three more for terminals with 16 colours
or none. Textual's themes are there too.
"""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Any

from textual.theme import BUILTIN_THEMES, Theme

if TYPE_CHECKING:
    from textual.app import App

AUTO = "auto"

DOCQA_DARK = Theme(
    name="docqa-dark",
    dark=True,
    primary="#6cb6d9",
    secondary="#8fa3b8",
    accent="#e9b95f",
    warning="#e8a247",
    error="#f0776f",
    success="#86c58f",
    foreground="#dde3ea",
    background="#11151b",
    surface="#171d25",
    panel="#202934",
    variables={
        "border": "#6cb6d9",
        "border-blurred": "#33404e",
        "block-cursor-background": "#2b5872",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#263341",
        "block-cursor-blurred-foreground": "#dde3ea",
        "block-hover-background": "#222c38",
        "footer-background": "#171d25",
        "footer-key-foreground": "#e9b95f",
        "input-selection-background": "#2b5872",
        "input-selection-foreground": "#ffffff",
        "scrollbar": "#33404e",
        "scrollbar-hover": "#4a5c6e",
        "scrollbar-active": "#6cb6d9",
        "scrollbar-background": "#171d25",
        "scrollbar-background-hover": "#171d25",
        "scrollbar-background-active": "#171d25",
        "scrollbar-corner-color": "#171d25",
        "link-color": "#6cb6d9",
        "link-color-hover": "#11151b",
        "link-background-hover": "#e9b95f",
        "button-focus-text-style": "bold underline",
    },
)

DOCQA_LIGHT = Theme(
    name="docqa-light",
    dark=False,
    primary="#1b5e80",
    secondary="#546577",
    accent="#8f5300",
    warning="#8f5300",
    error="#ac2b26",
    success="#276739",
    foreground="#20262d",
    background="#f6f4ef",
    surface="#fdfcf9",
    panel="#e9e5db",
    variables={
        "border": "#1b5e80",
        "border-blurred": "#cbc5b7",
        "block-cursor-background": "#1b5e80",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#dcd6c8",
        "block-cursor-blurred-foreground": "#20262d",
        "block-hover-background": "#e9e5db",
        "footer-background": "#e9e5db",
        "footer-key-foreground": "#8f5300",
        "input-selection-background": "#b9d9e8",
        "input-selection-foreground": "#20262d",
        "scrollbar": "#cbc5b7",
        "scrollbar-hover": "#a9a294",
        "scrollbar-active": "#1b5e80",
        "scrollbar-background": "#efece4",
        "scrollbar-background-hover": "#efece4",
        "scrollbar-background-active": "#efece4",
        "scrollbar-corner-color": "#efece4",
        "link-color": "#1b5e80",
        "link-color-hover": "#ffffff",
        "link-background-hover": "#1b5e80",
        "button-focus-text-style": "bold underline",
    },
)

BY_STYLE_ALONE = {
    "block-cursor-foreground": "ansi_default",
    "block-cursor-background": "ansi_default",
    "block-cursor-text-style": "bold underline",
    "block-cursor-blurred-foreground": "ansi_default",
    "block-cursor-blurred-background": "ansi_default",
    "block-cursor-blurred-text-style": "underline",
    "input-cursor-background": "ansi_default",
    "input-cursor-foreground": "ansi_default",
    "input-cursor-text-style": "reverse",
    "input-selection-background": "ansi_default",
    "input-selection-foreground": "ansi_default",
    "button-focus-text-style": "bold reverse",
}
"""Cursors that are seen without any colour. Lists cannot be reversed: Textual drops that."""


def _sixteen(
    name: str, *, dark: bool, text: str, accent: str, lines: str, **variables: str
) -> Theme:
    """A theme of the terminal's own 16 colours, on its own background."""
    return Theme(
        name=name,
        ansi=True,
        dark=dark,
        primary=text,
        secondary=text,
        accent=accent,
        warning=accent,
        error="ansi_bright_red" if dark else "ansi_red",
        success="ansi_bright_green" if dark else "ansi_green",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables={
            **BUILTIN_THEMES["ansi-dark" if dark else "ansi-light"].variables,
            **BY_STYLE_ALONE,
            "border": text,
            "border-blurred": lines,
            "footer-key-foreground": accent,
            "scrollbar": text,
            "scrollbar-background": lines,
            **variables,
        },
    )


def _block(text: str, behind: str) -> dict[str, str]:
    """A cursor of two colours, over the whole line."""
    return {
        "block-cursor-foreground": text,
        "block-cursor-background": behind,
        "block-cursor-text-style": "bold",
    }


DOCQA_16_DARK = _sixteen(
    "docqa-16-dark",
    dark=True,
    text="ansi_bright_cyan",
    accent="ansi_bright_yellow",
    lines="ansi_bright_black",
    **_block("ansi_black", "ansi_cyan"),
)
DOCQA_16_LIGHT = _sixteen(
    "docqa-16-light",
    dark=False,
    text="ansi_blue",
    accent="ansi_magenta",
    lines="ansi_white",
    **_block("ansi_bright_white", "ansi_blue"),
)
DOCQA_PLAIN = _sixteen(
    "docqa-plain",
    dark=True,
    text="ansi_default",
    accent="ansi_default",
    lines="ansi_default",
)
"""For `NO_COLOR`: what matters is bold or underlined."""

OWN_THEMES = (DOCQA_DARK, DOCQA_LIGHT, DOCQA_16_DARK, DOCQA_16_LIGHT, DOCQA_PLAIN)


def use_theme(app: App[Any], setting: str) -> str:
    """Make our themes known to an app and choose the one of the setting.

    Returns:
        What was wrong with the setting, to be told to the reader; empty when nothing was.
    """
    for theme in OWN_THEMES:
        app.register_theme(theme)
    if setting != AUTO and setting in app.available_themes:
        app.theme = setting
        return ""
    app.theme = suited_theme(app)
    if setting == AUTO:
        return ""
    near = difflib.get_close_matches(setting, app.available_themes, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}?" if near else "F2 shows the themes there are."
    return f"There is no theme {setting!r}; {app.theme!r} is used. {hint}"


def theme_names(app: App[Any]) -> list[str]:
    """What can be chosen: ours first, then those of Textual by name."""
    own = [theme.name for theme in OWN_THEMES]
    return [AUTO, *own, *sorted(set(app.available_themes) - set(own))]


def suited_theme(app: App[Any]) -> str:
    """The theme for this terminal: its number of colours, and its background where it says."""
    if app.no_color or app.console.color_system is None:
        return DOCQA_PLAIN.name
    shade = "light" if has_light_background() else "dark"
    few_colours = app.console.color_system in ("standard", "windows")
    return f"docqa-16-{shade}" if few_colours else f"docqa-{shade}"


def has_light_background() -> bool:
    """Whether the terminal says so: `COLORFGBG` is `foreground;background`, 7 and 15 are light."""
    return os.environ.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15")


def native_colours() -> bool | None:
    """For `App(ansi_color=…)`: with `NO_COLOR` no colour is to be written at all, not even grey."""
    return True if os.environ.get("NO_COLOR") is not None else None
