"""`docqa bench tui`: how quick the terminal application is, beside an empty one.

First frame: from the start of the process until the panes stand on the screen, in a real terminal,
alternating with the smallest application Textual can run. Keys: from a key press until
its letter is on the screen, while the model reads a long document. Frames: processor time
to draw each of 60 places of a 400-page document.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from docqa.app.bench.terminal import TimedTerminal
from docqa.app.own_process import DOCQA, PYTHON

EMPTY_APP = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("Library")
Empty().run()
"""
LOADED = """
import asyncio, json, sys
from docqa.app.config import load_settings
from docqa.app.tui.application import DocqaApp
async def main():
    app = DocqaApp(load_settings())
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.pause()
        print(json.dumps([name for name in ("torch", "pymupdf") if name in sys.modules]))
asyncio.run(main())
"""
LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
"""Stand nowhere else on the screen, so that each shows when its own key was answered."""
KEY_PAUSE_SECONDS = 0.1
N_PAGES = 400
N_STEPS = 60
N_COPIES = 40
"""Of the sample document, for a question that takes a while."""

OnStage = Callable[[str, int, int], None]


def bench_tui(n_runs: int = 7, on_stage: OnStage | None = None) -> dict[str, Any]:
    """Measure all.

    Args:
        n_runs: Starts of each application.
        on_stage: Called with what is measured, how much is done, and of how much.
    """
    tell = on_stage or (lambda *_: None)
    with tempfile.TemporaryDirectory() as folder:
        fresh = {f"XDG_{kind}_HOME": folder for kind in ("CONFIG", "DATA", "STATE", "CACHE")} | {
            "DOCQA_LIBRARY": str(Path(folder) / "library.db")
        }
        tell("reading a document", 0, 1)
        _ingest(_long_text(Path(folder)), fresh)
        return {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, "
            f"Python {platform.python_version()}",
            "first_frame": first_frame(n_runs, fresh, tell),
            "loaded_at_first_frame": loaded(fresh),
            "keys_while_reading": keys_while_reading(fresh, tell),
            "scrolling": scrolling(tell),
        }


def first_frame(n_runs: int, environment: dict[str, str], tell: OnStage) -> dict[str, Any]:
    """Seconds to the first frame of both applications, their ratio, and when to ask."""
    empty, docqa = [*PYTHON, "-c", EMPTY_APP], DOCQA
    taken: dict[str, list[float]] = {"empty": [], "docqa": [], "usable": []}
    for run in range(n_runs + 1):
        tell("first frame", run, n_runs + 1)
        for name, command in (("empty", empty), ("docqa", docqa)):
            with TimedTerminal(command, **environment) as terminal:
                taken[name].append(terminal.wait_for("Library") - terminal.started)
                if name == "docqa":
                    taken["usable"].append(terminal.wait_for("Ask a question") - terminal.started)
    # The first start reads from the disk.
    medians = {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}
    return {
        "runs": n_runs,
        "empty_seconds": round(medians["empty"], 3),
        "docqa_seconds": round(medians["docqa"], 3),
        "ratio": round(medians["docqa"] / medians["empty"], 2),
        "question_field_seconds": round(medians["usable"], 3),
    }


