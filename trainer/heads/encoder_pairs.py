"""Questions with the sentence that answers and those beside it that an encoder takes for it.

A teacher of sentences knows what means the same, and not that `Provision for uncollectible
accounts | 403` answers what bad debts cost. Labelled questions tell that: each is put to its own
document, whose other sentences are what the encoder will have to choose from.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from docqa.engine.mamba2.sentence_vectors import MAX_TOKENS, SentenceVectors, TokenRow, rows_of
from docqa.engine.question.wording import in_words_of
from docqa.engine.retrievers.packing import tokenize_document
from docqa.trainer.dataset import LabelledDocument, LabelledQuestion, read_documents
from docqa.trainer.flat_columns import FlatColumns, offsets_of
from docqa.trainer.heads.encoder_recipe import EncoderRecipe
from docqa.trainer.heads.near_misses import NearMisses

N_BEST = 16
"""Near misses of a question, by each way to find them."""

OnFile = Callable[[str, int], None]
"""Called with a file's name and the pairs drawn so far."""


@dataclass(frozen=True)
class EncoderPair:
    """A question, sentences of its document that answer it, and near ones that do not."""

    question: TokenRow
    evidence: list[TokenRow]
    near: list[TokenRow]
    following: Sequence[TokenRow] = ()
    """Those that stand right after evidence: they read its end, and are to be told from it."""


@dataclass(frozen=True)
class PairBatch:
    """Some questions, and the sentences that each is to find its evidence among."""

    rows: list[TokenRow]
    """The questions, then s sentences."""
    n_questions: int
    wanted: NDArray[np.int64]
    """(q,) which sentence answers each question."""
    spared: NDArray[np.bool_]
    """(q, s) other sentences that answer it."""


@dataclass(frozen=True)
class EncoderPairs(FlatColumns):
    """Pairs as flat columns; each row of tokens is kept once, `*_offsets` cut what they name."""

    token_ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    """Of the rows in the tokens."""
    questions: NDArray[np.int64]
    """(n,) row of each question."""
    evidence: NDArray[np.int64]
    evidence_offsets: NDArray[np.int64]
    near: NDArray[np.int64]
    near_offsets: NDArray[np.int64]
    following: NDArray[np.int64]
    following_offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.questions)

    def draw(self, random: np.random.Generator, n_questions: int, n_near: int) -> PairBatch:
        """Some questions, each with one sentence that answers it and some that come near it, those
        that follow what answers first."""
        chosen = random.permutation(len(self))[:n_questions].tolist()
        answering = [self._evidence_of(i) for i in chosen]
        wanted = [int(random.choice(rows)) for rows in answering]
        near = [self._draw_near(random, i)[:n_near] for i in chosen]
        sentences = np.asarray(list(dict.fromkeys(chain(wanted, *near))))
        answers = np.array([np.isin(sentences, rows) for rows in answering])
        targets = np.array([np.flatnonzero(sentences == row)[0] for row in wanted])
        answers[np.arange(len(chosen)), targets] = False
        rows = [self._row(i) for i in (*self.questions[chosen].tolist(), *sentences.tolist())]
        return PairBatch(rows, len(chosen), targets, answers)

    def _draw_near(self, random: np.random.Generator, pair: int) -> list[int]:
        following = self.following[self.following_offsets[pair] : self.following_offsets[pair + 1]]
        return [*following.tolist(), *random.permutation(self._near_of(pair)).tolist()]

    def _row(self, i: int) -> TokenRow:
        return self.token_ids[self.offsets[i] : self.offsets[i + 1]]

    def _evidence_of(self, pair: int) -> NDArray[np.int64]:
        return self.evidence[self.evidence_offsets[pair] : self.evidence_offsets[pair + 1]]

    def _near_of(self, pair: int) -> NDArray[np.int64]:
        return self.near[self.near_offsets[pair] : self.near_offsets[pair + 1]]

    @classmethod
    def of(cls, pairs: Sequence[EncoderPair]) -> EncoderPairs:
        """Lay pairs flat."""
        numbers: dict[bytes, int] = {}
        rows: list[TokenRow] = []

        def number(row: TokenRow) -> int:
            key = row.astype(np.int32).tobytes()
            if key not in numbers:
                numbers[key] = len(rows)
                rows.append(row.astype(np.int32))
            return numbers[key]

        questions = [number(one.question) for one in pairs]
        evidence = [[number(row) for row in one.evidence] for one in pairs]
        near = [[number(row) for row in one.near] for one in pairs]
        following = [[number(row) for row in one.following] for one in pairs]
        return cls(
            token_ids=np.concatenate([*rows, np.empty(0, np.int32)]),
            offsets=offsets_of([len(row) for row in rows]),
            questions=np.asarray(questions, np.int64),
            evidence=np.fromiter(chain.from_iterable(evidence), np.int64),
            evidence_offsets=offsets_of([len(one) for one in evidence]),
            near=np.fromiter(chain.from_iterable(near), np.int64),
            near_offsets=offsets_of([len(one) for one in near]),
            following=np.fromiter(chain.from_iterable(following), np.int64),
            following_offsets=offsets_of([len(one) for one in following]),
        )


