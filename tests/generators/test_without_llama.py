"""What is said of a model file where llama-cpp-python is not installed."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path

import pytest

from docqa.engine.errors import GeneratorError, MissingError
from docqa.engine.generators.language_model.gguf_header import read_gguf_header
from docqa.engine.generators.language_model.llama import LlamaModel


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def write_header(path: Path, *values: bytes) -> Path:
    """A GGUF that is all header."""
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)) + b"".join(values))
    return path


ARCHITECTURE = text("general.architecture") + struct.pack("<I", 8) + text("llama")
WINDOW = text("llama.context_length") + struct.pack("<II", 4, 2048)
WORDS = text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
SCORES = text("tokenizer.ggml.scores") + struct.pack("<IIQff", 9, 6, 2, 0.5, 0.25)
FLAG = text("tokenizer.ggml.add_bos_token") + struct.pack("<I?", 7, True)


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_header(tmp_path / "m.gguf", ARCHITECTURE, WORDS, SCORES, FLAG, WINDOW)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingError, match=r"not installed.*pip install 'docqa\[llama\]'"):
        LlamaModel(path)


def test_a_header_is_read_past_its_arrays(tmp_path: Path) -> None:
    header = read_gguf_header(
        write_header(tmp_path / "m.gguf", ARCHITECTURE, WORDS, SCORES, FLAG, WINDOW)
    )
    assert (header.architecture, header.context_tokens) == ("llama", 2048)
    assert header.name is None
    assert not header.has_chat_template


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((ARCHITECTURE,), "holds no language model"),
        ((WINDOW,), "holds no language model"),
        ((ARCHITECTURE, WINDOW[:-2]), "ends within its header"),
        ((text("x") + struct.pack("<I", 77),), "a value of unknown kind 77"),
        ((text("x") + struct.pack("<IIQ", 9, 4, 1 << 40),), "an array of 1,099,511,627,776 items"),
        ((text("x") + struct.pack("<IQ", 8, 1 << 40),), "a text of 1,099,511,627,776 bytes"),
        ((struct.pack("<Q", 3) + b"\xff\xfe\xfd",), "can't decode"),
    ],
)
def test_damaged_headers(tmp_path: Path, values: tuple[bytes, ...], message: str) -> None:
    with pytest.raises(GeneratorError, match=message):
        read_gguf_header(write_header(tmp_path / "m.gguf", *values))
