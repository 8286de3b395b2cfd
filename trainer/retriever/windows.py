"""Training windows: a question and a few hundred tokens of its document, cut on the fly.

Half of the windows are hard: instead of one stretch of the document they hold the passage with
the answer and the passages that share the most words with the question, in document order. Those
are what the model must tell apart in a whole document, where a random stretch is easy. Where hard
negatives were mined (`mined.py`), a share of the windows holds them instead.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from docqa.engine.errors import TrainingError
from docqa.engine.retrievers.coverage import Vocabulary, covered_words, sentence_coverage
from docqa.engine.retrievers.question_match import content_tokens, rarity_buckets
from docqa.trainer.retriever.mined import MinedNegatives
from docqa.trainer.retriever.packed import PackedData
from docqa.trainer.retriever.passages import Passages
from docqa.trainer.retriever.recipe import Recipe

PASSAGE_TOKENS = (30, 160)
"""Least and most tokens of a passage in a hard window."""
N_HARD = 24
"""A hard window draws its passages from this many sentences."""
N_CACHED_DOCUMENTS = 256
N_TRIES = 10_000
"""Questions in a row that may not fit into a window before that is an error."""
_NONE = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True)
class Window:
    """One training example: token ids with the question in front (and again at each interval)."""

    token_ids: NDArray[np.int64]
    match: NDArray[np.int64]
    """(l,) `TokenFeatures.match`."""
    is_document: NDArray[np.bool_]
    content: NDArray[np.int32]
    """(q,) content tokens of the question."""
    sentence_ends: NDArray[np.int64]
    """(s,) position in the window of each sentence's last token."""
    labels: NDArray[np.float32]
    """(s,) 1 for a sentence that answers."""
    coverage: NDArray[np.float32]
    """(s, c) `TokenFeatures.coverage` at those tokens."""


@dataclass(frozen=True, slots=True)
class _Draw:
    """What a window is made of."""

    text: Passages
    question_ids: NDArray[np.int32]
    content: NDArray[np.int32]
    """Content tokens of the question."""
    relevant: NDArray[np.int32]
    """Sentences that answer."""
    removed: NDArray[np.int32]
    """Sentences that would answer and are left out: what remains is on the subject, but without
    the answer."""
    mined: NDArray[np.int32]
    """Hard negatives, if the window is to hold any."""


