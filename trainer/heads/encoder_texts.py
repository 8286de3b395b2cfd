"""What an encoder head learns from: sentences and questions, and the vectors a teacher gives them.

The teacher is the packaged all-MiniLM-L6-v2. It reads what the head reads: the tokens of a
sentence, with what stands above it or without.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from docqa.engine.device import choose_dtype
from docqa.engine.mamba2.sentence_vectors import MAX_TOKENS, TokenRow, batches_by_length, rows_of
from docqa.engine.retrievers.packing import tokenize_document
from docqa.engine.retrievers.sentence_encoder import SentenceEncoder
from docqa.trainer.dataset import LabelledDocument, read_documents
from docqa.trainer.flat_columns import FlatColumns, offsets_of
from docqa.trainer.heads.encoder_recipe import EncoderRecipe

MOST_OF_DOCUMENT = 2500
"""Sentences of one document, at most: no book shall drown the others of its source."""
TEACHER_TOKENS = 8192
"""Tokens the teacher reads at once."""
TELL_EVERY = 100

OnTexts = Callable[[str, int, int], None]
"""What is done, how much of it, and how much there is (0 = not known)."""


@dataclass(frozen=True)
class EncoderTexts(FlatColumns):
    """Texts as flat columns, with their vectors."""

    token_ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    """n + 1 offsets into the tokens."""
    vectors: NDArray[np.float16]
    """(n, 384) of length 1, the teacher's."""

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, i: int) -> TokenRow:
        return self.token_ids[self.offsets[i] : self.offsets[i + 1]]

    @property
    def n_tokens(self) -> NDArray[np.int64]:
        """(n,) tokens of each text."""
        return np.diff(self.offsets)


def make_texts(
    files: Sequence[Path],
    tokenizer: Tokenizer,
    recipe: EncoderRecipe,
    teacher: SentenceEncoder,
    on_texts: OnTexts | None = None,
) -> EncoderTexts:
    """Draw texts from files and ask the teacher for their vectors.

    Args:
        files: Documents, with questions or without.
        tokenizer: Of the checkpoint.
        recipe: Says how many of which source.
        teacher: Gives the vectors.
        on_texts: Called after each file, and while the teacher reads.

    Raises:
        TrainingError: When a file cannot be read.
    """
    rows: list[TokenRow] = []
    for path in files:
        rows += draw_rows(path, tokenizer, recipe)
        if on_texts is not None:
            on_texts(f"drawing texts of {path.name}", len(rows), 0)
    offsets = offsets_of([len(row) for row in rows])
    joined = np.concatenate([*rows, np.empty(0, np.int32)]).astype(np.int32)
    return EncoderTexts(joined, offsets, ask_teacher(teacher, rows, tokenizer, on_texts))


def draw_rows(path: Path, tokenizer: Tokenizer, recipe: EncoderRecipe) -> list[TokenRow]:
    """Sentences and questions of one file, as tokens, each once and none of them empty."""
    chooser = random.Random(f"{recipe.seed} {path.name}")
    n_documents = Counter(one.source for one in read_documents(path))
    sentences: dict[str, dict[bytes, TokenRow]] = {}
    questions: dict[str, set[str]] = {}
    for one in read_documents(path):
        questions.setdefault(one.source, set()).update(each.question for each in one.questions)
        if chooser.random() * n_documents[one.source] < recipe.n_documents:
            found = sentences.setdefault(one.source, {})
            found.update(
                (row.tobytes(), row) for row in _sentence_rows(one, tokenizer, recipe, chooser)
            )
    rows: list[TokenRow] = []
    for source, found in sentences.items():
        most = recipe.sources.get(source, recipe.n_sentences)
        rows += chooser.sample(list(found.values()), min(most, len(found)))
    for source, asked in questions.items():
        most = recipe.questions.get(source, recipe.n_questions)
        drawn = chooser.sample(sorted(asked), min(most, len(asked)))
        encodings = tokenizer.encode_batch(drawn, add_special_tokens=False)
        rows += [np.asarray(one.ids[:MAX_TOKENS], np.int32) for one in encodings if one.ids]
    return rows


def _sentence_rows(
    labelled: LabelledDocument, tokenizer: Tokenizer, recipe: EncoderRecipe, chooser: random.Random
) -> Iterator[TokenRow]:
    """Some sentences of a document, a share of them with what stands above."""
    tokens = tokenize_document(labelled.document, tokenizer)
    n_sentences = len(tokens.sentence_ends)
    for i in chooser.sample(range(n_sentences), min(n_sentences, MOST_OF_DOCUMENT)):
        with_above = chooser.random() < recipe.above_share
        (row,) = rows_of(tokens, [i], with_above=with_above, n_before=recipe.before_tokens)
        if len(row):
            yield row


def ask_teacher(
    teacher: SentenceEncoder,
    rows: Sequence[TokenRow],
    tokenizer: Tokenizer,
    on_texts: OnTexts | None = None,
) -> NDArray[np.float16]:
    """(n, 384) what the teacher makes of the texts that tokens stand for."""
    model: Any = teacher.model
    model.max_seq_length = MAX_TOKENS + 2  # and its two special tokens
    place = torch.device(teacher.device)
    multiplies_bf16 = choose_dtype(place) is torch.bfloat16
    vectors: NDArray[np.float16] | None = None
    batches = list(batches_by_length([len(row) for row in rows], TEACHER_TOKENS))
    for n_done, batch in enumerate(batches):
        texts = tokenizer.decode_batch([rows[i].tolist() for i in batch])
        with torch.autocast(place.type, torch.bfloat16, enabled=multiplies_bf16):
            found = model.encode_document(texts, batch_size=len(texts), show_progress_bar=False)
        if vectors is None:
            vectors = np.zeros((len(rows), found.shape[1]), np.float16)
        vectors[batch] = found
        if on_texts is not None and n_done % TELL_EVERY == 0:
            on_texts("asking the teacher", n_done, len(batches))
    return np.zeros((0, 0), np.float16) if vectors is None else vectors
