"""A real GGUF, run by llama.cpp in this process."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from docqa.engine.errors import Cancelled, ConfigError, GeneratorError, MissingError
from docqa.engine.generators.base import ModelOptions, load_generator
from docqa.engine.generators.language_model.gguf_header import read_gguf_header
from docqa.engine.generators.language_model.llama import LlamaModel
from tests.generators.conftest import CONTEXT_TOKENS, REPLY
from tests.generators.report import evidence_of, report
from tests.generators.tiny_gguf import TEMPLATE

pytestmark = pytest.mark.llama

MESSAGES = (
    {"role": "system", "content": "You answer."},
    {"role": "user", "content": "Who leads Widget Works? Größe, 売上."},
)
WriteModel = Callable[..., Path]


def ask(model: LlamaModel, *, n_tokens: int = 100, is_cancelled: Callable[[], bool] | None = None):
    model.open(is_cancelled)
    pieces: list[str] = []
    spent = model.write(
        MESSAGES,
        counted=model.count(MESSAGES),
        n_tokens=n_tokens,
        on_text=pieces.append,
        is_cancelled=is_cancelled,
    )
    return pieces, spent


def test_it_streams_what_the_model_says(tiny_model: Path) -> None:
    model = LlamaModel(tiny_model)
    pieces, spent = ask(model)
    assert "".join(pieces) == REPLY
    assert len([piece for piece in pieces if piece]) == spent.n_answer_tokens == 9
    assert spent.n_prompt_tokens == model.count(MESSAGES).at_least == model.count(MESSAGES).at_most
    assert not spent.is_cut_off


def test_the_same_question_gives_the_same_answer_again(tiny_model: Path) -> None:
    model = LlamaModel(tiny_model)
    assert ask(model) == ask(model)


def test_characters_of_several_tokens_arrive_whole(write_model: WriteModel) -> None:
    text = "Größe: 売上 🎈 [1]"
    tokens = [text.encode()[i : i + 2] for i in range(0, len(text.encode()), 2)]
    pieces, _ = ask(LlamaModel(write_model(tokens)))
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_an_answer_that_reaches_its_end_is_cut_off(write_model: WriteModel) -> None:
    model = LlamaModel(write_model("on and on and ", forever=True))
    pieces, spent = ask(model, n_tokens=7)
    assert spent.is_cut_off
    assert spent.n_answer_tokens == 7
    assert "".join(pieces).startswith("on and on and on")


def test_an_answer_of_exactly_as_many_tokens_is_not_cut_off(tiny_model: Path) -> None:
    assert not ask(LlamaModel(tiny_model), n_tokens=9)[1].is_cut_off
    assert ask(LlamaModel(tiny_model), n_tokens=8)[1].is_cut_off


def test_cancelling_between_tokens(write_model: WriteModel) -> None:
    model = LlamaModel(write_model("on and on and ", forever=True))
    model.open()
    cancelled = threading.Event()
    pieces: list[str] = []

    def on_text(piece: str) -> None:
        pieces.append(piece)
        if len(pieces) == 5:
            cancelled.set()

    with pytest.raises(Cancelled):
        model.write(
            MESSAGES,
            counted=model.count(MESSAGES),
            n_tokens=1000,
            on_text=on_text,
            is_cancelled=cancelled.is_set,
        )
    assert len(pieces) <= 6
    assert ask(model, n_tokens=3)[1].n_answer_tokens == 3  # and it still works


def test_cancelling_before_the_first_token(write_model: WriteModel) -> None:
    """A long prompt takes seconds to read; the abort comes in between."""
    model = LlamaModel(write_model(REPLY, width=16384, context_tokens=8192))
    model.open()
    long = ({"role": "user", "content": "We make widgets. " * 1000},)
    counted = model.count(long)
    started = time.monotonic()
    cancelled_at: list[float] = []

    def is_cancelled() -> bool:
        if time.monotonic() - started > 0.05:
            cancelled_at.append(time.monotonic())
        return bool(cancelled_at)

    with pytest.raises(Cancelled):
        model.write(
            long, counted=counted, n_tokens=5, on_text=pytest.fail, is_cancelled=is_cancelled
        )
    assert time.monotonic() - cancelled_at[0] < 3
    pieces, _ = ask(model)
    assert "".join(pieces) == REPLY


def test_an_interruption_comes_out_and_the_model_still_works(write_model: WriteModel) -> None:
    model = LlamaModel(write_model(REPLY))
    model.open()
    n_asked = 0

    def is_cancelled() -> bool:
        nonlocal n_asked
        n_asked += 1
        if n_asked == 3:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        ask(model, is_cancelled=is_cancelled)
    assert "".join(ask(model)[0]) == REPLY


def test_cancelling_while_it_loads_does_not_wait(tiny_model: Path) -> None:
    model = LlamaModel(tiny_model)
    with pytest.raises(Cancelled):
        model.open(lambda: True)
    assert "".join(ask(model)[0]) == REPLY


def test_nothing_is_printed(write_model: WriteModel, capfd: pytest.CaptureFixture[str]) -> None:
    ask(LlamaModel(write_model(REPLY)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "template",
    [
        None,
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}"
        "{% endif %}<|open|>{{ m.content }}<|end|>{% endfor %}<|answer|>",
    ],
)
def test_models_without_a_template_or_a_system_message(
    write_model: WriteModel, template: str | None
) -> None:
    pieces, _ = ask(LlamaModel(write_model(REPLY, template=template)))
    assert "".join(pieces).startswith("Jane Doe")


def test_a_template_that_begins_with_thoughts(write_model: WriteModel) -> None:
    reply = "Is it Jane? Yes.</think>Jane Doe [1]."
    path = write_model(reply, template=TEMPLATE.replace("<|answer|>", "<|answer|><think>"))
    document = report()
    generator = load_generator("llama", options=ModelOptions(model=str(path)))
    draft = generator.generate(
        "Who?", {document.id: document}, evidence_of(document, 1), confidence=0.9
    )
    assert draft.text == "Jane Doe [1]."


def test_a_template_that_cannot_be_used(write_model: WriteModel) -> None:
    model = LlamaModel(write_model(REPLY, template="{{ raise_exception('never') }}"))
    model.open()
    with pytest.raises(GeneratorError, match=r"chat template of .* cannot be used: never"):
        model.count(MESSAGES)


@pytest.mark.parametrize(
    ("reply", "shown", "n_removed"),
    [
        ("Jane Doe [1], they say [99].", "Jane Doe [1], they say.", 1),
        ('["1"] ["99"] [[98]]', None, 1),
    ],
)
def test_adversarial_answers_of_a_real_model(
    write_model: WriteModel, reply: str, shown: str | None, n_removed: int
) -> None:
    document = report()
    generator = load_generator("llama", options=ModelOptions(model=str(write_model(reply))))
    streamed: list[str] = []
    draft = generator.generate(
        "Who?", {document.id: document}, evidence_of(document, 1, 2), 0.9, on_text=streamed.append
    )
    assert "".join(streamed) == draft.text
    assert shown is None or draft.text == shown
    assert draft.writing is not None
    assert draft.writing.n_removed_citations == n_removed
    assert draft.writing.n_prompt_tokens is not None


def test_the_header_is_read_without_loading(tiny_model: Path) -> None:
    header = read_gguf_header(tiny_model)
    assert (header.architecture, header.name) == ("llama", "Tiny")
    assert header.context_tokens == CONTEXT_TOKENS
    assert header.has_chat_template


def test_the_window_is_what_the_model_was_trained_for_or_less(
    tiny_model: Path, write_model: WriteModel
) -> None:
    assert LlamaModel(tiny_model).context_tokens == CONTEXT_TOKENS
    assert LlamaModel(tiny_model, context_tokens=512).context_tokens == 512
    with pytest.raises(ConfigError, match=r"context_tokens is 4,096, and tiny.gguf has .* 2,048"):
        LlamaModel(tiny_model, context_tokens=4096)
    assert LlamaModel(write_model(REPLY, context_tokens=131072)).context_tokens == 8192


def test_missing_and_broken_files(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"No model file .*nothing.gguf"):
        LlamaModel(tmp_path / "nothing.gguf")
    whole = tiny_model.read_bytes()
    for name, content, message in (
        ("text.gguf", b"Widget Works", "is no GGUF file.*b'Widg'"),
        ("empty.gguf", b"", "is no GGUF file"),
        ("header.gguf", whole[:200], "it ends within its header"),
        ("old.gguf", b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "GGUF version 1; docqa reads 2 and 3"),
        ("huge.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "values in its header"),
        ("bare.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 0), "holds no language model"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(GeneratorError, match=message):
            LlamaModel(tmp_path / name)
    (tmp_path / "short.gguf").write_bytes(whole[: len(whole) // 2])
    short = LlamaModel(tmp_path / "short.gguf")
    with pytest.raises(GeneratorError, match=r"Cannot load .*short.gguf: .+\. Check the file"):
        short.open()


def test_others_can_speak_while_a_model_loads(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C while it loads prints a line, and that line must not be kept in the log."""
    import sys

    from docqa.engine.generators.language_model.llama import _quietly

    entered, spoken = threading.Event(), threading.Event()
    kept: list[str] = []

    def load() -> None:
        with _quietly() as log:
            print("llama noise: error loading", file=sys.stderr)
            entered.set()
            assert spoken.wait(5)
            kept.append(log.why_it_failed(ValueError("none")))

    thread = threading.Thread(target=load)
    thread.start()
    assert entered.wait(5)
    print("docqa: interrupted", file=sys.stderr)
    spoken.set()
    thread.join()
    assert capsys.readouterr().err == "docqa: interrupted\n"
    assert kept == ["llama noise: error loading"]
