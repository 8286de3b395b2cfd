"""Needles: what is hidden, where it is hidden, and who finds it."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import Result

from docqa.engine.errors import ConfigError
from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.engine.words import question_stems, stems
from docqa.trainer.benchmarks.base import load_benchmark
from docqa.trainer.benchmarks.needle import NeedleBenchmark
from docqa.trainer.benchmarks.needle_haystack import generate_paragraphs
from docqa.trainer.benchmarks.needle_kinds import KINDS, make_needle
from docqa.trainer.benchmarks.needle_plot import draw_heat_maps
from docqa.trainer.benchmarks.needle_report import bench_needle, markdown_kinds
from tests.suites.perfect_and_blind import Blind, Oracle

Run = Callable[..., Result]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def small() -> NeedleBenchmark:
    return NeedleBenchmark(lengths=(1_000, 2_000), n_depths=5)


def test_every_kind_is_at_every_depth_of_every_length(small: NeedleBenchmark) -> None:
    asked = [one.facts for document in small.documents() for one in document.questions]
    cells = {(one["length"], one["depth"], one["kind"]) for one in asked}
    assert len(asked) == len(cells) == small.n_questions == 2 * 5 * len(KINDS)
    assert {depth for _, depth, _ in cells} == {0, 25, 50, 75, 100}


def test_a_needle_stands_where_it_is_said_to(small: NeedleBenchmark) -> None:
    for one in small.documents():
        text = one.document.text
        for question in one.questions:
            start, end = question.evidence[0]
            assert abs(100 * start / len(text) - int(question.facts["depth"])) < 12
            assert text[start:end] in [
                one.document.sentence_text(i) for i in one.sentences_of((start, end))
            ], "a needle is one sentence, cut as the engine cuts it"


def test_documents_are_as_long_as_asked_and_always_the_same(small: NeedleBenchmark) -> None:
    first, again = ([one.document.id for one in small.documents()] for _ in range(2))
    assert first == again
    other = NeedleBenchmark(lengths=small.lengths, n_depths=5, seed=1)
    assert not set(first) & {one.document.id for one in other.documents()}
    n_words = [one.document.n_words for one in small.documents()]
    assert 700 < n_words[0] < 1_300
    assert 1_300 < n_words[-1] < 2_300


def test_a_needle_is_its_own_answer_and_its_distractors_are_not() -> None:
    for kind in KINDS:
        for seed in range(20):
            made = make_needle(kind, random.Random(seed), "")
            planted = " ".join(one.sentence for one in made.needles)
            if kind != "pair":  # which of two lakes is deeper has to be worked out
                assert made.answers[0] in planted
            texts = [one.text for one in (*made.needles, *made.distractors)]
            assert len(set(texts)) == len(texts)
            for other in made.distractors:
                assert not (other.sentence and other.sentence in planted)


def test_no_word_leads_to_a_needle_of_meaning() -> None:
    for seed in range(100):
        made = make_needle("meaning", random.Random(seed), "")
        asked = set(question_stems(made.question)) - {"than"}
        assert not asked & set(stems(made.needles[0].sentence)), made.question


def test_clauses_with_the_same_words_tie_for_word_overlap() -> None:
    made = make_needle("clause", random.Random(3), "")
    asked = set(question_stems(made.question))
    shared = [asked & set(stems(one.sentence)) for one in (made.needles[0], made.distractors[0])]
    assert shared[0] == shared[1]


def test_an_oracle_finds_all_and_chance_finds_what_chance_finds() -> None:
    benchmark = NeedleBenchmark(lengths=(4_000,), n_depths=6)
    report = bench_needle(benchmark, [Oracle(benchmark), Blind()], n_words=500)
    oracle, blind = report["retrievers"]
    assert oracle["found"] == oracle["mrr"] == 1.0
    assert {cell["found"] for cell in oracle["cells"]} == {1.0}
    n_words = sum(one.document.n_words for one in benchmark.documents()) / 12
    assert blind["found"] == pytest.approx(500 / n_words, abs=0.12)
    assert blind["mrr"] < 0.1


def test_word_overlap_finds_all_kinds_but_meaning() -> None:
    benchmark = NeedleBenchmark(lengths=(3_000,), n_depths=3)
    (results,) = bench_needle(benchmark, [BM25Retriever()], n_words=500)["retrievers"]
    found = {one["kind"]: one["found"] for one in results["by_kind"]}
    assert found.pop("meaning") < 0.7
    assert set(found.values()) == {1.0}
    assert results["questions"] == len(results["needles"]) == 24
    assert all(one["ranks"][0] >= 1 for one in results["needles"])


def test_a_haystack_of_files(tmp_path: Path) -> None:
    paragraphs = generate_paragraphs(random.Random(5))
    lines = [
        json.dumps({"doc_id": str(i), "text": "\n\n".join(next(paragraphs) for _ in range(9))})
        for i in range(4)
    ]
    packed = tmp_path / "hay.jsonl.gz"
    packed.write_bytes(gzip.compress("\n".join(lines).encode()))
    plain = tmp_path / "hay.txt"
    plain.write_text("\n\n".join(next(paragraphs) for _ in range(9)), encoding="utf-8")
    benchmark = NeedleBenchmark((packed, plain), lengths=(1_000,), n_depths=1)
    whole = next(benchmark.documents()).document.text
    assert json.loads(lines[0])["text"].split("\n\n")[1][:40] in whole
    with pytest.raises(ConfigError, match=r"hay\.jsonl\.gz, hay\.txt has 2,\d\d\d tokens.*90,000"):
        next(NeedleBenchmark((packed, plain), lengths=(90_000,)).documents())
    plain.write_text("1 | 2 | 3\n\n" * 400, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"hold no sentence of prose"):
        next(NeedleBenchmark((plain,), lengths=(1_000,)).documents())
    with pytest.raises(ConfigError, match="A length of 999 tokens is too short"):
        NeedleBenchmark(lengths=(999,))
    assert load_benchmark("needle", plain).name == "needle"


def test_the_command_prints_json_and_draws(docqa: Run, tmp_path: Path) -> None:
    options = ("--lengths", "1000,2000", "--depths", "2", "--kind", "row", "--retriever", "bm25")
    made = docqa("bench", "needle", *options, "--json", "--plot", "map.svg")
    assert made.exit_code == 0, made.stderr
    report = json.loads(made.stdout)
    assert report["haystack"] == "generated sentences"
    assert (report["lengths"], report["depths"], report["words"]) == ([1000, 2000], [0, 100], 500)
    (results,) = report["retrievers"]
    assert [cell["found"] for cell in results["cells"]] == [1.0] * 4
    drawn = ElementTree.parse(tmp_path / "map.svg").getroot()
    shown = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    values = [f"{cell[measure]:.2f}" for measure in ("found", "mrr") for cell in results["cells"]]
    assert [text for text in shown if text in values] == values
    assert "bm25: found within 500 words" in shown
    shown_to_people = docqa("bench", "needle", *options).stdout
    assert "generated sentences" in shown_to_people
    assert "bm25: 100" in shown_to_people


def test_the_embedded_checkpoint_reads_meaning(docqa: Run) -> None:
    options = ("--lengths", "2000", "--depths", "3", "--kind", "meaning", "--retriever", "mamba")
    report = json.loads(docqa("bench", "needle", *options, "--json").stdout)
    assert report["retrievers"][0]["found"] == 1.0
    assert report["retrievers"][0]["checkpoint"] == "embedded"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--kind", "pin"), "No kind of needle 'pin'. Kinds are: number, code"),
        (("--lengths", "many"), "'many' is no list of numbers"),
    ],
)
def test_wrong_use(docqa: Run, options: tuple[str, ...], message: str) -> None:
    result = docqa("bench", "needle", *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_what_is_told_was_measured(tmp_path: Path) -> None:
    report = json.loads((ROOT / "assets/benchmarks/needle.json").read_text(encoding="utf-8"))
    told = (ROOT / "trainer" / "README.md").read_text(encoding="utf-8")
    assert markdown_kinds(report) in told
    assert f"--lengths {','.join(map(str, report['lengths']))} --depths" in told
    draw_heat_maps(report, tmp_path / "now.svg")
    assert (tmp_path / "now.svg").read_text() == (ROOT / "assets/benchmarks/needle.svg").read_text()
