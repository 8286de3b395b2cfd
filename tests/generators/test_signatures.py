"""Who signed is told by the signatures."""

from __future__ import annotations

import pytest

from docqa.engine.generators.extractive.generator import ExtractiveGenerator
from docqa.engine.generators.extractive.signatures import holders, signatures
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.types import Document, Evidence

TEXT = """Pier lease

This lease was signed by the parties on May 1, 2024, at the office of the harbour master.

Holm Ferries Ltd. | BAY COUNCIL
/s/ Ada Lund | /s/ Ian Smith
Title: Managing director | Title: Mayor

The annex has been read by all of them, and none of them asked for any change to be made.

NORTH STAR INC.
By: /s/ Eva Falk
Chief executive officer

The certificate of the same day is kept with it, as the law of the county wants it to be.

NORTH STAR INC.
/s/ Eva Falk

It is kept at the town hall of Holm, where anybody may read it on any day of the week."""

BETWEEN = "The seat was taken in turn by all of those who had wished to have it before."


@pytest.fixture(scope="module")
def lease() -> Document:
    return document_from_text(TEXT, title="lease")


def found(document: Document, opening: str) -> tuple[Evidence, ...]:
    """The sentence that begins so, as evidence."""
    return tuple(
        Evidence(document.id, one.id, 9.0, 1)
        for one in document.sentences
        if document.sentence_text(one.id).startswith(opening)
    )


@pytest.mark.parametrize(
    ("question", "lines"),
    [
        (
            "Who signed the lease for Bay Council?",
            [
                "Holm Ferries Ltd. | BAY COUNCIL",
                "/s/ Ada Lund | /s/ Ian Smith",
                "Title: Managing director | Title: Mayor",
            ],
        ),
        # who signs twice is shown once
        (
            "Who signed as chief executive officer?",
            ["NORTH STAR INC.", "By: /s/ Eva Falk", "Chief executive officer"],
        ),
        ("When was the lease signed?", []),
        ("Who keeps the lease?", []),
    ],
)
def test_the_lines_of_a_signature(lease: Document, question: str, lines: list[str]) -> None:
    signed = signatures(question, {lease.id: lease}, found(lease, "This lease"))
    assert [lease.sentence_text(one.sentence_id) for one in signed] == lines


def test_who_holds_an_office_is_told_where_they_sign() -> None:
    officers = document_from_text(
        f"""The chief financial officer of the company has looked at it.

HOLM FERRIES

/s/ Ada Lund

Chief executive officer

/s/ Ian Smith

Ian Smith, chief financial officer

{BETWEEN}""",
        title="report",
    )
    told, best = {officers.id: officers}, found(officers, "The chief")

    def lines(question: str) -> list[str]:
        held = holders(question, told, best)
        return [officers.sentence_text(one.sentence_id) for one in held]

    ian = ["/s/ Ian Smith", "Ian Smith, chief financial officer"]
    assert lines("Who is the chief financial officer?") == ian
    assert lines("Who is the CFO?") == ian
    assert lines("Who is the chief financial officer of the company?") == ian
    assert lines("Who is the chief financial officer of Bay Ferries?") == []
    assert lines("Who is the chief legal officer?") == []
    assert lines("Who will be the chief financial officer?") == []
    assert lines("What does the chief financial officer do?") == []


def test_where_many_signed_the_question_has_to_tell_which() -> None:
    board = "\n\n".join(
        f"/s/ Person {name}\n\n{BETWEEN}" for name in ("One", "Two", "Three", "Four")
    )
    document = document_from_text(f"It was signed by the board.\n\n{board}", title="report")
    told = {document.id: document}
    best = found(document, "It was signed")
    assert signatures("Who signed it?", told, best) == ()
    (three,) = signatures("Who signed it, Person Three?", told, best)
    assert document.sentence_text(three.sentence_id) == "/s/ Person Three"


def test_signatures_are_quoted_with_their_page(lease: Document) -> None:
    draft = ExtractiveGenerator().generate(
        "Who signed for North Star?", {lease.id: lease}, found(lease, "This lease"), 0.9
    )
    assert "By: /s/ Eva Falk (p. 1)" in draft.text.splitlines()
    assert not draft.abstained


BLOCKS = """It was signed on May 1, 2024, by all that are named below, in the town hall of the bay.

HOLM FERRIES LTD.

By: /s/ Ada Lund

Managing director

BAY COUNCIL

By: /s/ Ian Smith

Mayor"""


@pytest.mark.parametrize(
    ("party", "lines"),
    [
        ("Bay Council", ["BAY COUNCIL", "By: /s/ Ian Smith", "Mayor"]),
        ("Holm Ferries", ["HOLM FERRIES LTD.", "By: /s/ Ada Lund", "Managing director"]),
        ("Sound Lines", []),
    ],
)
def test_blocks_that_follow_each_other(party: str, lines: list[str]) -> None:
    document = document_from_text(BLOCKS, title="deed")
    signed = signatures(
        f"Who signed the deed for {party}?",
        {document.id: document},
        found(document, "It was signed"),
    )
    assert [document.sentence_text(one.sentence_id) for one in signed] == lines


@pytest.mark.parametrize(
    ("signed", "n_signers"),
    [
        (["/s/ John A. Smith", "/s/ John A. Jones"], 2),
        (["By: /s/", "Ada Lund", "By: /s/", "Ian Smith"], 2),
        (["/s/ Ada Lund Ada Lund", "/s/ Ada Lund"], 1),
        (["See https://example.com/s/annual-report"], 0),
        (["The ferry's signs of age showed at last"], 0),
    ],
)
def test_how_many_signed(signed: list[str], n_signers: int) -> None:
    text = "\n\n".join(["It was signed by all of them in the end.", *signed])
    document = document_from_text(text, title="deed")
    told = signatures("Who signed it?", {document.id: document}, found(document, "It was signed"))
    assert sum("/s/" in document.sentence_text(one.sentence_id) for one in told) == n_signers
