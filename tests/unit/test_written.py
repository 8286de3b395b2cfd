"""Questions that were written for docqa: what the files hold, and where they are put."""

from collections.abc import Mapping

import pytest

from docqa.trainer.dataset import LabelledDocument
from docqa.trainer.templates import written
from docqa.trainer.templates.questions import ask, labelled_record
from docqa.trainer.templates.written import SPLITS, WrittenQuestion, read_written

TEXT = """We had 12,300 employees at the end of the year.

Our plants are in Ohio and in Utah.

We had 12,300 employees at the end of the year.
"""
WORKERS = WrittenQuestion("How big is the workforce?", "12,300", ((0, 47),))
CLOSED = WrittenQuestion("Which plant was closed?", "", ())


def document(document_id: str = "acme") -> LabelledDocument:
    return LabelledDocument(document_id, "test", "finance", "Acme", TEXT, ())


@pytest.fixture
def two_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(split: str) -> Mapping[str, tuple[WrittenQuestion, ...]]:
        return {"acme": (WORKERS, CLOSED)} if split == "train" else {}

    monkeypatch.setattr(written, "read_written", read)


@pytest.mark.usefixtures("two_questions")
def test_a_document_gets_what_was_written_about_it() -> None:
    workers, closed = ask(document(), "written", seed=0)
    assert (workers.question, workers.answers) == ("How big is the workforce?", ("12,300",))
    texts = [document().document.sentence_text(i) for i in workers.sentences]
    assert texts == ["We had 12,300 employees at the end of the year."] * 2, "both places are right"
    assert (closed.sentences, closed.answers) == ((), ())
    assert ask(document(), "written-dev", seed=0) == []
    assert ask(document("another"), "written", seed=0) == []


@pytest.mark.usefixtures("two_questions")
def test_what_nothing_answers_is_kept_as_unanswerable() -> None:
    record = labelled_record(document(), ask(document(), "written", seed=0), "written")
    assert record["source"] == "templates-written"
    assert [one["answerable"] for one in record["questions"]] == [True, False]


@pytest.mark.parametrize("split", SPLITS.values())
def test_a_file_is_whole(split: str) -> None:
    documents = read_written(split)
    for questions in documents.values():
        asked = [one.question.lower() for one in questions]
        assert len(set(asked)) == len(asked)
        for one in questions:
            assert one.question.strip() == one.question != ""
            assert all(0 <= start < end for start, end in one.evidence)
            assert one.evidence or not one.answer, "what nothing answers has no answer"
    both = [one for questions in documents.values() for one in questions]
    assert any(one.evidence for one in both)
    assert any(not one.evidence for one in both)


def test_no_document_is_for_training_and_for_choosing() -> None:
    train, dev = (set(read_written(split)) for split in ("train", "dev"))

    def companies(ids: set[str]) -> set[str]:
        return {one.split(":")[1] for one in ids if one.startswith("xbrl:")}

    assert train
    assert dev
    assert not train & dev
    assert not companies(train) & companies(dev)
