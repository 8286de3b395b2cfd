"""The shape of a Mamba-2 retriever, as `config.json` holds it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from docqa.engine.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Mamba2Config:
    """Sizes of the backbone and of what docqa adds to it.

    The first block has the names and defaults of the published checkpoints. The second is ours;
    its defaults switch everything off, so that a published checkpoint is read unchanged.
    """

    d_model: int
    n_layer: int
    vocab_size: int
    d_state: int = 128
    headdim: int = 64
    expand: int = 2
    d_conv: int = 4
    ngroups: int = 1
    chunk_size: int = 256
    norm_eps: float = 1e-5

    n_match_buckets: int = 0
    """Buckets of rarity for document tokens that occur in the question; 0 = no such input.
    One more bucket marks the question's own tokens."""
    soft_match: bool = False
    """Adds how near a token's embedding comes to any token of the question."""
    mark_sentences: bool = False
    """Marks the last token of every sentence: a table row has no full stop."""
    coverage: bool = False
    """Tells at the end of every sentence how much of the question it covers (`coverage.py`)."""
    question_interval: int = 0
    """Document tokens after which the question is read again; 0 = it is read once, at the start."""
    max_question_tokens: int = 0
    """A longer question is cut; 0 = never."""
    unit_tokens: int = 0
    """Neighbouring sentences are read as one unit until it has so many tokens, which is how the
    published scanners were trained (see `engine/retrievers/units.py`); 0 = each sentence by
    itself."""
    reader_width: int = 0
    """Width of the head that finds an answer's first and last word; 0 = there is none."""
    encoder_width: int = 0
    """Width of the head that tells what a sentence says; 0 = there is none."""
    encoder_before_tokens: int = 0
    """Tokens of the sentence before that this head reads too, its last; 0 = it reads none."""

    def __post_init__(self) -> None:
        if self.d_inner % self.headdim:
            raise CheckpointError(
                f"d_model {self.d_model} x expand {self.expand} is no multiple of "
                f"headdim {self.headdim}."
            )
        if self.n_heads % self.ngroups:
            raise CheckpointError(f"{self.n_heads} heads cannot share {self.ngroups} groups.")

    @property
    def d_inner(self) -> int:
        return self.d_model * self.expand

    @property
    def n_heads(self) -> int:
        return self.d_inner // self.headdim

    @property
    def d_conv_input(self) -> int:
        """Channels of the convolution: x, B and C side by side."""
        return self.d_inner + 2 * self.ngroups * self.d_state

    @property
    def d_in_proj(self) -> int:
        """Rows of the input projection: z, x, B, C and a step for each head."""
        return self.d_inner + self.d_conv_input + self.n_heads

    @property
    def has_features(self) -> bool:
        """Whether tokens come with more than their ids."""
        added = (self.n_match_buckets, self.soft_match, self.mark_sentences, self.coverage)
        return any(added)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


_FIXED = {
    "rms_norm": True,
    "residual_in_fp32": True,
    "d_intermediate": 0,
    "attn_layer_idx": [],
    "tie_embeddings": True,
}
"""What the published files may say and only with these values."""
_IGNORED = {"attn_cfg", "fused_add_norm", "format", "quantization", "confidence", "name"}
_IGNORED |= {"_name_or_path", "architectures", "dtype", "model_type", "torch_dtype"}
_IGNORED |= {"transformers_version"}


_SIZES = {field.name for field in fields(Mamba2Config) if field.type == "int"}
_AT_LEAST_ONE = {"d_model", "n_layer", "vocab_size", "d_state", "headdim", "expand", "d_conv"}
_AT_LEAST_ONE |= {"ngroups", "chunk_size", "pad_vocab_size_multiple"}
MAX_SIZE = 1 << 24
MAX_LAYERS = 10_000


def read_config(path: Path) -> Mamba2Config:
    """Read `config.json`, ours or a published one (`ssm_cfg`, padded vocabulary).

    Raises:
        CheckpointError: When the file is missing, names another architecture or an unknown field.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"No config.json in {path.parent}.", "Choose a checkpoint folder."
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"Cannot read {path}: {error}.") from error
    return config_from_record(record, where=str(path))


def config_from_record(record: Any, where: str) -> Mamba2Config:
    """Turn the object of a `config.json` into a config; `where` names it in errors.

    Raises:
        CheckpointError: When it names another architecture, an unknown field or an absurd size.
    """
    ssm = record.get("ssm_cfg", {}) if isinstance(record, dict) else None
    if not isinstance(ssm, dict):
        raise CheckpointError(f"{where} does not hold the shape of a model.")
    record, ssm = {**record}, {**ssm}
    record.pop("ssm_cfg", None)
    if ssm.pop("layer", "Mamba2") != "Mamba2":
        raise CheckpointError(f"{where} is not of a Mamba-2 model.")
    record.update(ssm)
    _check_sizes(record, where)
    multiple = record.pop("pad_vocab_size_multiple", 1)
    for name, value in _FIXED.items():
        if record.pop(name, value) != value:
            raise CheckpointError(f"{where}: docqa reads only models with {name} = {value}.")
    for name in _IGNORED:
        record.pop(name, None)
    known = {field.name for field in fields(Mamba2Config)}
    if unknown := sorted(set(record) - known):
        raise CheckpointError(f"{where} has fields docqa does not know: {', '.join(unknown)}.")
    try:
        config = Mamba2Config(**record)
    except TypeError as error:
        raise CheckpointError(f"{where}: {error}.") from error
    padded = -(-config.vocab_size // multiple) * multiple
    return Mamba2Config(**{**asdict(config), "vocab_size": padded})


def _check_sizes(record: dict[str, Any], where: str) -> None:
    """Refuse sizes that no model has, before one is made of them."""
    for name, value in record.items():
        least = 1 if name in _AT_LEAST_ONE else 0
        most = MAX_LAYERS if name == "n_layer" else MAX_SIZE
        is_size = name in _SIZES or name in _AT_LEAST_ONE
        if is_size and not (type(value) is int and least <= value <= most):
            raise CheckpointError(f"{where} asks for {name} = {value!r}, not {least} to {most:,}.")
