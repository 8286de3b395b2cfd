"""The published suites in their own formats: what is read, what is refused, what it measures."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from docqa.engine.errors import DocqaError, MissingError, TrainingError
from docqa.engine.ingest.documents import document_from_text, ingest
from docqa.engine.types import Document, Page, Rest, Sentence
from docqa.engine.words import stems
from docqa.trainer.benchmarks.base import (
    Benchmark,
    BenchmarkDocument,
    BenchmarkQuestion,
    load_benchmark,
)
from docqa.trainer.benchmarks.choices import choose
from docqa.trainer.benchmarks.financebench import Piece, locate
from docqa.trainer.benchmarks.long_texts import LongTexts
from docqa.trainer.benchmarks.lost_in_the_middle import answer_span, split_of
from docqa.trainer.benchmarks.needle_haystack import generate_paragraphs
from docqa.trainer.benchmarks.recall import bench_suite, pages_of
from tests.suites.perfect_and_blind import Blind, Oracle, evidence_sentences

Run = Callable[..., Result]
SAMPLE = Path(str(files("docqa.assets") / "sample" / "harrow-point-ferries.pdf"))
RIVERS = "Aldo Brix Cana Dorn Esk Fell Gault Hale Isk Jarrow".split()


def write_lines(path: Path, records: list[dict[str, Any]]) -> Path:
    """JSON Lines, packed where the name says so."""
    content = "\n".join(map(json.dumps, records)).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def filler(seed: int, n: int) -> list[str]:
    paragraphs = generate_paragraphs(random.Random(seed))
    return [next(paragraphs) for _ in range(n)]


@pytest.fixture
def passages(tmp_path: Path) -> Path:
    """Ten questions, each asked with the right passage at three places among ten."""
    for place in (0, 4, 9):
        rows = []
        for i, river in enumerate(RIVERS):
            ctxs = [{"title": f"Page {j}", "text": text, "isgold": False, "hasanswer": False}
                    for j, text in enumerate(filler(i, 9))]  # fmt: skip
            text = f"The {river} is a river. It is {100 + i} km long. It freezes in winter."
            right = {"title": river, "text": text, "isgold": True, "hasanswer": True}
            ctxs.insert(place, right)
            answers = [f"{100 + i} km", f"{100 + i} kilometres"]
            rows.append({"question": f"how long is the {river}", "answers": answers, "ctxs": ctxs})
        write_lines(tmp_path / "nq" / f"nq-open-10_gold_at_{place}.jsonl.gz", rows)
    return tmp_path / "nq"


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Four documents in the format of trainer/dataset.py, a paragraph of each with an answer."""
    records = []
    for i, river in enumerate(RIVERS[:4]):
        paragraphs = filler(100 + i, 12)
        start = len(paragraphs[0]) + 2
        said = f"The gardener of {river} earned {20 + i} crowns."
        paragraphs[1] = f"{said} {paragraphs[1]}"
        question = f"What did the gardener of {river} earn?"
        records.append({
            "doc_id": river, "title": f"About {river}", "text": "\n\n".join(paragraphs),
            "questions": [{"id": "1", "question": question, "answers": [f"{20 + i} crowns"],
                           "evidence": [[start, start + len(said)]], "answerable": True}],
        })  # fmt: skip
    return write_lines(tmp_path / "rivers.dev.jsonl", records)


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    """Forty choices about five stories, as QuALITY writes them."""
    records = []
    for i in range(5):
        lines = filler(200 + i, 30)
        questions = []
        for j in range(8):
            right = f"a {RIVERS[j]} violin from {RIVERS[i]}burg"
            lines[3 * j] += f" She inherited {right}."
            options = [f"a {RIVERS[j]} {what} from {RIVERS[i]}burg"
                       for what in ("trumpet", "clavichord", "bassoon")]  # fmt: skip
            options.insert((i + j) % 4, right)
            questions.append({"question": f"What did heir {j} of tale {i} get?",
                              "options": options, "gold_label": (i + j) % 4 + 1,
                              "difficult": j % 2})  # fmt: skip
        records.append({"article_id": str(i), "set_unique_id": f"{i}_A", "title": f"Tale {i}",
                        "topic": "fiction", "article": "\n\n".join(lines),
                        "questions": questions})  # fmt: skip
    write_lines(tmp_path / "quality" / "QuALITY.v1.0.1.htmlstripped.train", records[:1])
    return write_lines(tmp_path / "quality" / "QuALITY.v1.0.1.htmlstripped.dev", records).parent


