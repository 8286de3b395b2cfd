"""Tokens a second: docqa's path, plain torch and the linear projections alone, in turns.

The machine's speed drifts (other work, heat), so that whoever is measured later is measured
differently: every round takes each in turn, and the median over the rounds counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from docqa.engine.mamba2.reading import INT8, SEGMENT_STEP
from docqa.engine.mamba2.segments import segments, together
from docqa.engine.mamba2.stages import through_stages
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.trainer.speed.subjects import (
    QUESTION,
    KeptTokens,
    long_document,
    n_copies_for,
    variable,
)

if TYPE_CHECKING:
    from docqa.engine.mamba2.model import Mamba2Model
    from docqa.engine.types import Document

TURN_FLOPS = 6e12
"""Work of a turn in the linear projections: a second or more, so that filling and draining the
stages does not count."""
MOST_TURN_TOKENS = 100_000
CUDA_TIMES = 10
"""A GPU gets turns so many times as long, up to a million tokens; it does more in a second."""
N_QUESTIONS = 8
"""Read side by side, where that is measured."""
OTHERS_SHARE = 16
"""Slower contestants read so many times less; their rates do not depend on the length."""

OnRound = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Contestant:
    """Something that reads."""

    name: str
    n_tokens: int
    """Document tokens of a turn."""
    read: Callable[[], object]
    """One turn; whatever it starts is done when it returns."""


def alternate(
    contestants: Sequence[Contestant], n_rounds: int, on_round: OnRound | None = None
) -> dict[str, float]:
    """Median tokens a second of each, by name; one turn each before the first round to warm up."""
    for contestant in contestants:
        contestant.read()
    seconds: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for i in range(n_rounds):
        for contestant in contestants:
            begun = time.perf_counter()
            contestant.read()
            seconds[contestant.name].append(time.perf_counter() - begun)
        if on_round is not None:
            on_round(i + 1, n_rounds)
    return {one.name: one.n_tokens / statistics.median(seconds[one.name]) for one in contestants}


def turn_tokens(model: Mamba2Model) -> int:
    """Tokens of a turn of docqa's path."""
    times = CUDA_TIMES if model.backbone.embedding.weight.device.type == "cuda" else 1
    n_tokens = int(times * TURN_FLOPS / (2 * model.n_projection_weights))
    return min(times * MOST_TURN_TOKENS, n_tokens)


