"""Questions from sentences: the answer is gone, the kind is asked for, the evidence has it."""

from __future__ import annotations

import random
import tomllib
from importlib.resources import files

from docqa.trainer.dataset import LabelledDocument
from docqa.trainer.templates.cloze import PER_DOCUMENT, ask_cloze
from docqa.trainer.templates.questions import ask

FILLER = "\n\n".join(
    f"The company reported on matter {n} to its holders in the usual manner of every other year."
    for n in range(40)
)
FILING = f"""{FILLER}

In March we paid $3.2 million to settle the Harbour collision claim brought by the insurers.

The increase in cost of net revenues was primarily due to dearer marine diesel and longer routes.

The lease of the northern terminal expires on June 30, 2031 and carries two renewal options there.

Net revenues | 1,577 | 1,373
"""
NOVEL = f"""{FILLER}

The captain hid the silver compass beneath the loose board of the lighthouse stair.
"""


def document(text: str, title: str = "Acme Form 10-K fiscal 2023") -> LabelledDocument:
    return LabelledDocument("acme", "test", "finance", title, text, ())


def asked(text: str, title: str = "Acme Form 10-K fiscal 2023") -> list[tuple[str, list[str]]]:
    """Questions over many draws, each with the sentences that answer it."""
    found = []
    for seed in range(60):
        one = document(text, title)
        for question in ask(one, "cloze", seed):
            answers = [one.document.sentence_text(i) for i in question.sentences]
            found.append((question.question, answers))
    return found


def about(sentence: str, questions: list[tuple[str, list[str]]]) -> list[str]:
    return [question for question, answers in questions if any(sentence in one for one in answers)]


def test_an_amount_is_asked_for_and_not_told() -> None:
    questions = about("settle the Harbour", asked(FILING))
    assert questions
    assert all(one.startswith(("How much ", "What amount ")) for one in questions)
    assert not any("3.2" in one or "million" in one for one in questions)


def test_a_cause_is_asked_for_with_why() -> None:
    questions = about("primarily due to", asked(FILING))
    assert questions
    assert all(
        one.startswith(("Why ", "What is the reason", "For what reason")) for one in questions
    )
    assert not any("diesel" in one for one in questions)


def test_readers_words_stand_for_those_of_the_text() -> None:
    questions = about("primarily due to", asked(FILING))
    assert any("COGS" in one or "cost of sales" in one for one in questions)


def test_company_and_year_come_and_go() -> None:
    questions = about("settle the Harbour", asked(FILING))
    named = [one for one in questions if "Acme" in one or "2023" in one]
    assert 0 < len(named) < len(questions)


def test_rows_and_what_many_sentences_say_are_not_asked_about() -> None:
    evidence = [one for _, answers in asked(FILING) for one in answers]
    assert not any(" | " in one for one in evidence)
    assert not any("usual manner" in one for one in evidence)


def test_a_text_that_is_no_filing_is_asked_without_a_company() -> None:
    questions = about("silver compass", asked(NOVEL, "The Lighthouse"))
    assert questions
    assert not any("Lighthouse" in one or "company" in one for one in questions)


def test_a_document_has_so_many_questions_at_most() -> None:
    words = [f"{a}{b}{c}er" for a in "bdfgklmnpr" for b in "aeiou" for c in "bdfgklmnpr"]
    sentences = (
        f"The {words[n]} keeper stored a {words[n + 1]} lantern beside the {words[n + 2]} door."
        for n in range(0, 480, 3)
    )
    long = document("\n\n".join(sentences), "A story")
    few = list(ask_cloze(long, "", None, random.Random(0)))
    assert len(few) == PER_DOCUMENT
    assert len({one.sentences for one in few}) == len(few)


def test_no_phrase_has_two_lines_of_synonyms() -> None:
    source = files("docqa.trainer.templates") / "synonyms.toml"
    groups = tomllib.loads(source.read_text(encoding="utf-8"))["groups"]
    written = [group[0].lower() for group in groups]
    assert len(set(written)) == len(written)
    assert all(len(group) > 1 and len(set(group)) == len(group) for group in groups)
