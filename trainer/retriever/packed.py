"""Training data as flat arrays of token ids: read once, then windows are cut without any parsing.

A file of 22 million tokens takes 44 MB as uint16, so that a whole corpus travels in one small file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from docqa.engine.errors import TrainingError
from docqa.engine.ingest.sentences import SEGMENTER
from docqa.engine.question.wording import in_words_of
from docqa.engine.retrievers.packing import tokenize_document
from docqa.trainer.dataset import read_documents
from docqa.trainer.flat_columns import FlatColumns, fingerprint
from docqa.trainer.retriever.seed_data import Example, holds_token_ids, read_examples

PACKER = "docqa-packed/4"
"""Names how documents and questions are packed; questions are put in the document's words, as when
they are asked."""

OnFile = Callable[[str, int], None]
"""Called with the file's name and the documents packed so far."""


@dataclass(frozen=True)
class PackedData(FlatColumns):
    """Documents and questions of several sources, one array for each column.

    `*_starts` columns hold n + 1 offsets into the column they cut.
    """

    token_ids: NDArray[np.unsignedinteger[Any]]
    document_starts: NDArray[np.int64]
    sentence_ends: NDArray[np.int32]
    """Token index in its document of each sentence's last token."""
    sentence_starts: NDArray[np.int64]
    sentence_above: NDArray[np.int32]
    """(s, 2) `TokenizedDocument.above` of each document's sentences."""
    document_source: NDArray[np.int32]
    document_domain: NDArray[np.int32]
    question_ids: NDArray[np.unsignedinteger[Any]]
    question_starts: NDArray[np.int64]
    question_document: NDArray[np.int32]
    relevant: NDArray[np.int32]
    """Sentence ids in the question's document; none for a question without an answer."""
    relevant_starts: NDArray[np.int64]
    sources: NDArray[Any]
    """Names of the sources, as str."""
    domains: NDArray[Any]

    @property
    def digest(self) -> str:
        """Tells these data from others, and from the same in another order."""
        return hashlib.sha256(self.document_starts.tobytes() + self.relevant.tobytes()).hexdigest()

    @property
    def n_documents(self) -> int:
        return len(self.document_starts) - 1

    @property
    def n_questions(self) -> int:
        return len(self.question_document)

    def tokens(self, document: int) -> NDArray[np.int32]:
        """(l,) token ids of a document."""
        start, end = self.document_starts[document : document + 2]
        return self.token_ids[start:end].astype(np.int32)

    def ends(self, document: int) -> NDArray[np.int32]:
        """(s,) last token of each sentence of a document."""
        start, end = self.sentence_starts[document : document + 2]
        return self.sentence_ends[start:end]

    def above(self, document: int) -> NDArray[np.int32]:
        """(s, 2) ids of what stands above each sentence of a document."""
        start, end = self.sentence_starts[document : document + 2]
        return self.sentence_above[start:end]

    def question(self, question: int) -> NDArray[np.int32]:
        """(q,) token ids of a question."""
        start, end = self.question_starts[question : question + 2]
        return self.question_ids[start:end].astype(np.int32)

    def relevant_sentences(self, question: int) -> NDArray[np.int32]:
        """(r,) ids of the sentences that answer a question."""
        start, end = self.relevant_starts[question : question + 2]
        return self.relevant[start:end]


def pack(
    files: Sequence[Path],
    tokenizer: Tokenizer,
    on_file: OnFile | None = None,
    question_end: str = "",
) -> PackedData:
    """Tokenize files of labelled documents; files of token ids are taken as they are.

    Args:
        files: JSON Lines of either kind, or pickles of token ids.
        tokenizer: Of the checkpoint.
        on_file: Called after each document.
        question_end: What stands between a question and the document, `\\n` or nothing.

    Raises:
        TrainingError: When a file cannot be read or holds no document.
    """
    columns = _Columns()
    for file in files:
        rows: Iterator[_Row]
        if holds_token_ids(file):
            rows = (_tokenized(one, question_end) for one in read_examples(file, tokenizer))
        else:
            rows = _tokenize(file, tokenizer, question_end)
        for row in rows:
            columns.add(row)
            if on_file:
                on_file(file.name, len(columns.document_source))
    if not columns.document_source:
        raise TrainingError(f"No documents in {', '.join(map(str, files))}.")
    return columns.packed(np.uint16 if tokenizer.get_vocab_size() <= 2**16 else np.uint32)


