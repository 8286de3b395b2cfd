"""The colours of the terminal application.

Two themes of our own, a dark one and a light one; every text colour in them stands out from its
background by a ratio of 4.5 or more (WCAG AA; a test computes it). Textual's themes are there too.
"""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Any

from textual.theme import Theme

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
    },
)

OWN_THEMES = (DOCQA_DARK, DOCQA_LIGHT)


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
    """The theme for this terminal: its own colours where it has 16 or none, else one of ours."""
    shade = "light" if has_light_background() else "dark"
    few_colours = app.console.color_system in (None, "standard", "windows")
    return f"{'ansi' if few_colours or app.no_color else 'docqa'}-{shade}"


def has_light_background() -> bool:
    """Whether the terminal says so: `COLORFGBG` is `foreground;background`, 7 and 15 are light."""
    return os.environ.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15")


def native_colours() -> bool | None:
    """For `App(ansi_color=…)`: with `NO_COLOR` no colour is to be written at all, not even grey."""
    return True if os.environ.get("NO_COLOR") is not None else None
