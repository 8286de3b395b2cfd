"""Encoders of the paper whose folders do not say how a vector is made of their tokens.

A preset says it for them: pooling, similarity, and what stands before a text. A folder of
sentence-transformers keeps its own modules; it gets the preset's prefixes where it names none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from docqa.engine.errors import CheckpointError, ConfigError, MissingError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Module

QUESTION_FOLDER = "question"
CONTEXT_FOLDER = "context"
INSTRUCTION = "Given a question, retrieve sentences of a document that answer it"
"""What GritLM is told; it wants one for each task."""


@dataclass(frozen=True, slots=True)
class Preset:
    """How an encoder is used, as its model card says."""

    name: str
    pooling: Literal["cls", "mean"]
    """The first token's vector, or the mean over the tokens."""
    similarity: Literal["dot", "cosine"]
    models: tuple[str, ...]
    """On the hub; two where questions and sentences have an encoder each, in that order."""
    question_prefix: str = ""
    sentence_prefix: str = ""
    pools_prefix: bool = True
    """Whether the tokens of the prefix count in the mean."""
    is_bidirectional: bool = False
    """Whether a decoder's tokens look at those after them too, which its folder does not say."""
    dtype: Literal["float32", "auto"] = "float32"
    """`auto` = as it is published; seven billion parameters are 28 GB in fp32."""

    @property
    def prompts(self) -> dict[str, str]:
        """The prefixes, as sentence-transformers calls them."""
        return {"query": self.question_prefix, "document": self.sentence_prefix}


PRESETS = (
    # Unsupervised BERT base; the mean over all tokens, not normalised.
    Preset("contriever", "mean", "dot", ("facebook/contriever",)),
    # Two BERT base; the vector of [CLS], not normalised.
    Preset(
        "dragon",
        "cls",
        "dot",
        ("facebook/dragon-plus-query-encoder", "facebook/dragon-plus-context-encoder"),
    ),
    # Mistral 7B; attention in both directions, the mean over the text without the instruction.
    Preset(
        "gritlm",
        "mean",
        "cosine",
        ("GritLM/GritLM-7B",),
        question_prefix=f"<|user|>\n{INSTRUCTION}\n<|embed|>\n",
        sentence_prefix="<|embed|>\n",
        pools_prefix=False,
        is_bidirectional=True,
        dtype="auto",
    ),
    # BERT; the mean over prefix and text.
    Preset(
        "e5",
        "mean",
        "cosine",
        ("intfloat/e5-base-v2",),
        question_prefix="query: ",
        sentence_prefix="passage: ",
    ),
    # BERT; the vector of [CLS], an instruction before questions alone.
    Preset(
        "bge",
        "cls",
        "cosine",
        ("BAAI/bge-base-en-v1.5",),
        question_prefix="Represent this sentence for searching relevant passages: ",
    ),
)
PRESET_NAMES = tuple(preset.name for preset in PRESETS)


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        ConfigError: When there is none.
    """
    for preset in PRESETS:
        if preset.name == name:
            return preset
    raise ConfigError(f"No encoder preset {name!r}.", f"Choose one of: {', '.join(PRESET_NAMES)}.")


def folder_of(preset: Preset, folder: Path | None) -> Path:
    """The folder with a preset's encoder, which docqa does not bring.

    Raises:
        MissingError: When it is not there; the hint says what to download.
    """
    target = folder or Path(preset.name)
    places = _places(preset, target)
    missing = [place for place in places if not place.is_dir()]
    if folder is not None and not missing:
        return folder
    what = "needs a folder" if folder is None else f"finds no folder {missing[0]}"
    fetch = " && ".join(
        f"hf download {model} --local-dir {place}"
        for model, place in zip(preset.models, places, strict=True)
    )
    raise MissingError(
        f"The encoder preset {preset.name} {what}.",
        f"Download it and name it: {fetch}; then --checkpoint {target}",
    )


def build(preset: Preset, folder: Path, device: str) -> SentenceTransformer:
    """The encoder in a folder of transformers, used as the preset says.

    Raises:
        CheckpointError: When weights are missing.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Router

    parts = [_part(preset, place) for place in _places(preset, folder)]
    modules: list[Any] = (
        [Router.for_query_document(parts[0], parts[1])] if len(parts) == 2 else parts[0]
    )
    return SentenceTransformer(
        modules=modules,
        device=device,
        prompts=preset.prompts,
        similarity_fn_name=preset.similarity,
        local_files_only=True,
    )


def _places(preset: Preset, folder: Path) -> list[Path]:
    """Where a preset's models are in its folder, as `Preset.models` has them."""
    if len(preset.models) == 1:
        return [folder]
    return [folder / QUESTION_FOLDER, folder / CONTEXT_FOLDER]


def _part(preset: Preset, folder: Path) -> list[Module]:
    """Tokens and their vectors, then one vector of them."""
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    _make_safetensors(folder)
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    transformer = Transformer(
        str(folder),
        model_kwargs={**local, "dtype": preset.dtype, "use_safetensors": True},
        processor_kwargs=dict(local),
        config_kwargs=dict(local),
    )
    _check_weights(transformer.model, folder)
    if preset.is_bidirectional:
        _look_both_ways(transformer.model)
    tokenizer = transformer.tokenizer
    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    pooling = Pooling(
        transformer.get_embedding_dimension(),
        pooling_mode=preset.pooling,
        include_prompt=preset.pools_prefix,
    )
    return [transformer, pooling]


def _look_both_ways(model: Any) -> None:
    """Let the tokens of a decoder see those after them.

    Masks are made as the configuration says; where a batch needs none, each layer is asked.
    """
    model.config.is_causal = False
    for module in model.modules():
        if hasattr(module, "is_causal"):
            module.is_causal = False


def _make_safetensors(folder: Path) -> None:
    """Convert a folder that has its weights as a pickle alone, once.

    Raises:
        CheckpointError: When the pickle holds more than tensors.
    """
    from safetensors.torch import save_file

    from docqa.engine.checkpoints.convert import PICKLE, SAFETENSORS, read_tensors

    if any(folder.glob("*.safetensors")) or not (folder / PICKLE).is_file():
        return
    tensors = {name: value.clone() for name, value in read_tensors(folder / PICKLE).items()}
    fresh = folder / f"{SAFETENSORS}.new"
    save_file(tensors, fresh, metadata={"format": "pt"})
    fresh.chmod(0o644)
    fresh.replace(folder / SAFETENSORS)


def _check_weights(model: Any, folder: Path) -> None:
    """Refuse a folder that lacks weights; transformers would draw them by lot.

    BERT's own pooler may be missing: nothing here uses it.
    """
    from safetensors import safe_open

    found: set[str] = set()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            found |= {name.removeprefix(f"{model.base_model_prefix}.") for name in file.keys()}  # noqa: SIM118
    missing = [
        name
        for name, _ in model.named_parameters()
        if name not in found and not name.startswith("pooler.")
    ]
    if missing:
        raise CheckpointError(
            f"{folder} lacks {len(missing)} of the encoder's weights, such as {missing[0]}.",
            "Check that its files are complete and of one model.",
        )