def make_pairs(
    files: Sequence[Path],
    tokenizer: Tokenizer,
    recipe: EncoderRecipe,
    vectors: SentenceVectors | None,
    on_file: OnFile | None = None,
) -> EncoderPairs:
    """Draw questions from labelled files, and what an encoder finds near them.

    Args:
        files: Labelled documents; those without questions give nothing.
        tokenizer: Of the checkpoint.
        recipe: Says how many of which source.
        vectors: Of the encoder that is to learn; without them words alone find what is near.
        on_file: Called after each document.

    Raises:
        TrainingError: When a file cannot be read.
    """
    pairs: list[EncoderPair] = []
    for path in files:
        chooser = random.Random(f"{recipe.seed} pairs {path.name}")
        for labelled, questions in _drawn(path, recipe, chooser):
            pairs += _pairs_of(labelled, questions, tokenizer, recipe, vectors)
            if on_file is not None:
                on_file(path.name, len(pairs))
    return EncoderPairs.of(pairs)


def _drawn(
    path: Path, recipe: EncoderRecipe, chooser: random.Random
) -> Iterator[tuple[LabelledDocument, list[LabelledQuestion]]]:
    """Some documents of a file with some of their questions, each document about as many."""
    n_documents = Counter(one.source for one in read_documents(path) if _answered(one))
    n_chosen = {
        source: min(n, recipe.pair_documents.get(source, recipe.n_pair_documents))
        for source, n in n_documents.items()
    }
    for one in read_documents(path):
        answered = _answered(one)
        if not answered or chooser.random() * n_documents[one.source] >= n_chosen[one.source]:
            continue
        most = -(-recipe.pairs.get(one.source, recipe.n_pairs) // n_chosen[one.source])
        if most:
            yield one, chooser.sample(answered, min(most, len(answered)))


def _answered(labelled: LabelledDocument) -> list[LabelledQuestion]:
    return [one for one in labelled.questions if one.evidence]


def _pairs_of(
    labelled: LabelledDocument,
    questions: Sequence[LabelledQuestion],
    tokenizer: Tokenizer,
    recipe: EncoderRecipe,
    vectors: SentenceVectors | None,
) -> Iterator[EncoderPair]:
    """The pairs of one document; a question of which nothing is near, or no token left, is none."""
    tokens = tokenize_document(labelled.document, tokenizer)
    rows = rows_of(
        tokens, range(len(tokens.sentence_ends)), with_above=True, n_before=recipe.before_tokens
    )
    near_misses = NearMisses(
        labelled, questions, tokenizer, vectors, most=N_BEST, n_compared=recipe.n_compared
    )
    asked = [in_words_of(labelled.document, one.question) for one in questions]
    for number, encoding in enumerate(tokenizer.encode_batch(asked, add_special_tokens=False)):
        spans = questions[number].evidence
        telling = sorted({i for span in spans for i in labelled.sentences_of(span)})
        evidence = [rows[i] for i in telling if len(rows[i])]
        near = [rows[i] for i in near_misses.of(number) if len(rows[i])]
        following = [rows[i] for i in near_misses.following(number) if len(rows[i])]
        if encoding.ids and evidence and near:
            asking = np.asarray(encoding.ids[:MAX_TOKENS], np.int32)
            yield EncoderPair(asking, evidence, near, following if recipe.before_tokens else [])
