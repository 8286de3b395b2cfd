"""What keys do on a screen, read off its live bindings: for the help screen and the palette.

Nothing is written down twice, so neither can go stale; a key the reader has changed by the setting
`keymap` shows as changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.binding import Binding
from textual.dom import DOMNode

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen


OURS = {
    "Focus Next": "Next part of the screen",
    "Focus Previous": "Part before",
    "palette": "All actions, to be found by typing",
}
"""Descriptions of Textual's own bindings, in our words."""


@dataclass(frozen=True)
class KeyRow:
    """One action that can be taken, and how."""

    keys: tuple[str, ...]
    """As they are shown to a reader: `^q`, `F1`."""
    description: str
    action: str
    id: str
    """What the setting `keymap` calls it; empty where it has no name."""
    node: DOMNode
    """Where the action lives."""


@dataclass(frozen=True)
class KeySection:
    """The actions of one part of the screen."""

    title: str
    help: str
    """What this part is for; may be empty."""
    rows: tuple[KeyRow, ...]


def key_sections(screen: Screen[Any]) -> list[KeySection]:
    """What can be done on a screen: everywhere on it, then in each of its parts, top to bottom."""
    everywhere = _rows(screen.app, [screen, screen.app])
    sections = [KeySection("Everywhere", "", everywhere)] if everywhere else []
    seen: set[type] = set()
    for node in screen.walk_children():
        if not _is_ours(node) or type(node) in seen:
            continue
        seen.add(type(node))
        rows = _rows(screen.app, [node])
        if rows:
            sections.append(KeySection(part_title(node), _help(node), rows))
    return sections


def part_title(node: DOMNode) -> str:
    """How a part of the screen is called: its `HELP_TITLE`, its border, or its class in words."""
    title = getattr(node, "HELP_TITLE", None) or getattr(node, "border_title", None)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(node).__name__).lower()
    return str(title or words.capitalize())


def action_names() -> set[str]:
    """All names the setting `keymap` may use, those of dialogs that are not open included."""
    from importlib import import_module

    for screen in ("export", "file_picker", "help", "log", "main", "page_image", "settings"):
        import_module(f"docqa.app.tui.screens.{screen}")
    return {binding.id for binding in _declared(DOMNode) if binding.id}


def _declared(kind: type[DOMNode]) -> Iterator[Binding]:
    """The bindings of a class and of all that are made from it."""
    yield from Binding.make_bindings(kind.__dict__.get("BINDINGS", ()))
    for narrower in kind.__subclasses__():
        yield from _declared(narrower)


def _rows(app: App[Any], nodes: list[DOMNode]) -> tuple[KeyRow, ...]:
    """The actions of some nodes, each once, with all its keys."""
    found: dict[tuple[str, str], KeyRow] = {}
    for node in nodes:
        for binding in _bindings(app, node):
            key = app.get_key_display(binding)
            at = (binding.action, binding.description)
            before = found.get(at)
            keys = (key,) if before is None else (*before.keys, key)
            found[at] = KeyRow(
                tuple(dict.fromkeys(keys)),
                binding.tooltip or OURS.get(binding.description, binding.description),
                binding.action,
                binding.id or "",
                node,
            )
    return tuple(sorted(found.values(), key=lambda row: not row.id))


def _bindings(app: App[Any], node: DOMNode) -> Iterator[Binding]:
    bindings = node._bindings.copy()
    if app._keymap:
        bindings.apply_keymap(app._keymap)
    for _, binding in bindings:
        if binding.description and not binding.system and (binding.id or _is_root(node)):
            yield binding


def _is_ours(node: DOMNode) -> bool:
    return any(part.__module__.startswith("docqa.") for part in type(node).__mro__)


def _is_root(node: DOMNode) -> bool:
    from textual.app import App
    from textual.screen import Screen

    return isinstance(node, App | Screen)


def _help(node: DOMNode) -> str:
    return " ".join((node.HELP or "").replace("`", "").split())
