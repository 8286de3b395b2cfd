"""The seam between the retriever and what computes: segments in, logits out.

Three paths stand behind it: `TorchReader` runs the model as it is written, on any device, or on
CUDA with another scan in it; `FastReader` runs it on a CPU with compiled kernels. `choose_reader`
picks one and says why; `choose_scan` does so for a model in training.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from docqa.engine.errors import ConfigError
from docqa.engine.mamba2.cuda import PATH as TRITON_PATH
from docqa.engine.mamba2.cuda import triton_obstacle, triton_scan
from docqa.engine.mamba2.int8 import int8_obstacle
from docqa.engine.mamba2.model import Mamba2Model, Scan, TokenFeatures
from docqa.engine.mamba2.scan import chunked_scan
from docqa.engine.mamba2.stages import through_stages

if TYPE_CHECKING:
    from docqa.engine.mamba2.fast import BlockWeights, FastBlocks, Stream

Logits = NDArray[np.float32]

SEGMENT_STEP = 64
"""Segments are filled up to a multiple of this: the matrix library makes a kernel for every new
shape, which takes longer than reading the segment."""
CUDA_TOKENS_AT_ONCE = 32_768
"""Tokens a GPU is given at once: a segment of a thousand leaves most of it idle, and memory grows
with it and not with the document."""
FAST_WORK = 5e10
"""Multiplications with a model's projections that a CPU is given at once: enough that what every
call costs does not count, and done before a reader who cancels has waited."""
FEWEST_FAST_TOKENS, MOST_FAST_TOKENS = 512, 1100
INT8 = "int8 projections"
"""How the path of a reader that quantises ends."""
PATHS = ("auto", "torch", "numba", "triton")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of question and document, read at once."""

    token_ids: Int[Tensor, "1 l"]
    """Filled up to a multiple of `SEGMENT_STEP`."""
    features: TokenFeatures | None
    n_real: int
    """Tokens before the filling."""
    ends: NDArray[np.int64]
    """Positions of the last tokens of its sentences."""


@runtime_checkable
class Reader(Protocol):
    """Reads one document after another, each from its first token."""

    path: str
    """How it computes, for `docqa doctor`."""
    tokens_at_once: int
    """Tokens it wants to be given at once; 0 = one segment at a time."""

    def read(self, segments: Iterable[Segment]) -> Generator[Logits]:
        """Yield, for each segment of a document, the logits of the sentences that end in it."""
        ...


class TorchReader:
    """The model as `model.py` writes it, or with another scan in it."""

    def __init__(self, model: Mamba2Model, why: str = "", scan: Scan | None = None) -> None:
        self._model = model
        self._layers = scan and [partial(block, scan=scan) for block in model.backbone.blocks]
        self._device = model.backbone.embedding.weight.device
        self.path = "plain torch" + (f" ({why})" if why else "")
        self.tokens_at_once = CUDA_TOKENS_AT_ONCE if self._device.type == "cuda" else 0
        """In all rows of a batch."""

    def read(self, segments: Iterable[Segment]) -> Generator[Logits]:
        """See `Reader.read`."""
        for (logits,) in self.read_together([segment] for segment in segments):
            yield logits

    def read_together(self, batches: Iterable[Sequence[Segment]]) -> Generator[list[Logits]]:
        """`read` for several documents, or questions, side by side.

        Args:
            batches: The next segment of each, always in the same order.
        """
        state = None
        for batch in batches:
            state = state or self._model.initial_state(len(batch))
            with torch.inference_mode():
                token_ids, features = _stacked(batch)
                n_real = torch.tensor([one.n_real for one in batch])
                hidden, state = self._model(
                    token_ids.to(self._device),
                    state,
                    _moved(features, self._device),
                    n_real=n_real.to(self._device),
                    layers=self._layers,
                )
                counts = [len(one.ends) for one in batch]
                rows = torch.from_numpy(np.repeat(np.arange(len(batch)), counts))
                ends = torch.from_numpy(np.concatenate([one.ends for one in batch]))
                ended = hidden[rows.to(self._device), ends.to(self._device)]
                logits: Logits = self._model.score(ended).float().cpu().numpy()
            yield np.split(logits, np.cumsum(counts)[:-1])


