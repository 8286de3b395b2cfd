"""What an OpenAI-compatible server tells about its model: name, window, how it counts tokens.

The protocol itself tells neither window nor counts. The servers do, each at its own place:

llama-server      /props                  /apply-template, then /tokenize
vLLM              /v1/models              /tokenize
Ollama            /api/ps, /api/show      —
llama_cpp.server  —                       /extras/tokenize/count
LM Studio         /api/v0/models          —
OpenRouter, Groq, Mistral: /v1/models
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from docqa.engine.generators.language_model import faults
from docqa.engine.generators.language_model.model import TokenCount, estimate
from docqa.engine.generators.language_model.prompts import Messages

Fetch = Callable[[str, str, dict[str, Any] | None], Coroutine[Any, Any, Any]]
"""Method, address behind the server's root, JSON to send; gives the JSON of the reply, or None
where the server has no such place."""
Count = Callable[[Fetch, Messages], Coroutine[Any, Any, TokenCount]]
MaybeCount = Callable[[Fetch, Messages], Coroutine[Any, Any, TokenCount | None]]

WINDOW_NAMES = (
    "max_model_len",
    "context_length",
    "context_window",
    "max_context_length",
)
"""Names servers have for the window in their list of models."""
SLACK_TOKENS = 8
"""A template counted apart from its prompt can differ by a few tokens."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What is known of a server and the model it runs."""

    model: str
    context_tokens: int | None
    """None where the server does not tell."""
    kind: str
    """What it seems to be: `llama-server`, `vLLM`, `Ollama`, …, or `other`."""
    count: Count
    """Counts a prompt with the model's tokenizer, or estimates it."""

    @property
    def counts_exactly(self) -> bool:
        return self.count is not _estimated


async def look(fetch: Fetch, url: str, base: str, model: str) -> ServerFacts:
    """Ask a server for its facts.

    Args:
        fetch: Sends a request to the server.
        url: The address as the user named it, for messages.
        base: The path that the OpenAI protocol begins at, `/v1` mostly.
        model: The model the user named; empty = the only one there is.
    """
    listed = await fetch("GET", f"{base}/models", None)
    entry = _chosen(_entries(listed), url, model)
    name = str(entry.get("id") or model)
    window = next((_number(entry, key) for key in WINDOW_NAMES if _number(entry, key)), None)
    if url.startswith("https://api.openai.com"):
        return ServerFacts(name, window, "OpenAI", _estimated)

    props = await fetch("GET", "/props", None)
    slot = props.get("default_generation_settings") if isinstance(props, Mapping) else None
    if isinstance(slot, Mapping) and _number(slot, "n_ctx"):
        return ServerFacts(name, _number(slot, "n_ctx"), "llama-server", _count_by_template)

    loaded = await fetch("GET", "/api/ps", None)
    if isinstance(loaded, Mapping) and isinstance(loaded.get("models"), list):
        return ServerFacts(name, await _ollama_window(fetch, name, loaded), "Ollama", _estimated)

    studio = _entries(await fetch("GET", "/api/v0/models", None))
    running = next((one for one in studio if one.get("id") == name), None)
    if running is not None:
        window = _number(running, "loaded_context_length")
        return ServerFacts(name, window, "LM Studio", _estimated)

    for kind, count in (("vLLM", _counter_of_vllm(name)), ("llama_cpp.server", _count_by_text)):
        if await count(fetch, ({"role": "user", "content": "one two"},)) is not None:
            return ServerFacts(name, window, kind, _exact_or_estimated(count))
    return ServerFacts(name, window, "other", _estimated)


def _entries(listed: Any) -> list[Mapping[str, Any]]:
    found = listed.get("data") if isinstance(listed, Mapping) else None
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _chosen(entries: list[Mapping[str, Any]], url: str, model: str) -> Mapping[str, Any]:
    """The entry of the named model, or the only one.

    A server that lists none may still have the named one; it says so when it is asked.
    """
    served = [str(one.get("id")) for one in entries]
    if not model:
        if len(entries) != 1:
            raise faults.which_model(url, served)
        return entries[0]
    names = (model, f"{model}:latest", f"models/{model}")
    for entry in entries:
        if entry.get("id") in names:
            return entry
    if served:
        raise faults.no_model(url, model, served)
    return {}


def _number(entry: Mapping[str, Any], key: str) -> int | None:
    value = entry.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


async def _ollama_window(fetch: Fetch, model: str, loaded: Mapping[str, Any]) -> int | None:
    """The window Ollama runs a model with, which is rarely the one the model was trained for.

    It is known once the model is loaded; a request without a prompt loads it.
    """
    window = _loaded_window(loaded, model)
    if window is None:
        await fetch("POST", "/api/generate", {"model": model, "stream": False})
        window = _loaded_window(await fetch("GET", "/api/ps", None), model)
    if window is not None:
        return window
    shown = await fetch("POST", "/api/show", {"model": model})
    parameters = shown.get("parameters") if isinstance(shown, Mapping) else None
    found = re.search(r"^num_ctx\s+(\d+)", str(parameters or ""), re.MULTILINE)
    return int(found[1]) if found else None


def _loaded_window(loaded: Any, model: str) -> int | None:
    models = loaded.get("models") if isinstance(loaded, Mapping) else None
    for one in models if isinstance(models, list) else ():
        if isinstance(one, Mapping) and model in (one.get("name"), one.get("model")):
            return _number(one, "context_length")
    return None


async def _estimated(_: Fetch, messages: Messages) -> TokenCount:
    return estimate(messages)


def _exact_or_estimated(
    count: MaybeCount,
) -> Count:
    async def counted(fetch: Fetch, messages: Messages) -> TokenCount:
        return await count(fetch, messages) or estimate(messages)

    return counted


async def _count_by_template(fetch: Fetch, messages: Messages) -> TokenCount:
    """llama-server lays the prompt out and cuts it into tokens, in two requests."""
    laid_out = await fetch("POST", "/apply-template", {"messages": list(messages)})
    prompt = laid_out.get("prompt") if isinstance(laid_out, Mapping) else None
    if isinstance(prompt, str):
        sent = {"content": prompt, "add_special": True, "parse_special": True}
        cut = await fetch("POST", "/tokenize", sent)
        tokens = cut.get("tokens") if isinstance(cut, Mapping) else None
        if isinstance(tokens, list):
            return _about(len(tokens))
    return estimate(messages)


def _counter_of_vllm(model: str) -> MaybeCount:
    async def count(fetch: Fetch, messages: Messages) -> TokenCount | None:
        reply = await fetch("POST", "/tokenize", {"model": model, "messages": list(messages)})
        n_tokens = _number(reply, "count") if isinstance(reply, Mapping) else None
        return _about(n_tokens) if n_tokens else None

    return count


async def _count_by_text(fetch: Fetch, messages: Messages) -> TokenCount | None:
    """llama_cpp.server counts texts; what its chat template adds is estimated."""
    text = "\n".join(message["content"] for message in messages)
    reply = await fetch("POST", "/extras/tokenize/count", {"input": text})
    n_tokens = _number(reply, "count") if isinstance(reply, Mapping) else None
    if n_tokens is None:
        return None
    return TokenCount(n_tokens - SLACK_TOKENS, n_tokens + 32 * len(messages))


def _about(n_tokens: int) -> TokenCount:
    return TokenCount(n_tokens - SLACK_TOKENS, n_tokens + SLACK_TOKENS)
