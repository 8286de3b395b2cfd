"""The heat maps of the needle benchmark, as SVG without any library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

CELL_WIDTH, CELL_HEIGHT = 62, 24
LEFT, TOP, GAP = 60, 62, 40
"""Room for depths and titles, and between two maps; all in pixels."""
MIN_WIDTH = 220
"""A title takes as much."""
PALE, DARK = (237, 243, 250), (16, 78, 139)
"""Colours of 0 and 1: one hue, which colour-blind readers and printers keep apart."""
MEASURES = (("found", "found within {words:,} words"), ("mrr", "mean reciprocal rank"))


def draw_heat_maps(report: Mapping[str, Any], path: Path) -> None:
    """Write an SVG: a row a retriever, one map for `found` and one for the rank.

    Args:
        report: What `bench_needle` returned.
        path: Where to.
    """
    map_width = max(len(report["lengths"]) * CELL_WIDTH, MIN_WIDTH)
    map_height = len(report["depths"]) * CELL_HEIGHT
    width = len(MEASURES) * (LEFT + map_width) + GAP
    height = len(report["retrievers"]) * (TOP + map_height + GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" fill="#222">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for row, results in enumerate(report["retrievers"]):
        for column, (measure, title) in enumerate(MEASURES):
            x = float(LEFT + column * (LEFT + map_width))
            y = float(TOP + row * (TOP + map_height + GAP))
            caption = f"{results['retriever']}: {title.format(words=report['words'])}"
            lines.append(_text(caption, x, y - 38, "start", weight="bold"))
            lines += _heat_map(report, results, measure, x, y)
    path.write_text("\n".join([*lines, "</svg>"]) + "\n", encoding="utf-8")


def _heat_map(
    report: Mapping[str, Any], results: Mapping[str, Any], measure: str, x: float, y: float
) -> Iterator[str]:
    for i, length in enumerate(report["lengths"]):
        label = f"{length // 1000:,}k" if length % 1000 == 0 else f"{length:,}"
        yield _text(label, x + (i + 0.5) * CELL_WIDTH, y - 8, "middle")
    yield _text("tokens", x, y - 22, "start", colour="#666")
    yield _text("depth", x - 8, y - 8, "end", colour="#666")
    for j, depth in enumerate(report["depths"]):
        yield _text(f"{depth} %", x - 8, y + (j + 0.7) * CELL_HEIGHT, "end")
    for cell in results["cells"]:
        left = x + report["lengths"].index(cell["length"]) * CELL_WIDTH
        top = y + report["depths"].index(cell["depth"]) * CELL_HEIGHT
        value = cell[measure]
        yield (
            f'<rect x="{left:g}" y="{top:g}" width="{CELL_WIDTH}" height="{CELL_HEIGHT}" '
            f'fill="{_colour(value)}" stroke="white"/>'
        )
        colour = "white" if value > 0.55 else "#222"
        yield _text(
            f"{value:.2f}", left + CELL_WIDTH / 2, top + 0.7 * CELL_HEIGHT, "middle", colour=colour
        )


def _text(
    text: str, x: float, y: float, anchor: str, *, weight: str = "normal", colour: str = "#222"
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}" '
        f'fill="{colour}">{escape(text)}</text>'
    )


def _colour(value: float) -> str:
    mixed = (round(a + (b - a) * value) for a, b in zip(PALE, DARK, strict=True))
    return f"#{''.join(f'{one:02x}' for one in mixed)}"