def loaded(environment: dict[str, str]) -> list[str]:
    """Which heavy libraries the application has loaded when it stands."""
    done = subprocess.run(
        [*PYTHON, "-c", LOADED],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def keys_while_reading(environment: dict[str, str], tell: OnStage) -> dict[str, Any]:
    """Milliseconds until a letter typed while the model reads is on the screen."""
    seconds: list[float] = []
    with TimedTerminal(DOCQA, **environment) as terminal:
        terminal.wait_for("Library")
        terminal.rest(1.0)
        terminal.press("How much was paid for new vessels?\r")
        terminal.wait_for("tokens/s")
        for number, letter in enumerate(LETTERS):
            tell("keys while the model reads", number, len(LETTERS))
            pressed = terminal.press(letter)
            seconds.append(terminal.wait_for(letter) - pressed)
            terminal.rest(KEY_PAUSE_SECONDS)
        still_reading = b"tokens/s" in terminal.rest(1.0)
    return {"keys": len(seconds), "still_reading_after": still_reading, **_spread(seconds)}


def scrolling(tell: OnStage) -> dict[str, Any]:
    """Milliseconds of processor time to draw each of 60 places of a 400-page document."""
    return asyncio.run(_scroll(tell))


async def _scroll(tell: OnStage) -> dict[str, Any]:
    from textual.app import App, ComposeResult

    from docqa.app.tui.widgets.document_panel import DocumentPanel

    class Desk(App[None]):
        def compose(self) -> ComposeResult:
            yield DocumentPanel()

    seconds = []
    app = Desk()
    async with app.run_test(size=(200, 60)) as pilot:
        text = app.query_one(DocumentPanel).text
        app.query_one(DocumentPanel).show(_long_document())
        while not text.is_measured:
            await pilot.pause(0.02)
        gc.freeze()  # as the application does when it has started
        for step in range(N_STEPS):
            tell("scrolling", step, N_STEPS)
            seconds.append(await _step(app, pilot, text, step))
        gc.unfreeze()
    return {"pages": N_PAGES, "steps": N_STEPS, **_spread(seconds)}


async def _step(app: Any, pilot: Any, text: Any, step: int) -> float:
    """Go to another place of the document and wait until the screen is drawn."""
    started = time.process_time()
    text.scroll_to(y=(step * 7919) % text.max_scroll_y, animate=False, force=True)
    await pilot.pause()
    app.screen._compositor.render_strips(app.size)
    return time.process_time() - started


def _long_document() -> Any:
    """400 pages of the sample document's pages, one after another."""
    from dataclasses import replace

    from docqa.engine.types import Document, Page, Sentence

    sample = _sample_document()
    pages: list[Page] = []
    sentences: list[Sentence] = []
    for number in range(1, N_PAGES + 1):
        source = sample.pages[(number - 1) % len(sample.pages)]
        pages.append(replace(source, number=number))
        sentences += [
            replace(one, id=len(sentences) + offset, page=number, heading=None, header=None)
            for offset, one in enumerate(s for s in sample.sentences if s.page == source.number)
        ]
    return Document("f" * 64, "400 pages", None, tuple(pages), tuple(sentences), sample.segmenter)


def _sample_document() -> Any:
    from importlib.resources import files

    from docqa.engine.ingest.documents import ingest

    return ingest(Path(str(files("docqa.assets"))) / "sample" / "harrow-point-ferries.pdf")


def _long_text(folder: Path) -> Path:
    """A text long enough that reading it takes a while."""
    pages = "\n\n".join(page.text for page in _sample_document().pages)
    file = folder / "long.txt"
    copies = (f"Part {number}\n\n{pages}" for number in range(1, N_COPIES + 1))
    file.write_text("\n\n".join(copies), encoding="utf-8")
    return file


def _ingest(file: Path, environment: dict[str, str]) -> None:
    subprocess.run(
        [*DOCQA, "ingest", str(file), "--quiet"],
        env={**os.environ, **environment},
        capture_output=True,
        check=True,
    )


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(1000 * one for one in seconds)
    return {
        "median_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
        "max_ms": round(ordered[-1], 1),
    }


def table_rows(report: dict[str, Any]) -> Iterator[list[str]]:
    """The report as lines: what, figure, and what it should be."""
    frame = report["first_frame"]
    yield ["first frame", f"{frame['docqa_seconds']:.2f} s", ""]
    yield ["first frame of an empty app", f"{frame['empty_seconds']:.2f} s", ""]
    yield ["ratio", f"{frame['ratio']:.2f}", "at most 2"]
    yield ["a question can be written", f"{frame['question_field_seconds']:.2f} s", "under 1 s"]
    heavy = ", ".join(report["loaded_at_first_frame"]) or "nothing heavy"
    yield ["loaded by then", heavy, "no torch"]
    for key, title in (("keys_while_reading", "key while reading"), ("scrolling", "scroll step")):
        one = report[key]
        figures = f"median {one['median_ms']} ms, 95% {one['p95_ms']} ms, most {one['max_ms']} ms"
        yield [title, figures, "100 ms"]