@dataclass(slots=True)
class _Passage:
    """A segment on its way through the stages."""

    segment: Segment
    stream: Stream | None = None
    logits: Logits = field(default_factory=lambda: np.empty(0, np.float32))


class FastReader:
    """`fast.py` in as many stages as there are threads: each holds some of the layers.

    Threads that share no layer need not wait for each other inside of it, and the weights of a
    layer stay near the core that multiplies them.
    """

    def __init__(self, model: Mamba2Model, n_threads: int, *, int8: bool = False) -> None:
        self._model = model
        self._int8 = int8
        self._weights: Sequence[BlockWeights] = ()
        blocks = model.backbone.blocks
        self._parts = np.array_split(np.arange(len(blocks)), min(n_threads, len(blocks)))
        self._n_threads = max(1, n_threads // len(self._parts))
        self.path = f"numba kernels, {len(self._parts)} stages x {self._n_threads} threads"
        self.path += f", {INT8}" if int8 else ""
        wanted = FAST_WORK / model.n_projection_weights
        self.tokens_at_once = int(np.clip(wanted, FEWEST_FAST_TOKENS, MOST_FAST_TOKENS))

    def read(self, segments: Iterable[Segment]) -> Generator[Logits]:
        """See `Reader.read`."""
        from docqa.engine.mamba2.fast import BlockWeights, FastBlocks
        from docqa.engine.mamba2.freed_memory import keep_freed_memory

        if not self._weights:
            keep_freed_memory()
            blocks = self._model.backbone.blocks
            self._weights = [BlockWeights(block, int8=self._int8) for block in blocks]
        weights = self._weights
        parts = [FastBlocks([weights[i] for i in part], self._model.config) for part in self._parts]
        stages = [
            _Stage(self._model, part, first=part is parts[0], last=part is parts[-1])
            for part in parts
        ]
        passages = (_Passage(segment) for segment in segments)
        for passage in through_stages(stages, passages, self._prepare_thread):
            yield passage.logits

    def _prepare_thread(self) -> None:
        torch.set_num_threads(self._n_threads)
        # States fade towards 0, and a processor takes a hundred steps for a number below 1e-38.
        torch.set_flush_denormal(True)


@dataclass(frozen=True, slots=True)
class _Stage:
    """Some layers; the first stage embeds before them, the last one scores after them."""

    model: Mamba2Model
    blocks: FastBlocks
    first: bool
    last: bool

    @torch.inference_mode()
    def __call__(self, passage: _Passage) -> _Passage:
        from docqa.engine.mamba2.fast import Stream

        segment = passage.segment
        if self.first:
            x = self.model.embed(segment.token_ids, segment.features)[0]
            passage.stream = Stream.of(x, segment.n_real)
        assert passage.stream is not None
        stream = passage.stream = self.blocks(passage.stream)
        if self.last:
            hidden = self.model.backbone.norm_f(stream.after(torch.from_numpy(segment.ends)))
            passage.logits = self.model.score(hidden.to(stream.mixed.dtype)).float().numpy()
            passage.stream = None
        return passage


def choose_reader(model: Mamba2Model) -> Reader:
    """The fastest path that works here; `DOCQA_PATH` (`torch`, `numba`, `triton`) decides
    otherwise. On the path `numba` projections are int8 where that is exact and no other
    `DOCQA_DTYPE` is set.

    Raises:
        ConfigError: When `DOCQA_PATH` names no path, or one that does not work here, or
            `DOCQA_DTYPE` asks for int8 where it does not.
    """
    reader = _choose_path(model)
    if os.environ.get("DOCQA_DTYPE") == "int8" and not reader.path.endswith(INT8):
        raise ConfigError(
            f"DOCQA_DTYPE is int8, but {int8_obstacle() or f'the path is {reader.path}'}.",
            "Unset DOCQA_DTYPE.",
        )
    return reader


def _choose_path(model: Mamba2Model) -> Reader:
    wanted = _wanted_path()
    if wanted == "torch":
        return TorchReader(model, "DOCQA_PATH=torch")
    weight = model.backbone.embedding.weight
    if wanted == "triton" or (wanted == "auto" and weight.device.type == "cuda"):
        obstacle = triton_obstacle(weight)
        if not obstacle:
            reader = TorchReader(model, scan=triton_scan)
            reader.path = TRITON_PATH
            return reader
    else:
        obstacle = fast_obstacle(model)
        if not obstacle:
            may_quantise = os.environ.get("DOCQA_DTYPE") in (None, "", "int8")
            int8 = may_quantise and not int8_obstacle()
            return FastReader(model, torch.get_num_threads(), int8=int8)
    if wanted != "auto":
        raise ConfigError(f"DOCQA_PATH is {wanted}, but {obstacle}.", "Unset DOCQA_PATH.")
    return TorchReader(model, obstacle)


def choose_scan(model: Mamba2Model) -> tuple[Scan, str]:
    """The scan for a model in training, and what it is, or why it is no faster one.

    `DOCQA_PATH` decides as for reading; `numba` has no gradients and counts as `auto`.

    Raises:
        ConfigError: When `DOCQA_PATH` names no path, or one that does not work here.
    """
    wanted = _wanted_path()
    obstacle = (
        "DOCQA_PATH=torch"
        if wanted == "torch"
        else triton_obstacle(model.backbone.embedding.weight)
    )
    if not obstacle:
        return triton_scan, TRITON_PATH
    if wanted == "triton":
        raise ConfigError(f"DOCQA_PATH is triton, but {obstacle}.", "Unset DOCQA_PATH.")
    return chunked_scan, f"plain torch ({obstacle})"


def _wanted_path() -> str:
    wanted = os.environ.get("DOCQA_PATH", "auto")
    if wanted not in PATHS:
        raise ConfigError(f"DOCQA_PATH is {wanted!r}.", f"Use one of: {', '.join(PATHS)}.")
    return wanted


def fast_obstacle(model: Mamba2Model) -> str:
    """Why the compiled kernels cannot read with this model; empty when they can."""
    weight = model.backbone.embedding.weight
    if weight.device.type != "cpu":
        return f"the compiled kernels are for a CPU, the model is on {weight.device.type}"
    if weight.dtype not in (torch.bfloat16, torch.float32):
        return f"the compiled kernels take bf16 and fp32, the model is {weight.dtype}"
    try:
        from docqa.engine.mamba2.fast import N_TAPS
    except ImportError as error:
        return f"numba is not installed: {error}"
    except RuntimeError as error:  # numba found no folder for its cache
        return f"numba cannot work here: {error}"
    config = model.config
    if config.d_conv > N_TAPS:
        return f"the compiled kernels convolve {N_TAPS} tokens, the model {config.d_conv}"
    if config.d_model % 2 or config.headdim % 2 or config.d_state % 2:
        widths = f"d_model {config.d_model}, headdim {config.headdim}, d_state {config.d_state}"
        return f"the compiled kernels take even widths, the model has {widths}"
    return ""


def _stacked(batch: Sequence[Segment]) -> tuple[Int[Tensor, "b l"], TokenFeatures | None]:
    """Token ids and features of segments, each filled up to the longest."""
    token_ids = _filled([one.token_ids for one in batch])
    given = [_fields(one.features) for one in batch if one.features is not None]
    if not given:
        return token_ids, None
    return token_ids, TokenFeatures(*(_filled(rows) for rows in zip(*given, strict=True)))


def _filled(rows: Sequence[Tensor]) -> Tensor:
    """(b, l) of rows (1, l) of different lengths."""
    return torch.nn.utils.rnn.pad_sequence([row[0] for row in rows], batch_first=True)


def _moved(features: TokenFeatures | None, device: torch.device) -> TokenFeatures | None:
    if features is None:
        return None
    return TokenFeatures(*(x.to(device) for x in _fields(features)))


def _fields(features: TokenFeatures) -> Sequence[Tensor]:
    return features.match, features.similarity, features.is_end, features.coverage
