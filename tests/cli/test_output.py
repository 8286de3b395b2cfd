"""What is printed, byte for byte, and what never reaches a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from docqa.app.diagnostics import _bar
from docqa.app.output import print_record, to_json
from docqa.app.terminal import cells, fit, one_line
from docqa.engine.exports.control_characters import clean
from docqa.engine.library.record import Record, make_record
from docqa.engine.types import Answer, Citation, Document, Evidence, Reading

GOLDEN = Path(__file__).parent.parent / "golden"


def record_of(report: Document, *, abstained: bool) -> Record:
    cited = () if abstained else (Citation(report.id, 5, "Total revenue | 1,577 | 1,373"),)
    answer = Answer(
        question="What was the revenue?",
        text="The document does not say." if abstained else "Total revenue: 1,577 (p. 2)",
        abstained=abstained,
        confidence=0.1 if abstained else 0.9,
        evidence=(Evidence(report.id, 5, 0.91, 1), Evidence(report.id, 2, 0.05, 2)),
        citations=cited,
        reading=Reading("mamba", "embedded", "cpu", 30, 0.5),
        generator="extractive",
        generator_seconds=0.0,
    )
    return make_record(
        answer,
        [report],
        n_tokens={report.id: 30},
        model=None,
        strategy="direct",
        ingest_seconds=0.0,
        total_seconds=0.5,
    )


@pytest.mark.parametrize("name", ["answer", "abstention"])
def test_golden_output(report: Document, capsys: pytest.CaptureFixture[str], name: str) -> None:
    print_record(record_of(report, abstained=name == "abstention"))
    assert capsys.readouterr().out == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_control_characters_become_spaces_one_for_one() -> None:
    text = "a\x1b[31mb\x07c\x9bd\u202ee\r\n\tf\ud800"
    assert clean(text) == "a [31mb c d e \n\tf "
    assert len(clean(text)) == len(text)
    assert one_line(text) == "a [31mb c d e f"


def test_json_escapes_what_steers_a_terminal() -> None:
    assert to_json("é\x1b\x9b\ud800", indent=None) == '"é\\u001b\\u009b\\ud800"'


def test_fit_counts_cells_not_characters() -> None:
    assert fit("abcdef", 6) == "abcdef"
    assert fit("abcdefg", 6) == "abcde…"
    assert fit("売上高は増加した", 7) == "売上高…"
    assert cells("é売") == 3


def test_bar() -> None:
    assert _bar(1, 2) == "[######......] 50%"
    assert _bar(0, 0) == "[############] 100%"
