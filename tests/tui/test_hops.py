"""A second reading as its reader sees it: while it runs, and in the answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from docqa.app.jobs.protocol import ReadingAt
from docqa.app.tui.widgets.reading_bar import ReadingBar
from docqa.engine.library.store import Store
from docqa.engine.pipeline import open_file
from tests.tui.conftest import Play, Stage
from tests.unit.test_hops import ANSWERS, LEADS_ON, N_WORDS, QUESTION, shipping


@pytest.fixture
def shipping_library(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library with the document whose answer stands in two places, and room for one of them."""
    path = tmp_path / "shipping.txt"
    path.write_text(shipping().text, encoding="utf-8")
    with Store(library) as store:
        open_file(store, path)
    monkeypatch.setenv("DOCQA_WORDS", str(N_WORDS))


@pytest.mark.usefixtures("shipping_library")
def test_the_second_reading_shows_in_bar_list_and_foot(play: Play, library: Path) -> None:
    seen: list[tuple[ReadingAt, str]] = []

    async def body(stage: Stage) -> None:
        await stage.ready()
        card = await stage.ask(QUESTION)
        bar = card.query_one(ReadingBar)

        def note(at: ReadingAt | None) -> None:
            if at is not None:
                seen.append((at, bar.figures))

        card.watch(bar, "at", note)
        await stage.answered(card)
        lines = {line.text: line for line in card.evidence_list.lines}
        assert (lines[LEADS_ON].hop, lines[ANSWERS].hop) == (1, 2)
        if len(card.evidence_list.shown) < len(lines):  # the others are behind the last line
            card.evidence_list.focus()
            await stage.pilot.press("end", "enter")
            await stage.until(lambda: len(card.evidence_list.shown) == len(lines))
        shown = [str(option.prompt) for option in card.evidence_list.options]
        assert any("↳ Every night the Kestrin" in prompt for prompt in shown)
        assert not any("↳ The Velmora route" in prompt for prompt in shown)
        foot = str(card.query_one(".card-foot", Static).visual)
        assert "read twice, again for “home port vessel Kestrin”, in" in foot

    play(body, size=(200, 60))
    again = [(at, figures) for at, figures in seen if at.hop == 2]
    assert again
    assert all(figures.startswith("second reading · ") for _, figures in again)
    assert not any("second reading" in figures for at, figures in seen if at.hop == 1)
    assert again[-1][0].n_tokens <= max(at.n_tokens for at, _ in seen)
    with Store(library) as store:
        (kept,) = store.questions()
        record = store.record(kept.id)
        assert record is not None
        assert record.reading.n_hops == 2
