"""Asking: reading, evidence, answers, abstentions, cancelling, follow-ups, and what is kept."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from textual.widgets import Button, Markdown, Static

from docqa.app.jobs.process import EngineProcess
from docqa.app.tui.widgets.answer_card import CardState
from docqa.app.tui.widgets.reading_bar import ReadingBar
from docqa.app.tui.widgets.welcome import Welcome
from docqa.engine.library.store import Store
from tests.tui.conftest import ANSWER, PAGE, QUESTION, Play, Stage

pytestmark = pytest.mark.usefixtures("sample_library")
ABSENT = "Who won the football world cup in 1966?"


def stored(library: Path) -> Store:
    return Store(library)


def text_of(card: object, selector: str) -> str:
    return str(card.query_one(selector, Static).visual)  # type: ignore[attr-defined]


def test_a_question_is_answered_with_evidence_and_kept(play: Play, library: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        assert stage.app.focused is stage.question
        card = await stage.ask(QUESTION)
        assert stage.question.text == ""
        assert not stage.screen.query_one(Welcome).display
        await stage.answered(card)
        assert card.state is CardState.ANSWERED
        source = card.query_one(Markdown).source
        assert ANSWER in source.replace("\\", "")
        assert f"[(p. {PAGE})](evidence:1)" in source
        assert card.evidence_list.lines[0].is_cited
        foot = text_of(card, ".card-foot")
        for part in ("read in", "tokens/s", "hybrid (embedded) on cpu", "extractive", "words of"):
            assert part in foot
        await stage.until(lambda: stage.screen.panel.current_evidence is not None)
        assert stage.screen.panel.current_evidence.rank == 1

    play(body)
    with stored(library) as store:
        (kept,) = store.questions()
        assert kept.question == QUESTION
        (conversation,) = store.conversations()
        assert store.unanswered(conversation.id) == []
        assert [number for number, _ in store.records_of(conversation.id)] == [kept.id]


def test_while_it_reads_it_shows_where_and_what_it_found(play: Play) -> None:
    seen: list[tuple[str, int]] = []

    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        bar = card.query_one(ReadingBar)

        def look() -> bool:
            if bar.at is not None:
                seen.append((bar.figures, len(card.evidence_list.lines)))
            return not card.is_running

        await stage.until(look)

    play(body, size=(200, 60))
    figures, n_found = seen[0]
    assert figures.startswith("p. ")
    assert "of 13" in figures
    assert "tokens/s" in figures
    assert n_found > 0


def test_what_is_not_in_the_document_looks_different(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(ABSENT)
        await stage.answered(card)
        assert card.state is CardState.ABSTAINED
        assert "does not seem to answer" in text_of(card, ".card-verdict")
        assert not card.query_one(Markdown).display
        assert card.evidence_list.display
        assert len(card.evidence_list.shown) == 3  # the closest passages
        assert "confidence" in text_of(card, ".card-foot")

    play(body)


def test_a_citation_opens_its_sentence(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        await stage.answered(card)
        await stage.until(lambda: stage.screen.panel.current_evidence is not None)
        card.evidence_list.focus()
        await stage.pilot.press("end", "enter", "home", "down", "enter")
        panel = stage.screen.panel
        wanted = card.evidence_list.lines[1]
        await stage.until(
            lambda: (
                panel.current_evidence and panel.current_evidence.sentence_id == wanted.sentence_id
            )
        )
        assert panel.text.page == wanted.page
        await stage.pilot.press("n")
        await stage.until(lambda: panel.current_evidence.rank == 3)
        await stage.pilot.press("p")
        await stage.until(lambda: panel.current_evidence.rank == 2)

    play(body)


def test_a_citation_in_the_answer_is_a_link(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        await stage.answered(card)
        markdown = card.query_one(Markdown)
        markdown.post_message(Markdown.LinkClicked(markdown, "evidence:2"))
        panel = stage.screen.panel
        await stage.until(lambda: panel.current_evidence and panel.current_evidence.rank == 2)

    play(body)


def test_more_evidence_comes_when_asked_for(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        await stage.answered(card)
        found = card.evidence_list
        n_cited = len(found.shown)
        assert n_cited < len(found.lines)
        found.focus()
        await stage.pilot.press("end", "enter")
        assert len(found.shown) == len(found.lines)

    play(body)


def test_escape_takes_the_question_back_at_once(play: Play, library: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        await stage.ask(QUESTION)
        await stage.pilot.press("escape")
        await stage.until(lambda: not stage.cards)  # an answer would have stayed
        assert stage.question.text == QUESTION
        assert stage.app.focused is stage.question
        # the engine is free for the next question
        stage.question.text = ""
        card = await stage.ask(ABSENT)
        await stage.answered(card)

    play(body)
    with stored(library) as store:
        assert [one.question for one in store.questions()] == [ABSENT]
        assert store.unanswered(store.conversations()[0].id) == []


def test_escape_while_the_model_reads(play: Play, library: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        await stage.until(lambda: card.state is not CardState.WAITING)
        await stage.pilot.press("escape")
        await stage.until(lambda: not stage.cards or not card.is_running)

    play(body)


def test_a_question_asked_while_one_runs_waits_for_its_turn(
    play: Play, library: Path, engine: EngineProcess
) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        first = await stage.ask(QUESTION)
        assert engine._process is not None
        engine._process.send_signal(signal.SIGSTOP)  # or it may be done before the last is asked
        try:
            second = await stage.ask("Who audits the company?")
            third = await stage.ask(ABSENT)
            await stage.pilot.press("escape")  # the one asked last
        finally:
            engine._process.send_signal(signal.SIGCONT)
        await stage.until(lambda: len(stage.cards) == 2)
        assert stage.question.text == ABSENT
        assert third not in stage.cards
        await stage.answered(first)
        await stage.answered(second)

    play(body)
    with stored(library) as store:
        (conversation,) = store.conversations()
        asked = [record.question for _, record in store.records_of(conversation.id)]
        assert asked == [QUESTION, "Who audits the company?"]


def test_arrows_bring_back_earlier_questions(play: Play, library: Path) -> None:
    with stored(library) as store:
        conversation = store.start_conversation()
        for question in ("First?", "Second?"):
            store.note_question(question, [], conversation)

    async def body(stage: Stage) -> None:
        await stage.ready()
        await stage.until(lambda: stage.cards)
        await stage.write("half a qu")
        await stage.pilot.press("up")
        assert stage.question.text == "Second?"
        await stage.pilot.press("up", "up")
        assert stage.question.text == "First?"
        await stage.pilot.press("down", "down")
        assert stage.question.text == "half a qu"

    play(body)


def test_a_question_of_several_lines(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        await stage.write("What does the yard pay")
        await stage.pilot.press("ctrl+j")
        await stage.write("for each day of delay?")
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.cards)
        assert stage.cards[0].question == QUESTION.replace("pay ", "pay\n")
        await stage.answered(stage.cards[0])
        assert stage.cards[0].state is CardState.ANSWERED

    play(body)


def test_the_conversation_is_there_again_at_the_next_start(play: Play) -> None:
    async def first(stage: Stage) -> None:
        await stage.ready()
        await stage.answered(await stage.ask(QUESTION))
        await stage.answered(await stage.ask(ABSENT))

    async def second(stage: Stage) -> None:
        await stage.ready()
        await stage.until(lambda: len(stage.cards) == 2)
        await stage.until(lambda: stage.cards[1].state is CardState.ABSTAINED)
        assert stage.cards[0].state is CardState.ANSWERED
        assert ANSWER in stage.cards[0].query_one(Markdown).source.replace("\\", "")
        await stage.pilot.press("ctrl+n")
        await stage.until(lambda: not stage.cards)
        await stage.answered(await stage.ask("Who audits the company?"))
        await stage.pilot.press("ctrl+r")
        await stage.until(lambda: len(stage.app.screen_stack) == 3)
        await stage.pilot.press(*"yard pay", "enter")
        await stage.until(lambda: len(stage.cards) == 2)

    play(first)
    play(second)


def test_a_question_without_an_answer_is_offered_again(play: Play, library: Path) -> None:
    with stored(library) as store:
        (document,) = store.documents()
        conversation = store.start_conversation()
        store.note_question(QUESTION, [document.id], conversation)  # then docqa was killed

    async def body(stage: Stage) -> None:
        await stage.ready()
        await stage.until(lambda: stage.cards and stage.cards[0].state is CardState.UNANSWERED)
        card = stage.cards[0]
        assert "ended before the answer" in text_of(card, ".card-verdict")
        await stage.pilot.click(card.query_one(Button))
        await stage.answered(card)
        assert card.state is CardState.ANSWERED

    play(body)
    with stored(library) as store:
        assert store.unanswered(conversation) == []
        assert len(store.records_of(conversation)) == 1


def test_an_error_says_what_to_do_and_the_question_is_kept(play: Play, library: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        await stage.until(lambda: card.state is CardState.UNANSWERED)
        assert "No checkpoint folder" in text_of(card, ".card-verdict")
        assert any("No checkpoint folder" in toast for toast in stage.toasts)

    play(body, checkpoint="/nowhere/at/all")
    with stored(library) as store:
        (kept,) = store.unanswered(store.conversations()[0].id)
        assert "No checkpoint folder" in kept.reason


def test_with_no_document_chosen_nothing_is_asked(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        stage.screen.library.set_scope(())
        await stage.write(QUESTION)
        await stage.pilot.press("enter")
        await stage.until(lambda: stage.toasts)
        assert "No document is chosen" in stage.toasts[0]
        assert stage.question.text == QUESTION
        assert stage.cards == []

    play(body)


def test_bm25_answers_without_a_model(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        await stage.answered(card)
        foot = text_of(card, ".card-foot")
        assert "bm25 on cpu" in foot
        assert "tokens/s" not in foot

    play(body, retriever="bm25")


def test_a_question_that_leans_on_the_one_before_is_read_with_it(play: Play, library: Path) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        await stage.answered(await stage.ask("How many sailings were cancelled in 2024?"))
        card = await stage.ask("And in 2023?")
        assert "↳ with “How many sailings" in text_of(card, ".card-question")
        await stage.answered(card)
        first = card.evidence_list.lines[0].text
        assert first.startswith(("Sailings cancelled", "That is better than the 2.6 percent"))
        third = await stage.ask("Who audits the company?")
        assert "↳" not in text_of(third, ".card-question")
        await stage.answered(third)

    play(body)
    with stored(library) as store:
        assert [one.question for one in store.questions()][1] == "And in 2023?"