def own_contestants(retriever: MambaRetriever) -> list[Contestant]:
    """`ours`, `unquantised` (where ours multiplies int8), `torch` (where ours is another path),
    `together` (several questions, on a GPU), and the projections, `plain` and `staged`."""
    cache = KeptTokens()
    n_tokens = turn_tokens(retriever.model)
    ours = _scoring("ours", _with_cache(retriever, cache), n_tokens)
    made = [ours]
    if not retriever.compute_path.startswith("plain torch"):
        with variable("DOCQA_PATH", "torch"), variable("DOCQA_DTYPE", dtype_of(retriever)):
            plain = _with_cache(retriever, cache)
        made.append(_scoring("torch", plain, n_tokens // OTHERS_SHARE))
    if retriever.compute_path.endswith(INT8):
        with variable("DOCQA_DTYPE", dtype_of(retriever)):
            made.append(_scoring("unquantised", _with_cache(retriever, cache), n_tokens))
    if retriever.tokens_at_once:
        made.append(_scoring_together(_with_cache(retriever, cache), n_tokens // N_QUESTIONS))
    document = long_document(n_copies_for(n_tokens, retriever))
    projections = Projections(retriever.model, segment_lengths(retriever, document))
    made.append(Contestant("plain", ours.n_tokens, projections.multiply))
    if retriever.device == "cpu":
        made.append(Contestant("staged", ours.n_tokens, projections.multiply_in_stages))
    return made


def dtype_of(retriever: MambaRetriever) -> str:
    """Of what stands between the projections, and of these where they are not quantised."""
    return str(retriever.model.backbone.embedding.weight.dtype).removeprefix("torch.")


def segment_lengths(retriever: MambaRetriever, document: Document) -> list[int]:
    """Lengths of the segments the retriever reads of a document: question and filling included."""
    config, tokens = retriever.model.config, retriever.tokenize(document)
    n_question = len(retriever.tokenizer.encode(QUESTION, add_special_tokens=False).ids)
    if config.max_question_tokens:
        n_question = min(n_question, config.max_question_tokens)
    cuts = segments(tokens.sentence_ends, len(tokens.token_ids), config.question_interval)
    lengths = []
    for group in together(cuts, retriever.segment_tokens):
        begin, end = group[0][0], group[-1][1]
        n_readings = len(group) if config.question_interval else int(begin == 0)
        n_real = end - begin + n_readings * n_question
        lengths.append(-(-n_real // SEGMENT_STEP) * SEGMENT_STEP)
    return lengths


class Projections:
    """The linear projections of a model on segments of given lengths, and nothing else.

    What is multiplied is random and the same for every layer; results are written into memory
    that is there already. No way of running the model can do with less in this precision.
    """

    def __init__(self, model: Mamba2Model, lengths: Sequence[int]) -> None:
        config, blocks = model.config, model.backbone.blocks
        weight = blocks[0].mixer.in_proj.weight
        self._lengths = lengths
        self._device = weight.device
        self._weights = [
            (one.mixer.in_proj.weight.detach().T, one.mixer.out_proj.weight.detach().T)
            for one in blocks
        ]
        self._n_rows = max(lengths)
        self._room = [
            torch.randn(self._n_rows, width).to(weight)
            for width in (config.d_model, config.d_in_proj, config.d_inner, config.d_model)
        ]

    def multiply(self) -> None:
        """With all threads on every product."""
        for length in self._lengths:
            _multiply(self._weights, self._room, length)
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def multiply_in_stages(self) -> None:
        """As `FastReader` does: each thread has layers of its own."""
        n_stages = min(torch.get_num_threads(), len(self._weights))

        def stage(part: Sequence[int]) -> Callable[[int], int]:
            weights = [self._weights[i] for i in part]
            room = [torch.empty_like(one).copy_(one) for one in self._room]

            def run(length: int) -> int:
                _multiply(weights, room, length)
                return length

            return run

        parts = np.array_split(np.arange(len(self._weights)), n_stages)
        n_threads = max(1, torch.get_num_threads() // n_stages)
        for _ in through_stages(
            [stage(part.tolist()) for part in parts],
            self._lengths,
            lambda: torch.set_num_threads(n_threads),
        ):
            pass


@torch.inference_mode()
def _multiply(
    weights: Sequence[tuple[Tensor, Tensor]], room: Sequence[Tensor], length: int
) -> None:
    normed, projected, gated, mixed = (one[:length] for one in room)
    for in_proj, out_proj in weights:
        torch.mm(normed, in_proj, out=projected)
        torch.mm(gated, out_proj, out=mixed)


def _scoring(name: str, retriever: MambaRetriever, n_tokens: int) -> Contestant:
    document = long_document(n_copies_for(n_tokens, retriever))
    n_read = len(retriever.tokenize(document).token_ids)
    return Contestant(name, n_read, lambda: retriever.score(QUESTION, document))


def _scoring_together(retriever: MambaRetriever, n_tokens: int) -> Contestant:
    """Several questions on one document; tokens count for each of them."""
    document = long_document(n_copies_for(n_tokens, retriever))
    n_read = N_QUESTIONS * len(retriever.tokenize(document).token_ids)
    questions = [f"{QUESTION} ({i})" for i in range(N_QUESTIONS)]
    return Contestant("together", n_read, lambda: retriever.score_questions(questions, document))


def _with_cache(retriever: MambaRetriever, cache: KeptTokens) -> MambaRetriever:
    """The same model, on the path that holds now, with tokens that are there already."""
    return MambaRetriever(
        retriever.model,
        retriever.tokenizer,
        checkpoint=retriever.checkpoint or "",
        device=torch.device(retriever.device),
        cache=cache,
    )
