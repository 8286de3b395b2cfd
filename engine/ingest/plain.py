"""Plain text and Markdown: bytes become text, typed lines become paragraphs and table rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from docqa.engine.ingest.layout import is_number
from docqa.engine.ingest.sentences import CELL_SEPARATOR

_MARKDOWN_SUFFIXES = frozenset([".md", ".markdown", ".mdown", ".mkd"])
_TEXT_SUFFIXES = (".txt", ".text")
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SAMPLE_CHARS = 65536
_BINARY_SHARE = 0.002

_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
_RULE = re.compile(r"\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?|[-*_=]{3,}")
_OPENS = re.compile(r"\s*(?:[-*+•>]\s|\d{1,3}[.)]\s|\(\w{1,4}\)\s|#{1,6}\s|\||```)|\s{4,}")
_TYPED_RULE = re.compile(r"\s*(?:-{3,}|={3,})(?:\s+(?:-{3,}|={3,}))*")
_COLUMN_GAP = re.compile(r"\s{3,}(?!\s)|(?:\s?\.){4,}\s*|\s\s(?=[($€£]?\s*\d)")
_WIDE_GAP = re.compile(r"\s{3}|(?:\s?\.){4}")
_CURRENCIES = frozenset("$€£")
_CURRENCY = re.compile(r"^([$€£])\s+")
_WIDEST = 120
"""A longer line is a paragraph of its own."""
_HYPHEN = re.compile(r"[^\W\d_]-$")


def is_markdown_name(suffix: str) -> bool:
    """Whether a file of this ending is Markdown."""
    return suffix.lower() in _MARKDOWN_SUFFIXES


def is_text_name(suffix: str) -> bool:
    """Whether a file of this ending is a text or Markdown."""
    return is_markdown_name(suffix) or suffix.lower() in _TEXT_SUFFIXES


def decode_text(content: bytes) -> str | None:
    """The text of a file, or None when it is binary.

    UTF-8 and UTF-16 are told by their marks or by decoding without an error; what remains is
    read as Windows-1252, of which Latin-1 is a part.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\x00" in content[:1024]:
        encodings = ["utf-16-le" if content[1:2] == b"\x00" else "utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        sample = text[:_SAMPLE_CHARS]
        if len(_BINARY.findall(sample)) > _BINARY_SHARE * len(sample):
            return None
        return text.replace("\r\n", "\n").replace("\r", "\n")
    return None


@dataclass(frozen=True, slots=True)
class Reflowed:
    """A text with a paragraph or a table row a line."""

    text: str
    headings: frozenset[int] = frozenset()
    """Offsets at which a line marked as a heading begins."""


def reflow(text: str, *, is_markdown: bool = False) -> Reflowed:
    """Put each paragraph on one line.

    Lines that were wrapped at a width are joined; lists, verse and lines broken on purpose stay as
    they are, and the columns of typed tables become cells. Markdown loses its heading marks, and
    all text the lines that are drawn with dashes.
    """
    out: list[str] = []
    headings: set[int] = set()
    block: list[str] = []
    for line in [*text.split("\n"), ""]:
        line = line.rstrip()
        if line:
            block.append(line)
            continue
        if block and is_markdown:
            lines, marked = _markdown_block(block)
            headings |= {len(out) + i for i in marked}
            out.extend(lines)
        elif block:
            out.extend(_unwrap(block))
        block = []
        if out and out[-1]:
            out.append("")
    starts = accumulate((len(line) + 1 for line in out), initial=0)
    marks = frozenset(start for i, start in enumerate(starts) if i in headings)
    return Reflowed("\n".join(out).rstrip("\n"), marks)


def _unwrap(block: list[str]) -> list[str]:
    """The lines of a block without blank lines: table rows, and wrapped lines joined."""
    lines = list(_without_rules(block))
    width = max(map(len, lines))
    rows = [_cells(line) for line in lines]
    is_row = [
        len(cells) > 1 and (is_number(cells[-1]) or _n_cells(rows, i - 1, i + 1) > 1)
        for i, cells in enumerate(rows)
    ]
    # Typed contracts hang all lines but the first; then an indent opens nothing.
    hangs = len({_indent(line) for line in lines[1:]}) == 1
    paragraphs: list[list[str]] = []
    for i, line in enumerate(lines):
        if is_row[i]:
            paragraphs.append([CELL_SEPARATOR.join(rows[i])])
        elif not i or is_row[i - 1] or not _goes_on(lines[i - 1], line, width, hangs=hangs):
            paragraphs.append([line])
        else:
            glue = "" if _HYPHEN.search(paragraphs[-1][-1]) else " "
            paragraphs[-1].append(glue + line.lstrip())
    return ["".join(parts) for parts in paragraphs]


def _without_rules(lines: list[str]) -> Iterator[str]:
    """Leave out what is drawn with dashes under words, or in a table."""
    above = ""
    for line in lines:
        if above and _TYPED_RULE.fullmatch(line):
            continue
        yield line
        above = line


def _goes_on(above: str, line: str, width: int, *, hangs: bool) -> bool:
    """Whether a line goes on with the one above: the next word would not have fitted there."""
    room = width - len(above)
    is_wrapped = len(line.lstrip().split(" ", 1)[0]) >= room - 1 and 40 < width <= _WIDEST
    opens = _OPENS.match(line.lstrip() if hangs else line)
    return is_wrapped and not opens and CELL_SEPARATOR not in line


def _cells(line: str) -> list[str]:
    """The cells of a typed table row; a currency goes with its figure."""
    bare = line.strip()
    if not _WIDE_GAP.search(bare):
        return [bare]
    cells: list[str] = []
    for cell in _COLUMN_GAP.split(bare):
        if cells and cells[-1] in _CURRENCIES:
            cells[-1] += cell
        else:
            cells.append(_CURRENCY.sub(r"\1", cell))
    return cells


def _n_cells(rows: list[list[str]], *places: int) -> int:
    """Most cells of the rows at some places."""
    return max((len(rows[i]) for i in places if 0 <= i < len(rows)), default=0)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _markdown_block(lines: list[str]) -> tuple[list[str], set[int]]:
    """The lines of a block without their marks, and which of them are headings."""
    out: list[str] = []
    headings: set[int] = set()
    for line in lines:
        bare = line.strip()
        heading = _HEADING.fullmatch(bare)
        if heading:
            headings.add(len(out))
            out.extend([heading[1], ""])
        elif _RULE.fullmatch(bare):
            continue
        elif bare.startswith("|"):
            out.append(" | ".join(cell.strip() for cell in bare.strip("|").split("|")))
        elif out and out[-1] and not _OPENS.match(line) and " | " not in out[-1]:
            out[-1] += " " + bare
        else:
            out.append(line if line.startswith("    ") else bare)
    return out, headings
