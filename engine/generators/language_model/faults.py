"""What can go wrong with a language model, each in its words: what, both values, what next."""

from __future__ import annotations

from collections.abc import Sequence

from docqa.engine.errors import ConfigError, GeneratorError, MissingError

_N_NAMED = 8


def no_server(url: str, reason: str, option: str = "--base-url") -> MissingError:
    return MissingError(
        f"No server answers at {url}: {reason}.",
        f"Start it (ollama serve, or llama-server -m MODEL.gguf), or name another: {option} URL",
    )


def no_address() -> MissingError:
    return MissingError(
        "The generator openai needs the address of a server.",
        "Name it: --base-url http://127.0.0.1:11434/v1 (Ollama), or: docqa config set base_url URL",
    )


def wrong_key(url: str, status: int, had_key: bool) -> GeneratorError:
    if had_key:
        return GeneratorError(
            f"{url} refuses the key it was given (HTTP {status}).",
            "Check DOCQA_API_KEY, or the key in your keyring.",
        )
    return GeneratorError(
        f"{url} asks for a key (HTTP {status}), and none is set.",
        "Set it: export DOCQA_API_KEY=…; if ./docqa.toml alone names the server, name it yourself "
        "first: docqa config set base_url URL",
    )


def no_model(url: str, model: str, served: Sequence[str]) -> MissingError:
    others = f"; it has {_named(served)}" if served else ""
    return MissingError(
        f"The server at {url} has no model {model!r}{others}.", "Choose one: --model NAME"
    )


def which_model(url: str, served: Sequence[str]) -> ConfigError | MissingError:
    if not served:
        return MissingError(
            f"The server at {url} names no model.", "Name one: --model NAME, or load one there."
        )
    return ConfigError(
        f"The server at {url} has {len(served)} models: {_named(served)}.",
        "Choose one: --model NAME",
    )


def no_window(url: str) -> ConfigError:
    return ConfigError(
        f"The server at {url} does not tell how large the model's context window is.",
        "Set it: --context-tokens N, or: docqa config set context_tokens N",
    )


def window_too_large(asked: int, model: str, window: int) -> ConfigError:
    return ConfigError(
        f"context_tokens is {asked:,}, and {model} has a window of {window:,} tokens.",
        f"Take at most that: --context-tokens {window}, or 0 to let docqa choose.",
    )


def too_small(window: int, needed: int, reserved: int) -> GeneratorError:
    return GeneratorError(
        f"The context window of {window:,} tokens is too small: the shortest prompt needs "
        f"{needed:,} and the answer {reserved:,}.",
        "Take a model with a larger window, raise --context-tokens, or lower --answer-tokens.",
    )


def refused_as_too_long(url: str, message: str, window: int) -> GeneratorError:
    return GeneratorError(
        f"{url} finds the prompt too long for its window, which docqa takes for {window:,} "
        f"tokens: {message}",
        "Set the real size: --context-tokens N",
    )


def clipped(url: str, n_read: int, n_sent: int, window: int) -> GeneratorError:
    return GeneratorError(
        f"{url} read {n_read:,} tokens of a prompt of at least {n_sent:,}: it clipped the "
        f"prompt, so the answer does not stand on the evidence.",
        f"Its window is smaller than {window:,}: set --context-tokens N, or give the server more "
        "(Ollama: OLLAMA_CONTEXT_LENGTH).",
    )


def timed_out(url: str, seconds: float) -> GeneratorError:
    return GeneratorError(
        f"{url} sent nothing for {seconds:g} seconds.",
        "Wait longer: --timeout SECONDS",
        may_pass=True,
    )


def malformed(url: str, what: str, option: str = "--base-url") -> GeneratorError:
    return GeneratorError(
        f"{url} sent what is no answer of an OpenAI-compatible server: {what}.",
        f"Check the address (it usually ends in /v1): {option} URL",
    )


def cut_stream(url: str, n_chars: int) -> GeneratorError:
    if not n_chars:
        return GeneratorError(
            f"{url} broke off before the answer began.",
            "Its log says why; if the prompt was too long for it, set --context-tokens N",
            may_pass=True,
        )
    return GeneratorError(
        f"{url} broke off in the middle of the answer, after {n_chars:,} characters.",
        "Ask again; the server's log says why.",
        may_pass=True,
    )


def too_busy(url: str, wait: float | None) -> GeneratorError:
    how_long = "does not say for how long" if wait is None else f"asks to wait {wait:,.0f} seconds"
    return GeneratorError(
        f"{url} takes no more requests for now (HTTP 429); it {how_long}.",
        "Ask later, or answer without it: --generator extractive",
        may_pass=True,
        wait_seconds=wait,
    )


def server_failed(url: str, status: int, message: str) -> GeneratorError:
    said = f": {message}" if message else ""
    return GeneratorError(
        f"{url} failed (HTTP {status}){said}.",
        "The server's log says why; ask again.",
        may_pass=not 400 <= status < 500,
    )


def wrote_nothing(model: str) -> GeneratorError:
    return GeneratorError(
        f"{model} wrote nothing.",
        "Try another model, or answer without one: --generator extractive",
    )


def only_thought(model: str, n_tokens: int) -> GeneratorError:
    return GeneratorError(
        f"{model} came to no answer within {n_tokens:,} tokens: it was still thinking.",
        "Let it write more: --answer-tokens N",
    )


def _named(served: Sequence[str]) -> str:
    few = ", ".join(served[:_N_NAMED])
    return few + (", …" if len(served) > _N_NAMED else "")