@pytest.fixture
def filings(tmp_path: Path) -> Path:
    """A FinanceBench of one filing, the sample document, with evidence from all its pages."""
    sample = ingest(SAMPLE)
    records = []
    for page in sample.pages:
        on_page = [one.id for one in sample.sentences if one.page == page.number]
        for i in on_page[:-1:16]:
            text = "\n".join(sample.sentence_text(j) for j in (i, i + 1))
            records.append({
                "financebench_id": f"financebench_id_{i:05}", "company": "Harrow Point",
                "doc_name": "HARROWPOINT_2024_10K", "question_type": "domain-relevant",
                "question": f"What of sentence {i}?", "answer": "As it says.",
                "evidence": [{"evidence_text": text, "doc_name": "HARROWPOINT_2024_10K",
                              "evidence_page_num": page.number - 1}],
            })  # fmt: skip
    write_lines(tmp_path / "fb" / "data" / "financebench_open_source.jsonl", records)
    (tmp_path / "fb" / "pdfs").mkdir()
    (tmp_path / "fb" / "pdfs" / "HARROWPOINT_2024_10K.pdf").write_bytes(SAMPLE.read_bytes())
    return tmp_path / "fb"


def right_option(one: BenchmarkDocument, question: BenchmarkQuestion) -> list[int]:
    """Where a story says what the right option says."""
    text = one.document.text
    start = text.index(question.answers[0])
    return one.sentences_of((start, start + 1))


def chance(benchmark: Benchmark, budget: int) -> float:
    """The share of a document that a budget holds, on average over the questions."""
    shares = [
        min(budget / one.document.n_words, 1)
        for one in benchmark.documents()
        for _ in one.questions
    ]
    return sum(shares) / len(shares)


@pytest.mark.parametrize("suite", ["passages", "labelled", "filings"])
def test_an_oracle_finds_all_and_chance_what_a_budget_holds(
    suite: str, request: pytest.FixtureRequest
) -> None:
    name = "financebench" if suite == "filings" else "lost-in-the-middle"
    benchmark = load_benchmark(name, request.getfixturevalue(suite))
    best = bench_suite(benchmark, Oracle(benchmark))
    assert best["overall"]["mrr"] == 1.0
    assert set(best["overall"]["recall_words"].values()) == {1.0}
    assert set(best["overall"].get("recall_pages", {"500": 1.0}).values()) == {1.0}
    blind = [bench_suite(benchmark, Blind(seed))["overall"] for seed in range(3)]
    found = sum(one["recall_words"]["500"] for one in blind) / len(blind)
    # Evidence of several sentences is found by the first of them.
    assert chance(benchmark, 500) - 0.1 < found < 3 * chance(benchmark, 500) + 0.1
    assert found < 0.95 or chance(benchmark, 500) > 0.9


def test_an_oracle_chooses_right_and_chance_one_in_four(stories: Path) -> None:
    benchmark = load_benchmark("quality", stories)
    best = bench_suite(benchmark, Oracle(benchmark, right_option))
    assert best["overall"]["right_choices"]["500"] == 1.0
    assert "recall_words" not in best["overall"]
    assert list(best["by"]["difficult"]) == ["0", "1"]
    picked = random.Random(0)
    guesses = [
        picked.choice(one.choices) in one.answers
        for document in benchmark.documents()
        for one in document.questions * 20
    ]
    assert sum(guesses) / len(guesses) == pytest.approx(0.25, abs=0.05)


def test_passages_are_read_as_published(passages: Path) -> None:
    documents = list(load_benchmark("lost-in-the-middle", passages).documents())
    assert len(documents) == 30
    asked = [one.questions[0] for one in documents]
    assert [one.facts["place"] for one in asked[::10]] == [0, 4, 9]
    assert asked[0].answers == ("100 km", "100 kilometres")
    assert len({one.id for one in asked}) == 30
    for one in documents:
        (span,) = one.questions[0].evidence
        assert one.document.text[slice(*span)] == one.questions[0].answers[0]


def test_a_limit_keeps_a_question_at_all_its_places(passages: Path) -> None:
    benchmark = load_benchmark("lost-in-the-middle", passages)
    seen: list[tuple[str, int, int]] = []
    report = bench_suite(
        benchmark, Oracle(benchmark), limit=4, on_progress=lambda *one: seen.append(one)
    )
    assert report["overall"]["questions"] == 12
    assert {place: one["questions"] for place, one in report["by"]["place"].items()} == {
        "0": 4, "4": 4, "9": 4,
    }  # fmt: skip
    assert seen[-1] == ("lost-in-the-middle", 12, 12)


