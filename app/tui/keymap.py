"""Keys of the reader's own, as the setting `keymap` writes them: `quit=ctrl+x help=f1,h`."""

from __future__ import annotations


def parse_keymap(text: str) -> dict[str, str]:
    """The keys of each action that gets others than those it comes with.

    Args:
        text: Pairs `action=key` with spaces between them; several keys of one action have commas
            between them.

    Raises:
        ValueError: When a part is no such pair, or an action is named twice.
    """
    keymap: dict[str, str] = {}
    for part in text.split():
        action, equals, keys = part.partition("=")
        if not (action and equals and all(key.strip() for key in keys.split(","))):
            raise ValueError(f"{part!r} is not action=key, such as quit=ctrl+x")
        if action in keymap:
            raise ValueError(f"the action {action!r} is named twice")
        keymap[action] = keys
    return keymap
