"""A report over runs, as one HTML file and as Markdown with its plots beside it."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path

from docqa.trainer.report.plots import Plot
from docqa.trainer.report.tables import Table

TITLE = "Answers to questions with known answers"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 0.5rem 0 }
th, td { border-bottom: 1px solid #ccc; padding: 0.2rem 0.8rem; text-align: right }
th:first-child, td:first-child { text-align: left }
div.wide { overflow-x: auto }
svg { max-width: 100%; height: auto }
p.note { color: #555 }
"""
_MARKDOWN_SIGN = re.compile(r"([\\`*_{}\[\]<>#|!])")


def as_html(tables: Sequence[Table], plots: Sequence[Plot]) -> str:
    """One file that loads nothing from anywhere; all text of a run is escaped."""
    parts = [f"<h1>{TITLE}</h1>"]
    parts += [_html_table(table) for table in tables]
    parts += [f"<h2>{html.escape(plot.title)}</h2>\n{plot.svg}" for plot in plots]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{TITLE}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def as_markdown(tables: Sequence[Table], pictures: Sequence[tuple[str, str]]) -> str:
    """The same tables, with links to the pictures.

    Args:
        tables: What is shown.
        pictures: Title and file name of each plot.
    """
    parts = [f"# {TITLE}"]
    for table in tables:
        lines = [table.header, ("---", *("---:" for _ in table.header[1:])), *table.rows]
        rows = "\n".join(f"| {' | '.join(map(_escaped, line))} |" for line in lines)
        parts += [f"## {_escaped(table.title)}", *([table.note] if table.note else []), rows]
    parts += [f"![{_escaped(title)}]({file})" for title, file in pictures]
    return "\n\n".join(parts) + "\n"


def write_report(out: Path, tables: Sequence[Table], plots: Sequence[Plot]) -> list[Path]:
    """Write `OUT.html`, `OUT.md` and the pictures of the latter; says which files.

    Each appears whole or not at all.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    stem = out.with_suffix("") if out.suffix in (".html", ".md") else out
    pictures = [(plot, stem.with_name(f"{stem.name}-{i}.svg")) for i, plot in enumerate(plots, 1)]
    files = {path: plot.svg for plot, path in pictures}
    named = [(plot.title, path.name) for plot, path in pictures]
    files[stem.with_name(f"{stem.name}.md")] = as_markdown(tables, named)
    files[stem.with_name(f"{stem.name}.html")] = as_html(tables, plots)
    for path, text in files.items():
        partial = path.with_name(f"{path.name}.part")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    return list(files)


def _html_table(table: Table) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    rows = [row(table.header, "th"), *(row(one, "td") for one in table.rows)]
    note = f'<p class="note">{html.escape(table.note)}</p>\n' if table.note else ""
    body = "\n".join(rows)
    return (
        f"<h2>{html.escape(table.title)}</h2>\n{note}"
        f'<div class="wide"><table>\n{body}\n</table></div>'
    )


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is; the rule under a header stays one."""
    if text in ("---", "---:"):
        return text
    return _MARKDOWN_SIGN.sub(r"\\\1", " ".join(text.split()))