def test_a_question_is_on_one_side_of_the_split(passages: Path) -> None:
    sides: dict[str, set[str]] = {}
    for one in load_benchmark("lost-in-the-middle", passages).documents():
        question = one.questions[0]
        sides.setdefault(question.question, set()).add(str(question.facts["split"]))
    assert {len(side) for side in sides.values()} == {1}
    drawn = [split_of(f"question {i}") for i in range(2_000)]
    assert drawn.count("held-out") / 2_000 == pytest.approx(0.2, abs=0.03)
    assert split_of("Who  won?") == split_of("who won?")


def test_labelled_paragraphs_are_packed_among_misleading_ones(labelled: Path) -> None:
    documents = list(load_benchmark("lost-in-the-middle", labelled).documents())
    assert [one.questions[0].facts["place"] for one in documents[:5]] == [0, 4, 9, 14, 19]
    for one in documents:
        question = one.questions[0]
        assert one.document.text.count(question.answers[0]) == 1
        assert question.answers[0] in one.document.text[slice(*question.evidence[0])]
    texts = [sorted(one.document.text.split("\n\n")) for one in documents[:5]]
    assert all(text == texts[0] for text in texts), "the same passages at every place"


def test_the_span_of_an_answer() -> None:
    assert answer_span("Oslo, then Rome, then oslo.", ("Oslo",)) == (0, 26)
    assert answer_span("Nothing of it.", ("Oslo",)) == (0, 14)
    assert answer_span("İstanbul", ("istanbul",)) == (0, 8)


def test_evidence_is_found_on_its_page_by_its_words(filings: Path) -> None:
    lines = filings / "data" / "financebench_open_source.jsonl"
    (one,) = load_benchmark("financebench", filings).documents()
    assert {question.facts["located"] for question in one.questions} == {"text"}
    for question in one.questions:
        number = int(question.id[-5:])
        found = evidence_sentences(one, question)
        assert {number, number + 1} & set(found)
        assert len(found) <= 6
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    n_pages = len(one.document.pages)
    middle = len(records) // 2
    evidence = records[middle]["evidence"][0]
    for page, text, located in (
        (n_pages - 1, evidence["evidence_text"], "moved"),
        (0, "quetzal xylophone zeppelin", "page"),
        (n_pages, "quetzal xylophone zeppelin", "lost"),
    ):
        evidence |= {"evidence_page_num": page, "evidence_text": text}
        write_lines(lines, records)
        (again,) = load_benchmark("financebench", filings).documents()
        assert again.questions[middle].facts["located"] == located
        assert bool(again.questions[middle].evidence) == (located != "lost")


def test_evidence_is_found_wherever_it_is_stated(filings: Path) -> None:
    lines = filings / "data" / "financebench_open_source.jsonl"
    first, *_, middle, last = [json.loads(line) for line in lines.read_text().splitlines()]
    place = {key: last["evidence"][0][key] for key in ("evidence_page_num", "evidence_text")}
    first["evidence"][0]["elsewhere"] = [place]
    write_lines(lines, [first | {"evidence": first["evidence"] + middle["evidence"]}])
    benchmark = load_benchmark("financebench", filings)
    (one,) = benchmark.documents()
    (question,) = one.questions
    assert question.facts["located"] == "text"
    assert [len(spans) for spans in question.elsewhere] == [1, 0]
    pieces = one.places_of(question)
    stated = one.sentences_of(question.evidence[0]), one.sentences_of(question.elsewhere[0][0])
    assert pieces[0] == [*stated[0], *stated[1]]
    for place_found in stated:
        report = bench_suite(benchmark, Oracle(benchmark, lambda *_, found=place_found: found))
        assert report["overall"]["mrr"] == 1.0
    pages = [{one.document.sentences[i].page for i in sentences} for sentences in pieces]
    assert [{one.document.sentences[i].page for i in page}
            for page in pages_of(one.document, pieces)] == sorted(pages, key=sorted)  # fmt: skip


def test_a_row_among_others_of_nearly_the_same_words() -> None:
    document = document_from_text(
        "Plan assets at beginning of year: 2,210 and 2,035 of the plan in cash.\n\n"
        "Nothing.\n\nIt snowed.\n\n"
        "Plan assets at end of year: 2,420 and 2,210 of the plan in cash.",
        title="Plan",
    )
    pages = [Counter(stems(page.text)) for page in document.pages]
    for one in document.sentences:
        text = document.sentence_text(one.id)
        assert locate(Piece(1, text), document, pages) == (document.span(one.id), "text")


