"""Whether the terminal draws pictures (Kitty's protocol, Sixel), and the widget that makes it.

The package textual-image asks the terminal when it is imported, and its answer comes in as keys
do, so it has to be asked before the application reads them. Only terminals that are known to
draw pictures are asked: the others would hold up the start.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.widget import Widget

    from docqa.engine.exports.page_image import PageImage

PROGRAMS = ("wezterm", "iterm.app", "ghostty", "mintty", "contour", "rio", "vscode", "konsole")
"""Values of TERM_PROGRAM, in small letters."""
TERMS = ("xterm-kitty", "xterm-ghostty", "foot", "mlterm", "contour", "yaft")
"""Beginnings of TERM."""
VARIABLES = ("KITTY_WINDOW_ID", "KONSOLE_VERSION", "WT_SESSION")
"""Set by a terminal that draws pictures."""


def may_draw(environment: Mapping[str, str]) -> bool:
    """Whether it is worth asking the terminal."""
    if environment.get("TEXTUAL_DRIVER") or environment.get("TMUX"):
        return False
    program = environment.get("TERM_PROGRAM", "").lower()
    return (
        program in PROGRAMS
        or environment.get("TERM", "").startswith(TERMS)
        or any(environment.get(name) for name in VARIABLES)
    )


def prepare_images() -> None:
    """Ask the terminal, before the application starts. Without the extra `images`: nothing."""
    if may_draw(os.environ):
        # Half blocks always do; a terminal that answers nonsense must not stop the start.
        with contextlib.suppress(Exception):
            import textual_image.widget  # noqa: F401


def cell_size() -> tuple[int, int] | None:
    """Width and height of a cell in pixels; None where the terminal draws no pictures."""
    module = sys.modules.get("textual_image.widget")
    if module is None or not _draws():
        return None
    size = module.get_cell_size()
    return size.width, size.height


def picture(image: PageImage) -> Widget:
    """A widget that has the terminal draw a picture; only where `cell_size` is not None."""
    from textual_image.widget import Image

    stream = io.BytesIO(b"P6 %d %d 255\n" % (image.width, image.height) + image.pixels)
    return Image(stream)


def _draws() -> bool:
    """Whether the terminal answered that it draws pictures by itself."""
    from textual_image.renderable import Image, SixelImage, TGPImage

    return Image in (SixelImage, TGPImage)
