"""Plain text and Markdown: bytes become text, hard-wrapped lines become paragraphs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate, pairwise

_MARKDOWN_SUFFIXES = frozenset([".md", ".markdown", ".mdown", ".mkd"])
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SAMPLE_CHARS = 65536
_BINARY_SHARE = 0.002

_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
_RULE = re.compile(r"\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?|[-*_=]{3,}")
_OPENS = re.compile(r"\s*(?:[-*+•>]\s|\d{1,3}[.)]\s|\(\w{1,4}\)\s|#{1,6}\s|\||```)|\s{4,}")
_HYPHEN = re.compile(r"[^\W\d_]-$")


def is_markdown_name(suffix: str) -> bool:
    """Whether a file of this ending is Markdown."""
    return suffix.lower() in _MARKDOWN_SUFFIXES


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

    Lines that were wrapped at a width are joined; lists, tables, verse and lines broken on purpose
    stay as they are. Markdown loses its heading marks and table rules.
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


def _unwrap(lines: list[str]) -> list[str]:
    """The lines of a block without blank lines, joined where they were wrapped."""
    width = max(map(len, lines))
    if len(lines) == 1 or width > 120:
        return lines
    out = [lines[0]]
    for above, line in pairwise(lines):
        # A line is wrapped when the next word would not have fitted.
        room = width - len(above)
        is_wrapped = len(line.lstrip().split(" ", 1)[0]) >= room - 1 and width > 40
        if not is_wrapped or _OPENS.match(line) or " | " in line:
            out.append(line)
        elif _HYPHEN.search(out[-1]):
            out[-1] += line.lstrip()
        else:
            out[-1] += " " + line.lstrip()
    return out


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
