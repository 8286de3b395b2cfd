"""Labelled documents from JSON Lines."""

import gzip
import json

import pytest

from docqa.engine.errors import TrainingError
from docqa.trainer.dataset import LabelledDocument, read_documents

TEXT = "First one here. Second one here.\nA row | 1 | 2\n\nThird one 🙂 here."
QUESTION = {"id": "q", "question": "Which?", "answers": ["one"], "evidence": [[0, 5]]}
RECORD = {
    "doc_id": "d",
    "source": "s",
    "domain": "legal",
    "title": "t",
    "text": TEXT,
    "questions": [QUESTION],
}


def labelled(text=TEXT):
    return LabelledDocument("d", "s", "legal", "t", text, ())


def write(path, *records):
    path.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")
    return path


def test_plain_and_gzip_read_alike(tmp_path):
    plain = write(tmp_path / "a.jsonl", RECORD, RECORD)
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    documents = list(read_documents(plain))
    assert documents == list(read_documents(packed))
    assert len(documents) == 2
    assert documents[0].text == TEXT
    assert documents[0].questions[0].evidence == ((0, 5),)
    assert documents[0].questions[0].answerable


def test_what_may_be_left_out(tmp_path):
    path = write(tmp_path / "made.train.jsonl", {"doc_id": "d", "text": "Words."})
    (document,) = read_documents(path)
    assert (document.source, document.title, document.questions) == ("made", "d", ())
    unanswerable = {"id": "q", "question": "Which?", "evidence": []}
    path = write(path, {"doc_id": "d", "text": "Words.", "questions": [unanswerable]})
    assert not next(iter(read_documents(path))).questions[0].answerable


def test_empty_lines_are_passed_over(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(f"\n{json.dumps(RECORD)}\n\n")
    assert len(list(read_documents(path))) == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("First", [0]),
        ("here. Second", [0, 1]),
        ("Second one here.", [1]),
        ("1 | 2", [2]),
        ("🙂", [3]),
        ("one here.\nA row", [1, 2]),
        (TEXT, [0, 1, 2, 3]),
    ],
)
def test_sentences_of_a_span(words, expected):
    start = TEXT.index(words)
    assert labelled().sentences_of((start, start + len(words))) == expected


def test_a_span_between_sentences_has_none():
    gap = TEXT.index("\n\n")
    assert labelled().sentences_of((gap, gap + 2)) == []
    assert labelled("").sentences_of((0, 1)) == []


def test_every_span_of_text_touches_a_sentence():
    document = labelled()
    for start, character in enumerate(TEXT):
        if not character.isspace():
            assert len(document.sentences_of((start, start + 1))) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: JSONDecodeError"),
        ("[1]", "line 2: TypeError"),
        ("{}", "line 2: KeyError: 'text'"),
        ('{"doc_id": "d", "text": 5}', "line 2: TypeError: text is 5"),
        ('{"text": "x"}', "line 2: KeyError: 'doc_id'"),
        (json.dumps(RECORD | {"questions": 5}), "line 2: TypeError"),
        (json.dumps(RECORD | {"questions": [{"id": "q"}]}), "line 2: KeyError: 'evidence'"),
        (json.dumps(RECORD | {"questions": [QUESTION | {"question": None}]}), "question is None"),
        (
            json.dumps(RECORD | {"questions": [QUESTION | {"evidence": [[0, 999]]}]}),
            r"line 2: ValueError: evidence \[0, 999\] outside a text of 65 characters",
        ),
        (json.dumps(RECORD | {"questions": [QUESTION | {"evidence": [[3, 3]]}]}), r"\[3, 3\]"),
        (json.dumps(RECORD | {"questions": [QUESTION | {"evidence": [[-1, 3]]}]}), r"\[-1, 3\]"),
        (json.dumps(RECORD | {"questions": [QUESTION | {"evidence": [[1]]}]}), "unpack"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    path = tmp_path / "bad.jsonl"
    path.write_text(f"{json.dumps(RECORD)}\n{line}\n")
    with pytest.raises(TrainingError, match=message) as caught:
        list(read_documents(path))
    assert "bad.jsonl" in caught.value.message


def test_broken_files_end_in_one_line(tmp_path):
    packed = gzip.compress("".join(f"{json.dumps(RECORD)}\n" for _ in range(50)).encode())
    broken = {
        "cut.jsonl.gz": packed[: len(packed) // 2],
        "damaged.jsonl.gz": packed[:20] + b"\xff" * 30 + packed[50:],
        "plain.jsonl.gz": b"not gzip",
        "latin.jsonl": b"\xff\xfe{",
    }
    for name, content in broken.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(TrainingError, match=f"Cannot read .*{name} after line"):
            list(read_documents(path))
    with pytest.raises(TrainingError, match="No data file"):
        list(read_documents(tmp_path / "none.jsonl"))
