"""The published 130M shape, with random weights: converted, loaded and compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from docqa.engine.checkpoints.convert import convert
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.mamba2.checkpoint import load_model
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.trainer.speed.subjects import random_model
from tests.checkpoints.conftest import CONFIG, make_tokenizer
from tests.numerics.test_parity import transformers_twin
from tests.tiny_checkpoint import TEXT

QUESTION = "Who leads the company?"
PUBLISHED = {**CONFIG, "d_model": 768, "n_layer": 24, "vocab_size": 50277}
PUBLISHED["ssm_cfg"] = {"layer": "Mamba2"}
N_PARAMETERS = 128_990_401
"""Of the 130M shape with a head and a tied lm_head."""
MAX_BYTES = 2**30

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder made from `pytorch_model.bin` and `config.json` as they are published."""
    folder = tmp_path_factory.mktemp("published")
    model = random_model("130m", torch.bfloat16)
    with torch.no_grad():
        model.backbone.embedding.weight.normal_(generator=torch.Generator().manual_seed(1))
    tensors = {name: value.to(torch.bfloat16) for name, value in model.state_dict().items()}
    tensors["lm_head.weight"] = tensors["backbone.embedding.weight"]
    torch.save(tensors, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(PUBLISHED), encoding="utf-8")
    make_tokenizer().save(str(folder / "tokenizer.json"))
    ready = folder / "scanner"
    ready.mkdir()
    convert(folder / "pytorch_model.bin", folder / "config.json", folder / "tokenizer.json", ready)
    (folder / "pytorch_model.bin").unlink()
    return ready


def test_scores_are_those_of_transformers_and_a_linear_head(
    scanner: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Question, line break, document, one pass; the head's logit at the last token of a unit."""
    monkeypatch.setenv("DOCQA_DTYPE", "float32")
    retriever = MambaRetriever.load(scanner, device="cpu")
    document = document_from_text(TEXT, title="t")
    scores = retriever.score(QUESTION, document)
    assert len(np.unique(scores)) > 3

    model = load_model(scanner)
    asked = retriever.tokenizer.encode(f"{QUESTION}\n", add_special_tokens=False).ids
    tokens = retriever.tokenize(document)
    token_ids = torch.tensor([asked + tokens.token_ids.tolist()])
    with torch.inference_mode():
        hidden = transformers_twin(model)(input_ids=token_ids, use_cache=False).last_hidden_state
        at_ends = hidden[0, len(asked) + torch.from_numpy(tokens.sentence_ends).long()]
        head = model.binary_head
        expected = torch.nn.functional.linear(at_ends, head.weight, head.bias)[:, 0]
    np.testing.assert_allclose(scores, expected.numpy(), rtol=1e-3, atol=1e-3)


@pytest.mark.skipif(os.name == "nt", reason="the system does not tell")
def test_a_process_with_the_model_stays_below_a_gigabyte(scanner: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docqa.app.cli", "doctor", "--json"],
        env={**os.environ, "DOCQA_CHECKPOINT": str(scanner), "DOCQA_DTYPE": "float32"},
        capture_output=True,
        check=True,
    )
    found = json.loads(done.stdout)["retriever"]
    assert found["parameters"] == N_PARAMETERS
    assert found["peak_memory_bytes"] < MAX_BYTES
