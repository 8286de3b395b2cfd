"""A short answer that is part of a name is the whole name."""

from __future__ import annotations

import pytest

from docqa.engine.generators.extractive.whole_name import with_whole_name
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.reader import AnswerSpan
from docqa.engine.types import Evidence


@pytest.mark.parametrize(
    ("sentence", "words", "whole"),
    [
        (
            "FM was invented by Edwin Howard Armstrong in 1933.",
            "Armstrong",
            "Edwin Howard Armstrong",
        ),
        (
            "Then the Long Term Extension Act was passed.",
            "Extension Act",
            "Long Term Extension Act",
        ),
        ("Then John W. Dietrich takes over.", "W. Dietrich", "John W. Dietrich"),
        # a capital that opens the sentence, a title, the end of another sentence
        ("The Council agreed.", "Council", "Council"),
        ("He met Mr. Dietrich there.", "Dietrich", "Dietrich"),
        ("They live in the U.S. Congress agreed.", "Congress", "Congress"),
        ("Effective March 1, 2020 the ferries were sold.", "March 1, 2020", "March 1, 2020"),
        ("In January Ada Lund took over.", "Lund", "Ada Lund"),
        ("Ferries Unite sails.", "Unite", "Unite"),  # the ferries of the bay are small
        ("IN NO EVENT SHALL CLIENT pay.", "CLIENT", "CLIENT"),
        # no name
        ("It cost Ada Lund 5 crowns.", "5 crowns", "5 crowns"),
        ("Ada Lund sails.", "sails", "sails"),
        ("Chair | Ada Lund", "Lund", "Lund"),
    ],
)
def test_the_words_before_belong_to_the_name(sentence: str, words: str, whole: str) -> None:
    document = document_from_text(f"The ferries of the bay.\n\n{sentence}", title="Report")
    (one,) = [s for s in document.sentences if words in document.sentence_text(s.id)]
    start = document.sentence_text(one.id).index(words)
    span = AnswerSpan(Evidence(document.id, one.id, 1.0, 1), start, start + len(words), 0.9)
    documents = {document.id: document}
    assert with_whole_name(documents, span).text(documents) == whole
