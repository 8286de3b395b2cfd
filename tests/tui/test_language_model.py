"""Answers of a language model on the screen: streamed, linked, doubted, failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Markdown, Static

from docqa.app.tui.widgets.answer_card import AnswerCard, CardState
from docqa.app.tui.widgets.reading_bar import ReadingBar
from tests.generators.scripted_server import Reply, said, serving
from tests.tui.conftest import QUESTION, Play, Stage

pytestmark = pytest.mark.usefixtures("sample_library")
CHAT = "/v1/chat/completions"


def verdict(card: AnswerCard) -> str:
    return str(card.query_one(".card-verdict", Static).visual)


def test_an_answer_streams_with_links_to_its_evidence(play: Play) -> None:
    reply = said("The company paid ", "**$18.6 million** ", "[1].", prompt_tokens=1200)
    reply.delay_seconds = 1.0
    waited: list[str] = []

    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        bar = card.query_one(ReadingBar)

        def look() -> bool:
            if bar.display and bar.at is None and card.state is CardState.WRITING:
                waited.append(bar.doing)
            return not card.is_running

        await stage.until(look)
        assert card.state is CardState.ANSWERED, verdict(card)
        assert not card.has_class("-silent", "-warned")
        source = card.query_one(Markdown).source
        assert source == r"The company paid **$18.6 million** [\[1\]](evidence:1)."
        assert card.evidence_list.lines[0].is_cited
        foot = str(card.query_one(".card-foot", Static).visual)
        assert "openai tiny" in foot
        assert "↑1,200 ↓3 tokens" in foot
        markdown = card.query_one(Markdown)
        markdown.post_message(Markdown.LinkClicked(markdown, "evidence:1"))
        await stage.until(lambda: stage.screen.panel.current_evidence)

    with serving({CHAT: reply}) as server:
        play(body, generator="openai", base_url=server.url, model="tiny")
    assert "The language model reads the evidence" in waited[0]


def test_a_server_that_only_the_folder_names_is_named(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = 'generator = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
    (tmp_path / "docqa.toml").write_text(text, encoding="utf-8")

    async def body(stage: Stage) -> None:
        await stage.until(lambda: any("http://127.0.0.1:9/v1" in one for one in stage.toasts))

    play(body)


def test_an_answer_that_cites_nothing_is_doubted(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        await stage.answered(card)
        assert "Do not rely on it" in verdict(card)
        assert card.has_class("-warned")

    with serving({CHAT: said("It was a lot of money.", prompt_tokens=1200)}) as server:
        play(body, generator="openai", base_url=server.url, model="tiny")


def test_a_server_that_is_not_there_is_an_error_that_keeps_the_question(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        await stage.until(lambda: card.state is CardState.UNANSWERED)
        assert "127.0.0.1:9" in verdict(card)
        assert card.query_one("Button").display

    play(body, generator="openai", base_url="http://127.0.0.1:9/v1", model="tiny")


def test_a_stream_that_breaks_off_is_an_error_and_no_half_answer(play: Play) -> None:
    whole = said("The company paid ", "some ", finish=None)
    broken = Reply(stream=(whole.stream or ())[:1], is_cut=True)

    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        await stage.until(lambda: card.state is CardState.UNANSWERED)
        assert not card.query_one(Markdown).display
        assert verdict(card)

    with serving({CHAT: broken}) as server:
        play(body, generator="openai", base_url=server.url, model="tiny")


def test_escape_while_the_model_writes_leaves_the_server_in_peace(play: Play) -> None:
    slow = said("Never read. [1]", prompt_tokens=1200)
    slow.delay_seconds = 30.0

    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        await stage.until(lambda: card.has_class("-silent"))
        await stage.pilot.press("escape")
        await stage.until(lambda: not stage.cards)
        assert stage.question.text == QUESTION
        await stage.until(lambda: server.n_dropped)

    with serving({CHAT: slow}) as server:
        play(body, generator="openai", base_url=server.url, model="tiny")


def test_a_model_cannot_put_html_or_foreign_links_on_the_screen(play: Play) -> None:
    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        await stage.answered(card)
        source = card.query_one(Markdown).source
        assert r"\<b>" in source
        assert r"[here\](http" in source

    replies: dict[str, Reply | list[Reply]] = {
        CHAT: said("<b>x</b> [here](http://x.example) [1]", prompt_tokens=1200)
    }
    with serving(replies) as server:
        play(body, generator="openai", base_url=server.url, model="tiny")