def pack_cached(
    files: Sequence[Path],
    tokenizer: Tokenizer,
    folder: Path,
    on_file: OnFile | None = None,
    question_end: str = "",
) -> PackedData:
    """`pack`, kept in `folder` for the next run on the same files.

    What it keeps can be given instead of the files, where those are not at hand.
    """
    if [file.suffix for file in files] == [".npz"]:
        return _packed_elsewhere(files[0], tokenizer)
    made_with = (PACKER, SEGMENTER, tokenizer.to_str(), question_end)
    path = folder / f"packed-{fingerprint(files, *made_with)}.npz"
    if not path.is_file():
        pack(files, tokenizer, on_file, question_end).save(path)
    return PackedData.load(path)


def _packed_elsewhere(path: Path, tokenizer: Tokenizer) -> PackedData:
    try:
        packed = PackedData.load(path)
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(f"{path} holds no packed data: {error}.") from error
    highest, n_tokens = int(packed.token_ids.max()), tokenizer.get_vocab_size()
    if highest >= n_tokens:
        raise TrainingError(
            f"{path} has token {highest}, the tokenizer of this recipe {n_tokens} tokens.",
            "Pack the files anew: give them as --data.",
        )
    return packed


Ids = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class _Row:
    """A document with its questions, as token ids."""

    source: str
    domain: str
    token_ids: Ids
    sentence_ends: Ids
    above: Ids | None
    questions: list[Ids]
    relevant: list[Ids]
    """For each question, the ids of the sentences that answer it."""


def _tokenize(file: Path, tokenizer: Tokenizer, question_end: str) -> Iterator[_Row]:
    for labelled in read_documents(file):
        document = tokenize_document(labelled.document, tokenizer)
        texts = [
            in_words_of(labelled.document, question.question) + question_end
            for question in labelled.questions
        ]
        ids = [
            sorted({i for span in question.evidence for i in labelled.sentences_of(span)})
            for question in labelled.questions
        ]
        yield _Row(
            labelled.source,
            labelled.domain,
            document.token_ids,
            document.sentence_ends,
            document.above,
            [
                np.asarray(encoding.ids, np.int32)
                for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)
            ],
            [np.asarray(one, np.int32) for one in ids],
        )


def _tokenized(example: Example, question_end: str) -> _Row:
    """An example of the published data; its question ends with a line break."""
    question = example.question_ids if question_end else example.question_ids[:-1]
    return _Row(
        example.source,
        example.source,
        example.document_ids,
        example.sentence_ends,
        None,
        [question],
        [example.relevant],
    )


@dataclass(frozen=True, slots=True)
class _Columns:
    """`PackedData` while it grows."""

    token_ids: list[Ids] = field(default_factory=list)
    sentence_ends: list[Ids] = field(default_factory=list)
    sentence_above: list[Ids] = field(default_factory=list)
    question_ids: list[Ids] = field(default_factory=list)
    relevant: list[Ids] = field(default_factory=list)
    question_document: list[int] = field(default_factory=list)
    document_source: list[int] = field(default_factory=list)
    document_domain: list[int] = field(default_factory=list)
    sources: dict[str, int] = field(default_factory=dict)
    domains: dict[str, int] = field(default_factory=dict)

    def add(self, row: _Row) -> None:
        """Append a document."""
        self.question_document.extend([len(self.document_source)] * len(row.questions))
        self.document_source.append(self.sources.setdefault(row.source, len(self.sources)))
        self.document_domain.append(self.domains.setdefault(row.domain, len(self.domains)))
        self.token_ids.append(row.token_ids)
        self.sentence_ends.append(row.sentence_ends)
        unknown = np.full((len(row.sentence_ends), 2), -1, np.int32)
        self.sentence_above.append(unknown if row.above is None else row.above)
        self.question_ids.extend(row.questions)
        self.relevant.extend(row.relevant)

    def packed(self, dtype: type[np.unsignedinteger[Any]]) -> PackedData:
        """All that was added, token ids as `dtype`."""
        return PackedData(
            token_ids=_concatenate(self.token_ids).astype(dtype),
            document_starts=_offsets(self.token_ids),
            sentence_ends=_concatenate(self.sentence_ends),
            sentence_starts=_offsets(self.sentence_ends),
            sentence_above=np.concatenate(self.sentence_above),
            document_source=np.asarray(self.document_source, np.int32),
            document_domain=np.asarray(self.document_domain, np.int32),
            question_ids=_concatenate(self.question_ids).astype(dtype),
            question_starts=_offsets(self.question_ids),
            question_document=np.asarray(self.question_document, np.int32),
            relevant=_concatenate(self.relevant),
            relevant_starts=_offsets(self.relevant),
            sources=np.asarray(list(self.sources)),
            domains=np.asarray(list(self.domains)),
        )


def _concatenate(rows: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    return np.concatenate(rows) if rows else np.empty(0, np.int32)


def _offsets(rows: list[NDArray[np.int32]]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
