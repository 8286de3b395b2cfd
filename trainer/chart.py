"""Charts of pygal (the extra `plot`), written as pictures."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from docqa.engine.errors import MissingError


def can_plot() -> bool:
    """Whether pygal is installed."""
    return importlib.util.find_spec("pygal") is not None


def check_plot() -> None:
    """Say at once that nothing can be drawn: what comes before may take minutes.

    Raises:
        MissingError: When pygal is not installed.
    """
    if not can_plot():
        raise MissingError(
            "Drawing the plot needs pygal, which is not installed.",
            "Install the extra: pip install 'docqa[plot]', or leave --plot away.",
        )


def xy_chart(**options: Any) -> Any:
    """An empty chart of lines; `can_plot` tells whether it can be made."""
    import pygal
    from pygal.style import LightSolarizedStyle

    # pygal's hook for plugins speaks a protocol that Python 3.12 has dropped, and 3.11 warns of it
    # at every import that follows
    sys.meta_path[:] = [one for one in sys.meta_path if type(one).__module__ != "pygal"]
    return pygal.XY(style=LightSolarizedStyle, js=(), legend_at_bottom=True, **options)


def write_svg(chart: Any, path: Path) -> None:
    """Write a chart as a picture for a page or a document, not for clicking."""
    path.write_bytes(svg(chart).encode())


def svg(chart: Any) -> str:
    """A chart as such a picture."""
    root = chart.render_tree()
    for group in list(root.iter()):
        for script in [one for one in group if str(one.tag).endswith("script")]:
            group.remove(script)
    return str(ElementTree.tostring(root, encoding="unicode"))
