"""The retrieval benchmark on small labelled files."""

import gzip
import json

import numpy as np
import pytest

from docqa.engine.errors import ConfigError, TrainingError
from docqa.trainer.bench import bench_files, bench_retrieval, markdown_table, sample_questions
from docqa.trainer.dataset import read_documents

KEYS = ["file", "questions", "recall_words", "recall_sentences", "mrr", "seconds"]


def write(path, documents):
    """Documents of one `(sentences, [(question, ids of evidence sentences)])` each."""
    lines = []
    for i, (sentences, questions) in enumerate(documents):
        starts = np.cumsum([0, *(len(one) + 1 for one in sentences)]).tolist()
        records = [
            {
                "id": f"{i}-{j}",
                "question": question,
                "evidence": [[starts[k], starts[k] + len(sentences[k])] for k in gold],
                "answerable": bool(gold),
            }
            for j, (question, gold) in enumerate(questions)
        ]
        lines.append(
            json.dumps({"doc_id": str(i), "text": "\n".join(sentences), "questions": records})
        )
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def two_files(tmp_path):
    """20 sentences of 50 words a document; the question names its evidence sentences."""
    sentences = [f"{' '.join([f'w{i}'] * 49)} end." for i in range(20)]
    one = (sentences, [("3", [3]), ("15 16", [15, 16]), ("none", [])])
    two = ([*sentences, "Short."], [(str(i), [i]) for i in range(10)])
    return [write(tmp_path / "a.jsonl", [one, two]), write(tmp_path / "b.jsonl", [one])]


class Oracle:
    """Knows the evidence: the question lists it."""

    name = "oracle"
    checkpoint = "all-knowing"
    device = "cpu"

    def score(self, question, document, *, on_progress=None, is_cancelled=None):
        scores = np.zeros(len(document.sentences), np.float32)
        scores[[int(word) for word in question.split()]] = 1
        return scores


class InOrder(Oracle):
    """Puts the first sentence first."""

    name = "in_order"
    checkpoint = None

    def score(self, question, document, *, on_progress=None, is_cancelled=None):
        return -np.arange(len(document.sentences), dtype=np.float32)


def test_an_oracle_is_perfect(two_files):
    result = bench_files(two_files, Oracle())
    assert list(result) == ["retriever", "checkpoint", "seed", "limit", "files", "overall"]
    assert (result["retriever"], result["checkpoint"]) == ("oracle", "all-knowing")
    assert [list(one) for one in result["files"]] == [KEYS, KEYS]
    for one in [*result["files"], result["overall"]]:
        assert one["recall_words"] == {"500": 1.0, "1000": 1.0, "2000": 1.0}
        assert one["recall_sentences"] == {"10": 1.0, "50": 1.0}
        assert one["mrr"] == 1.0
    assert [one["questions"] for one in result["files"]] == [12, 2]
    json.dumps(result)


def test_by_hand(two_files):
    result = bench_files(two_files, InOrder())
    # b.jsonl: evidence at ranks 4 and (16, 17); 500 words hold 10 sentences.
    b = result["files"][1]
    assert b["recall_words"] == {"500": 0.5, "1000": 1.0, "2000": 1.0}
    assert b["recall_sentences"] == {"10": 0.5, "50": 1.0}
    assert b["mrr"] == pytest.approx((1 / 4 + 1 / 16) / 2, abs=1e-4)
    # a.jsonl: the same two and ranks 1 to 10.
    a = result["files"][0]
    assert a["recall_words"]["500"] == pytest.approx(11 / 12, abs=1e-4)
    # Every file counts the same in the average.
    assert result["overall"]["recall_words"]["500"] == pytest.approx(
        (11 / 12 + 1 / 2) / 2, abs=1e-4
    )
    assert result["overall"]["mrr"] == pytest.approx((a["mrr"] + b["mrr"]) / 2, abs=1e-4)
    assert result["overall"]["questions"] == 14


def test_a_batching_retriever_gets_all_questions_of_a_document(two_files):
    calls = []

    class Batched(Oracle):
        def score(self, *args, **kwargs):
            raise AssertionError("one by one")

        def score_questions(self, questions, document):
            calls.append(len(questions))
            return [Oracle().score(question, document) for question in questions]

    assert bench_files(two_files, Batched())["overall"]["mrr"] == 1.0
    assert calls == [2, 10, 2]


def test_a_sample_takes_turns_and_repeats(two_files):
    sample = sample_questions(two_files[0], limit=3, seed=0)
    assert {i: len(positions) for i, positions in sample.items()} in ({0: 1, 1: 2}, {0: 2, 1: 1})
    assert sample == sample_questions(two_files[0], limit=3, seed=0)
    many = {str(sample_questions(two_files[0], limit=3, seed=seed)) for seed in range(10)}
    assert len(many) > 1
    assert sum(map(len, sample_questions(two_files[0], limit=99, seed=0).values())) == 12
    whole = sample_questions(two_files[0], limit=None, seed=0)
    assert whole == {0: [0, 1], 1: list(range(10))}
    assert sample_questions(two_files[0], limit=None, seed=0, answerable=False) == {0: [2]}


def test_the_limit_is_by_file_and_recorded(two_files):
    seen = []
    result = bench_files(
        two_files, Oracle(), limit=2, seed=7, on_progress=lambda *one: seen.append(one)
    )
    assert (result["limit"], result["seed"]) == (2, 7)
    assert [one["questions"] for one in result["files"]] == [2, 2]
    assert seen == [("a.jsonl", 1, 2), ("a.jsonl", 2, 2), ("b.jsonl", 2, 2)]


def test_bm25_by_name(tmp_path):
    path = tmp_path / "c.jsonl.gz"
    plain = write(
        tmp_path / "c.jsonl", [(["Cats sleep.", "Dogs bark.", "Birds sing."], [("bark?", [1])])]
    )
    path.write_bytes(gzip.compress(plain.read_bytes()))
    result = bench_retrieval([path], "bm25")
    assert (result["retriever"], result["checkpoint"]) == ("bm25", None)
    assert result["overall"]["mrr"] == 1.0
    with pytest.raises(ConfigError, match="No retriever 'bm52'"):
        bench_retrieval([path], "bm52")


def test_a_table_for_people(two_files):
    results = [bench_files(two_files, one) for one in (Oracle(), InOrder())]
    assert markdown_table(results, "recall_words", "500").splitlines() == [
        "| file | oracle | in_order |",
        "| --- | ---: | ---: |",
        "| a.jsonl | 1.000 | 0.917 |",
        "| b.jsonl | 1.000 | 0.500 |",
        "| **all** | 1.000 | 0.708 |",
    ]
    assert "| b.jsonl | 1.000 | 0.156 |" in markdown_table(results, "mrr")


def test_a_file_that_cannot_be_measured(tmp_path, two_files):
    empty = write(tmp_path / "empty.jsonl", [(["Words."], [("none", [])])])
    with pytest.raises(TrainingError, match=r"empty\.jsonl has no answerable question"):
        bench_files([empty], Oracle())
    two_files[1].write_text(two_files[1].read_text() + "\n{]\n")
    with pytest.raises(TrainingError, match=r"b\.jsonl, line 2"):
        bench_files(two_files, Oracle())
    assert len(list(read_documents(two_files[0]))) == 2
