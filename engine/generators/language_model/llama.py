"""A language model in this process: a GGUF file, run by llama-cpp-python."""

from __future__ import annotations

import codecs
import contextlib
import importlib.util
import io
import itertools
import logging
import os
import queue
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from docqa.engine.errors import Cancelled, GeneratorError, MissingError
from docqa.engine.generators.base import OnText
from docqa.engine.generators.language_model import faults
from docqa.engine.generators.language_model.gguf_header import read_gguf_header
from docqa.engine.generators.language_model.model import Spent, TokenCount
from docqa.engine.generators.language_model.prompts import Messages
from docqa.engine.paths import expand
from docqa.engine.retrievers.retriever import IsCancelled

DEFAULT_CONTEXT_TOKENS = 8192
"""The window where none is asked for, or what the model was trained for where that is less: the
memory of a window grows with it, and models are trained for far more than evidence needs."""
POLL_SECONDS = 0.05
STOP_SECONDS = 0.4
"""How long a cancelled question waits for llama.cpp to stop."""


class LlamaModel:
    """One GGUF file. It is loaded when it is first needed, and stays loaded."""

    name = "llama"

    def __init__(self, file: str | Path, *, context_tokens: int = 0, device: str = "auto") -> None:
        """
        Args:
            file: The GGUF file.
            context_tokens: The window; 0 = `DEFAULT_CONTEXT_TOKENS` at most.
            device: `cpu` keeps all layers there; else a GPU takes them where llama.cpp has one.

        Raises:
            MissingError: When the file or the package is not there.
            GeneratorError: When the file is no GGUF of a language model.
            ConfigError: When the model has no such window.
        """
        if not str(file):
            raise MissingError(
                "The generator llama needs a model file.",
                "Name it: --model FILE.gguf, or: docqa config set model FILE.gguf",
            )
        path = expand(file)
        if not path.is_file():
            raise MissingError(f"No model file {path}.", "Check the path: --model FILE.gguf")
        self.path = path
        self.model: str | None = path.name
        self.header = read_gguf_header(path)
        if context_tokens > self.header.context_tokens:
            raise faults.window_too_large(context_tokens, path.name, self.header.context_tokens)
        self.context_tokens = context_tokens or min(
            self.header.context_tokens, DEFAULT_CONTEXT_TOKENS
        )
        if importlib.util.find_spec("llama_cpp") is None:
            raise MissingError(
                "llama-cpp-python is not installed, and the generator llama runs on it.",
                "Install it (it compiles for minutes): pip install 'docqa[llama]'",
            )
        self._n_gpu_layers = 0 if device == "cpu" else -1
        self._loading: threading.Thread | None = None
        self._loaded: Any = None
        self._failed: Exception | None = None
        self._worker: threading.Thread | None = None
        self._stop = threading.Event()
        self._abort: Any = None

    @property
    def uses_gpu(self) -> bool:
        """Whether this llama.cpp was built for a GPU and may use it."""
        import llama_cpp

        return self._n_gpu_layers != 0 and bool(llama_cpp.llama_supports_gpu_offload())

    def check(self, is_cancelled: IsCancelled | None = None) -> None:
        """See `LanguageModel.check`: the header was read already, and loading takes long."""

    def open(self, is_cancelled: IsCancelled | None = None) -> None:
        """See `LanguageModel.open`.

        Loading cannot be stopped half way; who cancels does not wait for it, and the next
        question finds it done.
        """
        if self._loaded is None and self._loading is None:
            self._failed = None
            self._loading = threading.Thread(target=self._load, name="load-gguf", daemon=True)
            self._loading.start()
        self._wait_for(self._loading, is_cancelled)
        self._loading = None
        if self._failed is not None:
            raise self._failed

    def _load(self) -> None:
        with _quietly() as log:
            try:
                self._loaded = self._llama()
            except Exception as error:
                self._failed = GeneratorError(
                    f"Cannot load {self.path}: {log.why_it_failed(error)}.",
                    "Check the file, or choose another: --model FILE.gguf",
                )

    def _llama(self) -> Any:
        import llama_cpp

        loaded = llama_cpp.Llama(
            str(self.path),
            n_ctx=self.context_tokens,
            n_gpu_layers=self._n_gpu_layers,
            n_threads=os.cpu_count(),
            seed=0,
            # Quiet loading redirects the file descriptors of the whole process, a terminal
            # application's screen too; `_quietly` keeps the noise away instead.
            verbose=True,
        )
        loaded.verbose = False
        stop = self._stop  # llama.cpp holds this callback; it must not hold the model
        self._abort = llama_cpp.ggml_abort_callback(lambda _: stop.is_set())
        llama_cpp.llama_set_abort_callback(loaded.ctx, self._abort, None)
        return loaded

    def count(self, messages: Messages, is_cancelled: IsCancelled | None = None) -> TokenCount:
        """See `LanguageModel.count`; the model's own tokenizer counts."""
        n_tokens = len(self._prompt(messages)[0])
        return TokenCount(n_tokens, n_tokens)

    def write(
        self,
        messages: Messages,
        *,
        counted: TokenCount,
        n_tokens: int,
        on_text: OnText,
        is_cancelled: IsCancelled | None = None,
    ) -> Spent:
        """See `LanguageModel.write`."""
        prompt, is_thinking = self._prompt(messages)
        if is_thinking:
            on_text("<think>")
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        n_written, is_cut_off = 0, True
        with contextlib.closing(self._tokens(prompt, n_tokens + 1, is_cancelled)) as tokens:
            for token in tokens:
                if self._ends(token) or n_written == n_tokens:
                    is_cut_off = not self._ends(token)
                    break
                n_written += 1
                on_text(decoder.decode(self._loaded.detokenize([token])))
        on_text(decoder.decode(b"", final=True))
        return Spent(len(prompt), n_written, is_cut_off)

    def _tokens(
        self, prompt: list[int], n_tokens: int, is_cancelled: IsCancelled | None
    ) -> Generator[int, None, None]:
        """The likeliest tokens, one after another.

        A thread computes them, so that this one can be cancelled or interrupted at any time: a
        prompt takes seconds, and Ctrl-C inside of llama.cpp would be lost. llama.cpp looks at
        `_stop` between the nodes of its graph; where a node takes long, the thread is left behind
        and the next question waits for it.
        """
        self._wait_for(self._worker, is_cancelled)
        found: queue.SimpleQueue[int | Exception | None] = queue.SimpleQueue()
        self._stop.clear()
        self._worker = threading.Thread(
            target=self._compute, args=(prompt, n_tokens, found), name="llama", daemon=True
        )
        self._worker.start()
        try:
            while True:
                if is_cancelled is not None and is_cancelled():
                    raise Cancelled
                try:
                    token = found.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    continue
                if token is None:
                    return
                if isinstance(token, Exception):
                    raise GeneratorError(
                        f"llama.cpp failed on {self.path.name}: {token}.",
                        "Lower --context-tokens if memory ran out, or choose another model.",
                    ) from None
                yield token
        finally:
            self._stop.set()
            self._worker.join(STOP_SECONDS)

    def _compute(
        self, prompt: list[int], n_tokens: int, found: queue.SimpleQueue[int | Exception | None]
    ) -> None:
        try:
            for token in itertools.islice(self._loaded.generate(prompt, temp=0.0), n_tokens):
                found.put(token)
                if self._stop.is_set() or self._ends(token):
                    break
        except Exception as error:
            found.put(error)
        finally:
            found.put(None)

    def _wait_for(self, thread: threading.Thread | None, is_cancelled: IsCancelled | None) -> None:
        while thread is not None and thread.is_alive():
            if is_cancelled is not None and is_cancelled():
                raise Cancelled
            thread.join(POLL_SECONDS)

    def _ends(self, token: int) -> bool:
        import llama_cpp

        return bool(llama_cpp.llama_vocab_is_eog(self._loaded._model.vocab, token))

    def _prompt(self, messages: Messages) -> tuple[list[int], bool]:
        """The tokens of a prompt as the model's chat template lays it out.

        Returns:
            The tokens, and whether the template has the model begin with its thoughts.
        """
        text = self._laid_out(messages)
        add_bos = not text.startswith(self._bos) if self._bos else True
        tokens = self._loaded.tokenize(text.encode(), add_bos=add_bos, special=True)
        return tokens, text.rstrip().endswith("<think>")

    @property
    def _bos(self) -> str:
        token = self._loaded.token_bos()
        return self._loaded._model.token_get_text(token) if token != -1 else ""

    def _laid_out(self, messages: Messages) -> str:
        template = self._loaded.metadata.get("tokenizer.chat_template")
        if template is None:
            return "\n\n".join(message["content"] for message in messages) + "\n\nAnswer:"
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        end = self._loaded.token_eos()
        formatter = Jinja2ChatFormatter(
            template=template,
            eos_token=self._loaded._model.token_get_text(end) if end != -1 else "",
            bos_token=self._bos,
        )
        try:
            return _rendered(formatter, list(messages))
        except Exception:
            return self._without_system(formatter, messages)

    def _without_system(self, formatter: Any, messages: Messages) -> str:
        """Some templates refuse a system message: what it says then opens the user's."""
        joined = "\n\n".join(message["content"] for message in messages)
        try:
            return _rendered(formatter, [{"role": "user", "content": joined}])
        except Exception as error:
            raise GeneratorError(
                f"The chat template of {self.path.name} cannot be used: {error}.",
                "Choose another model: --model FILE.gguf",
            ) from None


