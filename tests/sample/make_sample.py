"""Set harrow-point-ferries.md as a PDF: the annual report of an invented company.

    python tests/sample/make_sample.py

The source stays out of the installed package; the PDF in assets/ is what users get.
It looks like a filing on purpose: statements without ruling lines, running headers and footers,
page numbers. Only MuPDF's built-in fonts are used, so the file is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pymupdf

HERE = Path(__file__).parent
SOURCE = HERE / "harrow-point-ferries.md"
TARGET = HERE.parents[1] / "assets" / "sample" / "harrow-point-ferries.pdf"

WIDTH, HEIGHT = 612, 792
LEFT, RIGHT, TOP, BOTTOM = 72, 540, 92, 706
BODY, BOLD = "Times-Roman", "Times-Bold"
SIZE = 10.5
LEADING = 14.0
PAGE_BREAK = "====="
COLUMN_WIDTH = 74
"""Of a column of figures, in points."""


class Setter:
    """Puts lines on pages from top to bottom."""

    def __init__(self) -> None:
        self.pdf = pymupdf.open()
        self.new_page()

    def new_page(self) -> None:
        self.page = self.pdf.new_page(width=WIDTH, height=HEIGHT)
        self.y = float(TOP)

    def make_room(self, height: float) -> None:
        if self.y + height > BOTTOM:
            self.new_page()

    def put(self, x: float, text: str, font: str = BODY, size: float = SIZE) -> None:
        self.page.insert_text((x, self.y), text, fontname=_short(font), fontsize=size)

    def put_right(self, x: float, text: str, font: str = BODY, size: float = SIZE) -> None:
        # The closing bracket hangs, so that the figures stay below each other.
        tail = pymupdf.get_text_length(")", _short(font), size) if text.endswith(")") else 0
        self.put(x - pymupdf.get_text_length(text, _short(font), size) + tail, text, font, size)

    def paragraph(self, text: str) -> None:
        for line in wrap(text, RIGHT - LEFT, BODY, SIZE):
            self.make_room(LEADING)
            self.put(LEFT, line)
            self.y += LEADING
        self.y += 0.5 * LEADING

    def heading(self, text: str, level: int) -> None:
        size = 15.0 if level == 1 else 11.5
        self.make_room(4 * LEADING)
        self.y += 0.4 * LEADING
        for line in wrap(text, RIGHT - LEFT, BOLD, size):
            self.put(LEFT, line, BOLD, size)
            self.y += 1.3 * size
        self.y += 0.3 * LEADING

    def table(self, rows: list[list[str]]) -> None:
        n_columns = max(len(row) for row in rows)
        edges = [RIGHT - COLUMN_WIDTH * i for i in range(n_columns - 1)][::-1]
        label_width = RIGHT - LEFT - COLUMN_WIDTH * (n_columns - 1)
        is_header = True
        for row in rows:
            if row[0].startswith("^ "):
                self.spanner(row[0][2:], (edges[0] - COLUMN_WIDTH + 20 + edges[-1]) / 2)
                continue
            self.table_row(row, edges, label_width, BOLD if is_header else BODY)
            # The header ends with the row that names all columns.
            is_header = is_header and len(row) < n_columns
        self.y += 0.7 * LEADING

    def spanner(self, text: str, middle: float) -> None:
        """A name over several columns."""
        length = pymupdf.get_text_length(text, _short(BOLD), SIZE - 1)
        self.put(middle - length / 2, text, BOLD, SIZE - 1)
        self.y += LEADING

    def table_row(self, row: list[str], edges: list[float], label_width: float, font: str) -> None:
        label = wrap(row[0], label_width - 8, font, SIZE - 0.5)
        cells = [wrap(cell, COLUMN_WIDTH - 8, font, SIZE - 0.5) for cell in row[1:]]
        n_tallest = max(map(len, cells), default=1)
        is_header = font == BOLD
        n_lines = max(len(label), n_tallest if is_header else len(label) - 1 + n_tallest)
        self.make_room(n_lines * LEADING)
        for i in range(n_lines):
            if i < len(label):
                self.put(LEFT, label[i], font, SIZE - 0.5)
            for edge, cell in zip(edges, cells, strict=False):
                # Column names stand on the last line, figures beside the last line of their label.
                k = i - (n_lines - len(cell) if is_header else len(label) - 1)
                if 0 <= k < len(cell):
                    self.figure(edge, cell[k], font)
            self.y += LEADING

    def figure(self, edge: float, text: str, font: str) -> None:
        """A figure at the right edge of its column, its dollar sign at the left one."""
        if text.startswith("$"):
            self.put(edge - COLUMN_WIDTH + 22, "$", font, SIZE - 0.5)
            text = text[1:]
        self.put_right(edge, text, font, SIZE - 0.5)

    def furniture(self) -> None:
        for number, page in enumerate(self.pdf, 1):
            self.page, self.y = page, 54.0
            if number > 1:
                self.put(LEFT, "Harrow Point Ferries, Inc.", BODY, 8.5)
                self.put_right(RIGHT, "Annual Report 2024", BODY, 8.5)
            self.y = 744.0
            self.put(WIDTH / 2 - 4, str(number), BODY, 8.5)


def _short(font: str) -> str:
    """MuPDF's name of a built-in font."""
    return {BODY: "tiro", BOLD: "tibo"}[font]


def wrap(text: str, width: float, font: str, size: float) -> list[str]:
    """Lines of at most a width."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and pymupdf.get_text_length(longer, _short(font), size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def blocks(source: str) -> Iterator[list[str]]:
    """Lines between blank lines."""
    for block in source.split("\n\n"):
        lines = [line for line in block.split("\n") if line.strip()]
        if lines:
            yield lines


def main() -> None:
    setter = Setter()
    for lines in blocks(SOURCE.read_text(encoding="utf-8")):
        first = lines[0]
        if first == PAGE_BREAK:
            setter.new_page()
        elif first.startswith("#"):
            level = len(first) - len(first.lstrip("#"))
            setter.heading(first.lstrip("# "), level)
        elif first.startswith("|"):
            rows = [[c.strip() for c in line.strip().strip("|").split("|")] for line in lines]
            setter.table(rows)
        else:
            setter.paragraph(" ".join(lines))
    setter.furniture()
    setter.pdf.set_metadata(
        {"title": "Harrow Point Ferries, Inc. Annual Report 2024", "producer": "", "creator": ""}
    )
    setter.pdf.save(TARGET, garbage=4, deflate=True, clean=True, use_objstms=1, no_new_id=True)
    print(f"{TARGET.name}: {setter.pdf.page_count} pages, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