def test_a_sentence_over_two_pages_is_evidence_on_both() -> None:
    pages = (
        Page(1, "It is closed. The quay was dredged\n1 See the annex."),
        Page(2, "by the harbour office. It is open."),
    )
    over = Sentence(1, 1, 14, 34, rest=Rest(0, 22))
    sentences = (Sentence(0, 1, 0, 13), over, Sentence(2, 1, 35, 51), Sentence(3, 2, 23, 34))
    document = Document("ab" * 32, "Quay", None, pages, sentences, "test/1")
    one = BenchmarkDocument("a", "", document, ())
    words = [Counter(stems(page.text)) for page in pages]
    for page, text, expected in (
        (1, "The quay was dredged", [1]),
        (1, "The quay was dredged by the harbour office.", [1]),
        (2, "by the harbour office.", [1]),
        (1, "1 See the annex.", [2]),
        (2, "It is open.", [3]),
    ):
        span, how = locate(Piece(page, text), document, words)
        assert span is not None
        assert (one.sentences_of(span), how) == (expected, "text")
    assert one.sentences_of((0, len(document.text))) == [0, 1, 2, 3]


def test_what_is_stated_elsewhere_is_evidence_where_the_first_place_is_lost(filings: Path) -> None:
    lines = filings / "data" / "financebench_open_source.jsonl"
    record = json.loads(lines.read_text().splitlines()[0])
    (evidence,) = record["evidence"]
    evidence["elsewhere"] = [dict(evidence)]
    evidence |= {"evidence_page_num": 99, "evidence_text": "quetzal xylophone zeppelin"}
    write_lines(lines, [record])
    ((question,),) = [one.questions for one in load_benchmark("financebench", filings).documents()]
    assert (len(question.evidence), question.elsewhere) == (1, ((),))
    assert question.facts["located"] == "lost"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"question": "q", "answers": ["a"], "ctxs": [{"title": "t", "text": "x"}]}',
         "line 1: ValueError: none of the 1 passages is marked isgold or hasanswer"),
        ('{"question": "q", "ctxs": []}', "line 1: ValueError: none of the 0 passages"),
        ('{"ctxs": 1]', "line 1: JSONDecodeError"),
    ],
)  # fmt: skip
def test_a_line_of_another_format_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TrainingError, match=message):
        list(load_benchmark("lost-in-the-middle", path).documents())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"article": "<p>Once</p>"}, "the article holds HTML; take the htmlstripped file"),
        ({"questions": [{"question": "?", "options": ["a", "b"], "gold_label": 3}]},
         "gold_label is 3, and there are 2 options"),
    ],
)  # fmt: skip
def test_another_release_of_quality(stories: Path, change: Any, message: str) -> None:
    path = stories / "QuALITY.v1.0.1.htmlstripped.dev"
    record = json.loads(path.read_text().splitlines()[0]) | change
    write_lines(path, [record])
    with pytest.raises(TrainingError, match=message):
        list(load_benchmark("quality", path).documents())


def test_a_part_without_answers(stories: Path) -> None:
    path = stories / "QuALITY.v1.0.1.htmlstripped.dev"
    record = json.loads(path.read_text().splitlines()[0])
    for question in record["questions"]:
        del question["gold_label"]
    write_lines(path, [record])
    with pytest.raises(TrainingError, match="No question of quality has known evidence"):
        bench_suite(load_benchmark("quality", path), Blind())


@pytest.mark.parametrize("name", ["lost-in-the-middle", "financebench", "quality"])
def test_where_to_get_what_is_not_there(name: str, tmp_path: Path) -> None:
    for place in (None, tmp_path / "nowhere", tmp_path):
        with pytest.raises(MissingError, match="Get "):
            load_benchmark(name, place)


def test_the_questions_about_long_pdfs(docqa: Run, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"No folder of PDF files named"):
        load_benchmark("long-pdfs")
    lines = (Path(str(files("docqa.assets"))) / "benchmarks" / "long-pdfs.jsonl").read_text()
    names = {json.loads(line)["doc_name"] for line in lines.splitlines()}
    n_files = f"{len(names)} of {len(names)} PDF files are not in "
    with pytest.raises(MissingError, match=f"{n_files}.*Get the PDF files that trainer/README.md"):
        list(load_benchmark("long-pdfs", tmp_path).documents())
    for name in names:
        (tmp_path / f"{name}.pdf").write_bytes(SAMPLE.read_bytes())
    documents = list(load_benchmark("long-pdfs", tmp_path).documents())
    asked = [question for one in documents for question in one.questions]
    assert {str(question.facts["file"]) for question in asked} == names
    assert len({question.id for question in asked}) == len(asked) == len(lines.splitlines())
    told = [question for question in asked if question.is_answerable]
    assert all(question.question and question.answers[0] for question in told)
    absent = [question for question in asked if not question.is_answerable]
    assert {question.facts["question_type"] for question in absent} == {"absent"}
    assert not any(question.answers or question.evidence for question in absent)
    assert {str(question.facts["file"]) for question in absent} == names
    made = docqa("bench", "suite", "long-pdfs", str(tmp_path), "--retriever", "bm25")
    assert made.exit_code == 0, made.stderr


