"""Reports: every figure is that of the run, and nothing in a run can act in the page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from docqa.trainer.answers.run_file import Asked, RunFile
from tests.conftest import Run

EVIL = '<script>alert("1")</script>|](javascript:x)'


def asked(i: int, benchmark: str, *, words: int, recall: float) -> Asked:
    """A question that was answered rightly when i is even."""
    return Asked(
        benchmark=benchmark,
        category="creative" if benchmark == "a" else EVIL,
        document=f"{benchmark}{i // 2}",
        document_words=words,
        id=str(i),
        question="When?",
        answers=("1700",),
        answer_kind="sentence",
        choices=(),
        is_answerable=True,
        facts={"depth": i % 3},
        context="[1] In 1700.",
        evidence=((3, 1.5),),
        evidence_words=2,
        evidence_recall=recall,
        recall_words={"500": recall, "1000": 1.0, "2000": 1.0},
        reciprocal_rank=recall,
        draft="1700" if i % 2 == 0 else "1800",
        seconds=0.25,
    )


def write_run(path: Path, *, is_finished: bool = True) -> Path:
    settings = {"scenario": "retrieval", "retriever": "bm25", "seed": 7, "model": EVIL}
    with RunFile(path, settings) as file:
        file.add(asked(i, "a", words=1000 + 9000 * (i % 2), recall=1.0) for i in range(6))
        file.add(asked(i, EVIL, words=500, recall=0.5) for i in range(2))
        if is_finished:
            file.note_end()
    return path


def test_the_report_shows_what_the_run_holds(docqa: Run, tmp_path: Path) -> None:
    run = write_run(tmp_path / "bm25.db")
    done = docqa("bench", "report", str(run), "--out", "report.html")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.split()[:2] == ["report.html", "report.md"]
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    summary = json.loads(docqa("bench", "report", str(run), "--json").stdout)[0]
    assert summary["overall"]["exact_match"]["mean"] == 0.5
    assert summary["overall"]["evidence_recall"]["mean"] == 0.75  # 1.0 and 0.5, alike
    assert summary["benchmarks"][1]["evidence_recall"] == {
        "mean": 1.0,
        "low": 1.0,
        "high": 1.0,
        "questions": 6,
    }
    assert "## Overall" in text
    assert "| bm25.db | 50.0 (" in text
    assert "75.0 (75.0–75.0)" in text
    assert "| seed | 7 |" in text
    assert "| git commit | " in text
    assert "## Exact match by length" in text
    assert "| 8,000 to 32,000 words | 0.0 (0.0–0.0) |" in text
    assert "## F1 by depth" in text
    assert re.search(r"\| bm25.db \| retrieval \| bm25 \| 8 \|.*\| 2.0 \|", text)
    for picture in re.findall(r"!\[[^]]+\]\(([^)]+)\)", text):
        assert (tmp_path / picture).read_text(encoding="utf-8").startswith("<svg")


def test_runs_stand_side_by_side(docqa: Run, tmp_path: Path) -> None:
    first, second = write_run(tmp_path / "one.db"), write_run(tmp_path / "two.db")
    done = docqa("bench", "report", str(first), str(second))
    assert done.exit_code == 0, done.stderr
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "|  | one.db | two.db |" in text
    same = re.findall(r"\| creative \| ([^|]+) \| ([^|]+) \|", text)
    assert same
    assert all(left == right for left, right in same)


class Page(HTMLParser):
    """Collects what could act or load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name.startswith("on"):
                self.loads.append(f"{tag} {name}")
            if name in ("src", "href", "xlink:href") and not (value or "").startswith("#"):
                self.loads.append(f"{tag} {name}={value}")


def test_the_page_is_self_contained_and_escapes_everything(docqa: Run, tmp_path: Path) -> None:
    docqa("bench", "report", str(write_run(tmp_path / "a.db")))
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(html)
    assert page.loads == []
    assert not page.tags & {"script", "link", "iframe", "object", "img"}
    assert "svg" in page.tags
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;" in html
    assert "@import" not in html
    assert "url(" not in html
    assert "default-src 'none'" in html
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "<script>" not in markdown
    assert r"\|\](javascript:x)" in markdown


def test_an_unfinished_run_says_so(docqa: Run, tmp_path: Path) -> None:
    done = docqa("bench", "report", str(write_run(tmp_path / "a.db", is_finished=False)))
    assert done.exit_code == 0
    assert "a.db is not finished" in done.stderr
    assert "| finished | NO |" in (tmp_path / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_what_is_no_run_is_an_error(docqa: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.db").write_bytes(content)
    done = docqa("bench", "report", "a.db")
    assert done.exit_code == 1
    assert "a.db" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "report.html").exists()
