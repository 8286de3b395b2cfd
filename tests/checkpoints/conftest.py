"""Published checkpoints, small enough to make in a test, and a hub that serves them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from docqa.engine.checkpoints.catalogue import TOKENIZER
from docqa.engine.mamba2.config import config_from_record
from docqa.engine.mamba2.model import Mamba2Model, initialise
from tests.checkpoints.hub_server import Hub, Repository, serve
from tests.tiny_checkpoint import TEXT

SCANNER = "MambaRetriever/SPScanner-130m"
BASE = "state-spaces/mamba2-130m"
FIRST, SECOND = "a" * 40, "b" * 40
"""Commits: the second one is the newest."""
CONFIG = {
    "d_model": 64,
    "d_intermediate": 0,
    "n_layer": 2,
    "vocab_size": 8190,
    "ssm_cfg": {"layer": "Mamba2", "d_state": 16, "headdim": 32},
    "attn_layer_idx": [],
    "attn_cfg": {},
    "rms_norm": True,
    "residual_in_fp32": True,
    "fused_add_norm": True,
    "pad_vocab_size_multiple": 16,
    "tie_embeddings": True,
}
"""As published, and small; the weights still take several blocks of a transfer."""

Files = dict[str, bytes]


def make_tokenizer() -> Tokenizer:
    """Byte-level pairs, as the tokenizer of the published models works."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(vocab_size=400, show_progress=False, initial_alphabet=ByteLevel.alphabet())
    tokenizer.train_from_iterator([TEXT], trainer)
    return tokenizer


def published_tensors(seed: int, *, has_head: bool) -> dict[str, torch.Tensor]:
    """What a published file holds: its names, bf16, the tied lm_head."""
    model = Mamba2Model(config_from_record(CONFIG, where="test"))
    generator = torch.Generator().manual_seed(seed)
    initialise(model, generator)
    with torch.no_grad():
        model.backbone.embedding.weight.normal_(generator=generator)
    tensors = {
        name: value.detach().to(torch.bfloat16)
        for name, value in model.state_dict().items()
        if has_head or "head" not in name
    }
    tensors["lm_head.weight"] = tensors["backbone.embedding.weight"]
    return tensors


def published_files(seed: int = 0, *, has_head: bool = True) -> Files:
    """The files of a published repository."""
    weights = io.BytesIO()
    torch.save(published_tensors(seed, has_head=has_head), weights)
    return {
        "pytorch_model.bin": weights.getvalue(),
        "config.json": json.dumps(CONFIG).encode(),
        "README.md": b"# A scanner\n",
    }


@pytest.fixture(scope="session")
def scanner_files() -> Files:
    return published_files()


@pytest.fixture(scope="session")
def tokenizer_file() -> bytes:
    return make_tokenizer().to_str().encode()


@pytest.fixture
def hub(
    scanner_files: Files, tokenizer_file: bytes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hub]:
    """A hub with a scanner and the tokenizer, which all of huggingface_hub takes for the hub."""
    from huggingface_hub import constants

    from docqa.engine.checkpoints import hub as client

    repositories = {
        SCANNER: Repository({FIRST: scanner_files}),
        TOKENIZER: Repository({FIRST: {"tokenizer.json": tokenizer_file}}),
    }
    with serve(Hub(repositories)) as server:
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(client, "PAUSE_SECONDS", 0.01)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server