def test_the_questions_about_long_texts(docqa: Run, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"No folder of texts named"):
        load_benchmark("long-texts")
    lines = (Path(str(files("docqa.assets"))) / "benchmarks" / "long-texts.jsonl").read_text()
    rows = [json.loads(line) for line in lines.splitlines()]
    said = {row["title"]: "" for row in rows}
    with pytest.raises(MissingError, match=f"{len(said)} texts are not in .*Name the folder with"):
        list(load_benchmark("long-texts", tmp_path).documents())
    for row in rows:
        for piece in row["evidence"]:
            said[row["title"]] += "\n\n".join(["", piece["text"], *piece["elsewhere"]])
    with gzip.open(tmp_path / "all.lm.jsonl.gz", "wt", encoding="utf-8") as file:
        for title, text in said.items():
            file.write(json.dumps({"title": title, "text": text}) + "\n")
    documents = list(load_benchmark("long-texts", tmp_path).documents())
    asked = [question for one in documents for question in one.questions]
    assert len({question.id for question in asked}) == len(asked) == len(rows)
    for one in documents:
        for question in one.questions:
            assert question.is_answerable == (question.facts["question_type"] != "absent")
            assert question.is_answerable == bool(question.answers and question.evidence)
            assert all(one.places_of(question))
    made = docqa("bench", "suite", "long-texts", str(tmp_path), "--retriever", "bm25")
    assert made.exit_code == 0, made.stderr


def test_links_of_a_statute_are_read_as_their_words(tmp_path: Path) -> None:
    text = r"By \[amending [section 206 of this title][/us/usc/t29/s206]\] the wage rose to $7.25."
    (tmp_path / "code.lm.jsonl").write_text(json.dumps({"title": "Wages", "text": text}))
    row = {"title": "Wages", "question": "How much?", "answer": "$7.25", "question_type": "number"}
    asked = tmp_path / "asked.jsonl"
    asked.write_text(json.dumps({**row, "evidence": [{"text": "wage rose to $7.25."}]}))
    (one,) = LongTexts(asked, tmp_path).documents()
    assert one.document.text == ("By [amending section 206 of this title] the wage rose to $7.25.")
    asked.write_text(json.dumps({**row, "evidence": [{"text": "wage fell"}]}))
    with pytest.raises(TrainingError, match="Wages does not say 'wage fell'"):
        list(LongTexts(asked, tmp_path).documents())


def test_pdf_files_that_are_not_there(filings: Path) -> None:
    (filings / "pdfs" / "HARROWPOINT_2024_10K.pdf").unlink()
    with pytest.raises(DocqaError, match=r"1 of 1 PDF files are not in .*pdfs: HARROWPOINT_2024"):
        list(load_benchmark("financebench", filings).documents())


def test_the_option_the_evidence_speaks_for() -> None:
    options = ("a red boat", "a blue boat", "no boat at all")
    assert choose(options, ["They painted it blue.", "Red was the house."]) == 1
    assert choose(options, []) == 0
    assert choose(options, ["The boat sank."]) == 0, "what all options say decides nothing"


def test_the_command_prints_tables_and_json(docqa: Run, filings: Path, stories: Path) -> None:
    made = docqa("bench", "suite", "financebench", str(filings), "--retriever", "bm25")
    assert made.exit_code == 0, made.stderr
    head = made.stdout.splitlines()[0].split("  ")
    assert "pages@500 words" in made.stdout
    assert head[0] == "benchmark"
    made = docqa("bench", "suite", "quality", str(stories), "--retriever", "bm25", "--json")
    report = json.loads(made.stdout)
    assert (report["suite"], report["retriever"]) == ("quality", "bm25")
    assert report["overall"]["questions"] == 40
    assert report["overall"]["right_choices"]["500"] > 0.3
    assert "right option@500 words" in docqa(
        "bench", "suite", "quality", str(stories), "--retriever", "bm25"
    ).stdout  # fmt: skip
