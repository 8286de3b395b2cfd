"""A real checkpoint folder, small enough to make in a test: random weights, trained tokenizer."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.trainers import WordPieceTrainer

from docqa.engine.mamba2.checkpoint import save_checkpoint
from docqa.engine.mamba2.config import Mamba2Config
from docqa.engine.mamba2.model import Mamba2Model, initialise

TEXT = """The ferry company bought three vessels in 2021 for 41 million crowns.
Revenue | 1,577 | 1,373
Who leads the company? Its captain, Ada Holm, leads it since 1998; she lives in Malmö.
The harbour froze in winter, and no vessel left it. Der Hafen war geschlossen. 港は閉まっていた。
Passengers paid less for tickets while fuel cost more than before the storm."""


AS_PUBLISHED: dict[str, object] = {
    "n_match_buckets": 0,
    "soft_match": False,
    "mark_sentences": False,
    "coverage": False,
    "question_interval": 0,
    "max_question_tokens": 0,
}
"""Changes that leave away what docqa adds to the published models."""


def make_tokenizer(text: str = TEXT) -> Tokenizer:
    """A WordPiece tokenizer of a few hundred pieces."""
    tokenizer = Tokenizer(WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    trainer = WordPieceTrainer(
        vocab_size=400, special_tokens=["[PAD]", "[UNK]"], show_progress=False
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def make_checkpoint(folder: Path, text: str = TEXT, **changes: object) -> Path:
    """Write a checkpoint of two layers; keyword arguments change its config."""
    tokenizer = make_tokenizer(text)
    shape: dict[str, object] = {
        "d_model": 32,
        "n_layer": 2,
        "vocab_size": tokenizer.get_vocab_size(),
        "d_state": 8,
        "headdim": 16,
        "chunk_size": 16,
        "n_match_buckets": 4,
        "soft_match": True,
        "mark_sentences": True,
        "coverage": True,
        "question_interval": 48,
        "max_question_tokens": 16,
    }
    model = Mamba2Model(Mamba2Config(**{**shape, **changes}))  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(0)
    initialise(model, generator)
    with torch.no_grad():
        model.backbone.embedding.weight.normal_(generator=generator)
        if model.coverage is not None:
            model.coverage.out.weight.normal_(generator=generator)
    save_checkpoint(folder, model, tokenizer, metrics={"made_by": "a test"})
    return folder