class WindowSampler:
    """Draws windows for ever; its random state can be saved and restored."""

    def __init__(
        self,
        packed: PackedData,
        recipe: Recipe,
        content_mask: NDArray[np.bool_],
        mined: MinedNegatives | None = None,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        """Group questions by source and documents by domain.

        `vocabulary` is the one that training begins with, where the model reads the coverage of
        sentences: that is measured with it throughout, so that a resumed run draws the same.
        """
        self._vocabulary = vocabulary
        self._packed = packed
        self._recipe = recipe
        self._mined = mined
        self._mask = content_mask
        self._texts: OrderedDict[int, Passages] = OrderedDict()
        self._random = np.random.default_rng(recipe.seed)
        self._n_taken = 0
        self._pass: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))
        source = packed.document_source[packed.question_document]
        self._questions = [np.flatnonzero(source == i) for i in range(len(packed.sources))]
        weights = [
            recipe.sources.get(str(name), 1.0) if len(questions) else 0.0
            for name, questions in zip(packed.sources, self._questions, strict=True)
        ]
        self._weights = np.asarray(weights) / sum(weights)

    @property
    def state(self) -> dict[str, object]:
        """Where the random generator and the pass over the questions stand, as JSON holds it.

        Raises:
            TrainingError: When it is set to the state of a sampler of other data.
        """
        random = self._random.bit_generator.state
        return {**random, "n_taken": self._n_taken, "data": self._data}

    @state.setter
    def state(self, state: dict[str, object]) -> None:
        random = dict(state)
        if random.pop("data", self._data) != self._data:
            raise TrainingError(
                "The run was begun with other training files, or with them in another order.",
                "Give --data and --mined as at its beginning.",
            )
        self._n_taken = int(str(random.pop("n_taken", 0)))
        self._random.bit_generator.state = random

    @property
    def _data(self) -> str:
        """Names the data, and the hard negatives where there are any."""
        return self._packed.digest + (f"/{self._mined.name}" if self._mined else "")

    def batch(self, n_windows: int, n_tokens: int) -> list[Window]:
        """Draw windows of at most `n_tokens` tokens.

        Raises:
            TrainingError: When no answer fits into a window.
        """
        windows: list[Window] = []
        n_failed = 0
        while len(windows) < n_windows:
            window = self._window(n_tokens)
            if window is not None:
                windows.append(window)
                n_failed = 0
            elif (n_failed := n_failed + 1) == N_TRIES:
                raise TrainingError(
                    f"{N_TRIES:,} questions in a row do not fit into a window of {n_tokens} "
                    "tokens with their answer.",
                    "Raise [windows] n_tokens.",
                )
        return windows

    def next_question(self) -> int:
        """Drawn by the weight of its source, or the next one of a pass over all of them."""
        if not self._recipe.run.n_epochs:
            source = self._random.choice(len(self._weights), p=self._weights)
            return int(self._random.choice(self._questions[source]))
        number, place = divmod(self._n_taken, self._packed.n_questions)
        if self._pass[0] != number:
            order = np.random.default_rng([self._recipe.seed, number])
            self._pass = number, order.permutation(self._packed.n_questions)
        self._n_taken += 1
        return int(self._pass[1][place])

    def _window(self, n_tokens: int) -> Window | None:
        """One window; None where the draw cannot make one (an answer longer than the window)."""
        draw = self._draw()
        if not len(draw.text.starts):
            return None
        interval = self._recipe.model.question_interval or n_tokens
        n_question = len(draw.question_ids)
        n_readings = max(1, round(n_tokens / (interval + n_question)))
        budget = min(n_tokens - n_readings * n_question, n_readings * interval)
        chosen = self._choose(draw, budget)
        if chosen is None:
            return None
        window = self._assemble(draw, chosen, interval)
        # segments end with a sentence, so that a long window may need one more reading
        return window if len(window.token_ids) <= n_tokens else None

    def _draw(self) -> _Draw:
        """A question, the document it is put to, and what of it answers."""
        section = self._recipe.windows
        question, mined = self._mined_question() or (self.next_question(), _NONE)
        document = int(self._packed.question_document[question])
        relevant = self._packed.relevant_sentences(question)
        if self._random.random() < section.foreign_share:
            other = self._other_document(document)
            if other != document:
                document, relevant, mined = other, _NONE, _NONE
        removed = _NONE
        if self._random.random() < section.missing_share:
            removed, relevant = relevant, _NONE
        question_ids = self._packed.question(question)
        if limit := self._recipe.model.max_question_tokens:
            question_ids = question_ids[:limit]
        content = content_tokens(question_ids, self._mask)
        return _Draw(self._text(document), question_ids, content, relevant, removed, mined)

    def _mined_question(self) -> tuple[int, NDArray[np.int32]] | None:
        """A question with its hard negatives, as often as the recipe says."""
        if not self._mined or self._random.random() >= self._recipe.windows.mined_share:
            return None
        question = int(self._random.choice(self._mined.questions))
        return question, self._mined.of(question)

    def _choose(self, draw: _Draw, budget: int) -> NDArray[np.int64] | None:
        """Ids of the sentences of a window, in document order, within `budget` tokens."""
        text, removed = draw.text, draw.removed
        target = int(self._random.choice(draw.relevant)) if len(draw.relevant) else None
        if target is None and not self._recipe.windows.hard_share:
            target = int(self._random.integers(len(text.starts)))
        if target is not None and text.stops[target] - text.starts[target] > budget:
            return None
        hard_share = 1.0 if len(draw.mined) else self._recipe.windows.hard_share
        hard = target is None or self._random.random() < hard_share
        if not hard and target is not None:
            stretch = np.arange(*text.stretch(target, budget, self._random.random()))
            kept = np.setdiff1d(stretch, removed)
            return kept if len(kept) else None
        seeds = self._negatives(draw)
        if target is not None:
            seeds = np.concatenate([[target], seeds])
        taken = np.zeros(len(text.starts), dtype=np.bool_)
        n_taken = 0
        for seed in seeds:
            size = int(self._random.integers(*PASSAGE_TOKENS))
            # more of what comes before, where headings and column names stand
            first, last = text.stretch(int(seed), size, 0.7)
            new = np.setdiff1d(np.flatnonzero(~taken[first:last]) + first, removed)
            n_new = int((text.stops[new] - text.starts[new]).sum())
            if n_taken + n_new > budget:
                continue
            taken[new] = True
            n_taken += n_new
        chosen = np.flatnonzero(taken)
        return chosen if len(chosen) else None

    def _negatives(self, draw: _Draw) -> NDArray[np.int64]:
        """Sentences whose surroundings a hard window holds: mined ones first, shuffled."""
        excluded = np.union1d(draw.relevant, draw.removed)
        similar = draw.text.similar_sentences(draw.content, excluded, N_HARD, self._random)
        if not len(draw.mined):
            return similar
        return np.concatenate([self._random.permutation(draw.mined), similar])

    def _assemble(self, draw: _Draw, chosen: NDArray[np.int64], interval: int) -> Window:
        """Question, sentences, and the question again after each interval."""
        text, question_ids, content = draw.text, draw.question_ids, draw.content
        n_buckets = self._recipe.model.n_match_buckets
        buckets = rarity_buckets(content, text.counts, n_buckets)
        pieces, from_document, ends = [question_ids], [False], []
        length, n_since = len(question_ids), 0
        for sentence in chosen:
            tokens = text.tokens[text.starts[sentence] : text.stops[sentence]]
            if n_since and n_since + len(tokens) > interval:
                pieces.append(question_ids)
                from_document.append(False)
                length, n_since = length + len(question_ids), 0
            pieces.append(tokens)
            from_document.append(True)
            length, n_since = length + len(tokens), n_since + len(tokens)
            ends.append(length - 1)
        token_ids = np.concatenate(pieces).astype(np.int64)
        is_document = np.repeat(from_document, [len(piece) for piece in pieces])
        return Window(
            token_ids=token_ids,
            match=np.where(is_document, buckets[token_ids], n_buckets + 1 if n_buckets else 0),
            is_document=is_document,
            content=content,
            sentence_ends=np.asarray(ends, dtype=np.int64),
            labels=np.isin(chosen, draw.relevant).astype(np.float32),
            coverage=self._coverage(draw)[chosen],
        )

    def _coverage(self, draw: _Draw) -> NDArray[np.float32]:
        """(s, c) of every sentence of the document, as when it is read as a whole."""
        text = draw.text
        if self._vocabulary is None:
            return np.zeros((len(text.stops), 0), dtype=np.float32)
        words = covered_words(
            self._vocabulary, draw.content, text.tokens, text.stops, text.counts, draw.removed
        )
        return sentence_coverage(words, text.above)

    def _other_document(self, document: int) -> int:
        domain = self._packed.document_domain
        others = np.flatnonzero(domain == domain[document])
        return int(self._random.choice(others[others != document])) if len(others) > 1 else document

    def _text(self, document: int) -> Passages:
        if document in self._texts:
            self._texts.move_to_end(document)
            return self._texts[document]
        text = Passages.of(self._packed, document, len(self._mask))
        self._texts[document] = text
        if len(self._texts) > N_CACHED_DOCUMENTS:
            self._texts.popitem(last=False)
        return text