def _rendered(formatter: Any, messages: list[dict[str, str]]) -> str:
    """A prompt without room for thoughts, where the template leaves the choice.

    The evidence is at hand and its use is checked; on a laptop, thoughts cost minutes.
    """
    return str(formatter(messages=messages, enable_thinking=False).prompt)


class _LogOfThisThread(io.TextIOBase):
    """Stands in for stderr: keeps what this thread writes, lets through what others do."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._thread = threading.get_ident()
        self._stderr = sys.stderr

    def write(self, text: str) -> int:
        if threading.get_ident() != self._thread:
            return self._stderr.write(text)
        self.lines += text.splitlines()
        return len(text)

    def flush(self) -> None:
        self._stderr.flush()

    def why_it_failed(self, error: Exception) -> str:
        """The last error in the log; else the error itself."""
        reasons = [line.strip() for line in self.lines if "error" in line.lower()]
        return (reasons or [str(error)])[-1]


@contextlib.contextmanager
def _quietly() -> Iterator[_LogOfThisThread]:
    """What llama.cpp and its Python side would print is kept, later nowhere."""
    log = _LogOfThisThread()
    with contextlib.redirect_stderr(log):
        yield log
    logging.getLogger("llama-cpp-python").setLevel(logging.CRITICAL + 1)
