"""The seed's training data: examples that are token ids already (arXiv 2504.03101).

A file is JSON Lines, plain or gzip, or a stream of pickled dicts, one example each:
    {"input_ids", "sentence_indices", "sentence_labels", "context", "datapoint_id"}
`input_ids` are the question, a line break and the document, by the tokenizer of gpt-neox-20b;
`sentence_indices` the last token of each sentence in them, `sentence_labels` 1 where it answers.
The ids are taken as they are: no tokenizer is run again, and `context` is not needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from docqa.engine.errors import TrainingError
from docqa.trainer.dataset import read_lines
from docqa.trainer.retriever.plain_pickle import read_plain_pickles

PICKLES = (".pickle", ".pkl")
LINE_BREAK = 187
"""Token id of a line break in the vocabulary of gpt-neox-20b."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question and a document as token ids."""

    source: str
    question_ids: NDArray[np.int32]
    """With the line break at its end."""
    document_ids: NDArray[np.int32]
    sentence_ends: NDArray[np.int32]
    """(s,) last token in the document of each sentence."""
    relevant: NDArray[np.int32]
    """(r,) ids of the sentences that answer."""


def holds_token_ids(path: Path) -> bool:
    """Whether a file of training data is of this form."""
    if path.suffix in PICKLES:
        return True
    return '"input_ids"' in next(read_lines(path), "")


def read_examples(path: Path, tokenizer: Tokenizer) -> Iterator[Example]:
    """Stream the examples of a file.

    Raises:
        TrainingError: When the ids cannot be the tokenizer's, or an example is not of the format.
    """
    if tokenizer.encode("\n", add_special_tokens=False).ids != [LINE_BREAK]:
        raise TrainingError(
            f"{path} holds token ids of gpt-neox-20b, but the checkpoint has another tokenizer.",
            "Begin with a checkpoint that has it: --init mamba2-130m.",
        )
    is_pickle = path.suffix in PICKLES
    records = read_plain_pickles(path) if is_pickle else filter(str.strip, read_lines(path))
    for number, record in enumerate(records, 1):
        try:
            fields = record if is_pickle else json.loads(record)
            yield _example(fields, path, tokenizer.get_vocab_size())
        except (KeyError, TypeError, ValueError) as error:
            raise TrainingError(
                f"{path}, example {number}: {type(error).__name__}: {error}.",
                "See trainer/retriever/seed_data.py for the format.",
            ) from error


def _example(record: Any, path: Path, n_vocabulary: int) -> Example:
    ids = _ids(record, "input_ids")
    ends = _ids(record, "sentence_indices")
    labels = _ids(record, "sentence_labels")
    if len(ends) != len(labels):
        raise ValueError(f"{len(ends)} sentence_indices, but {len(labels)} sentence_labels")
    if not len(ends) or (np.diff(ends) < 0).any() or ends[0] < 0 or ends[-1] >= len(ids):
        raise ValueError(f"sentence_indices do not ascend within {len(ids)} input_ids")
    if ids.min() < 0 or ids.max() >= n_vocabulary:
        raise ValueError(f"token id {ids.max()} outside a vocabulary of {n_vocabulary}")
    (breaks,) = np.nonzero(ids[: ends[0]] == LINE_BREAK)
    if not len(breaks):
        raise ValueError("no line break between question and first sentence")
    n_question = int(breaks[0]) + 1
    return Example(
        source=path.name.split(".")[0],
        question_ids=ids[:n_question],
        document_ids=ids[n_question:],
        sentence_ends=ends - np.int32(n_question),
        relevant=np.flatnonzero(labels).astype(np.int32),
    )


def _ids(record: Any, name: str) -> NDArray[np.int32]:
    values = np.asarray(record[name])
    if values.ndim != 1 or (len(values) and values.dtype.kind not in "iub"):
        raise TypeError(f"{name} is no list of integers")
    return values.astype(np.int32)
