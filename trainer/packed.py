"""Training data as flat arrays of token ids: read once, then windows are cut without any parsing.

A file of 22 million tokens takes 44 MB as uint16, so that a whole corpus travels in one small file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from docqa.engine.errors import TrainingError
from docqa.engine.packing import tokenize_document
from docqa.engine.sentences import SEGMENTER
from docqa.trainer.dataset import read_documents

OnFile = Callable[[str, int], None]
"""Called with the file's name and the documents packed so far."""


@dataclass(frozen=True)
class PackedData:
    """Documents and questions of several sources, one array for each column.

    `*_starts` columns hold n + 1 offsets into the column they cut.
    """

    token_ids: NDArray[np.unsignedinteger[Any]]
    document_starts: NDArray[np.int64]
    sentence_ends: NDArray[np.int32]
    """Token index in its document of each sentence's last token."""
    sentence_starts: NDArray[np.int64]
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

    def question(self, question: int) -> NDArray[np.int32]:
        """(q,) token ids of a question."""
        start, end = self.question_starts[question : question + 2]
        return self.question_ids[start:end].astype(np.int32)

    def relevant_sentences(self, question: int) -> NDArray[np.int32]:
        """(r,) ids of the sentences that answer a question."""
        start, end = self.relevant_starts[question : question + 2]
        return self.relevant[start:end]

    def save(self, path: Path) -> None:
        """Write all columns to one .npz file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".part")
        with partial.open("wb") as file:
            np.savez(file, **{f.name: getattr(self, f.name) for f in fields(self)})
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> PackedData:
        """Read what `save` wrote; never unpickles."""
        with np.load(path, allow_pickle=False) as columns:
            return cls(**{f.name: columns[f.name] for f in fields(cls)})


def fingerprint(files: Sequence[Path], tokenizer: Tokenizer) -> str:
    """Names the packed form of these files: changes with their bytes, tokenizer or segmenter."""
    digest = hashlib.sha256(SEGMENTER.encode() + tokenizer.to_str().encode())
    for file in files:
        if not file.is_file():
            raise TrainingError(f"No data file {file}.", "Give JSON Lines, plain or gzip.")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def pack(files: Sequence[Path], tokenizer: Tokenizer, on_file: OnFile | None = None) -> PackedData:
    """Tokenize files of labelled documents.

    Raises:
        TrainingError: When a file cannot be read or holds no document.
    """
    dtype: type[np.unsignedinteger[Any]] = (
        np.uint16 if tokenizer.get_vocab_size() <= 2**16 else np.uint32
    )
    columns: dict[str, list[NDArray[np.int32]]] = {
        name: [] for name in ("token_ids", "sentence_ends", "question_ids", "relevant")
    }
    document_source, document_domain, question_document = [], [], []
    sources: dict[str, int] = {}
    domains: dict[str, int] = {}
    for file in files:
        for labelled in read_documents(file):
            document = tokenize_document(labelled.document, tokenizer)
            columns["token_ids"].append(document.token_ids)
            columns["sentence_ends"].append(document.sentence_ends)
            document_source.append(sources.setdefault(labelled.source, len(sources)))
            document_domain.append(domains.setdefault(labelled.domain, len(domains)))
            texts = [question.question for question in labelled.questions]
            for encoding in tokenizer.encode_batch(texts, add_special_tokens=False):
                columns["question_ids"].append(np.asarray(encoding.ids, np.int32))
                question_document.append(len(document_source) - 1)
            for question in labelled.questions:
                ids = {i for span in question.evidence for i in labelled.sentences_of(span)}
                columns["relevant"].append(np.asarray(sorted(ids), np.int32))
            if on_file:
                on_file(file.name, len(document_source))
    if not document_source:
        raise TrainingError(f"No documents in {', '.join(map(str, files))}.")
    flat = {name: _concatenate(rows) for name, rows in columns.items()}
    starts = {name: _offsets(rows) for name, rows in columns.items()}
    return PackedData(
        token_ids=flat["token_ids"].astype(dtype),
        document_starts=starts["token_ids"],
        sentence_ends=flat["sentence_ends"],
        sentence_starts=starts["sentence_ends"],
        document_source=np.asarray(document_source, np.int32),
        document_domain=np.asarray(document_domain, np.int32),
        question_ids=flat["question_ids"].astype(dtype),
        question_starts=starts["question_ids"],
        question_document=np.asarray(question_document, np.int32),
        relevant=flat["relevant"],
        relevant_starts=starts["relevant"],
        sources=np.asarray(list(sources)),
        domains=np.asarray(list(domains)),
    )


def pack_cached(
    files: Sequence[Path], tokenizer: Tokenizer, folder: Path, on_file: OnFile | None = None
) -> PackedData:
    """`pack`, kept in `folder` for the next run on the same files."""
    path = folder / f"packed-{fingerprint(files, tokenizer)}.npz"
    if not path.is_file():
        pack(files, tokenizer, on_file).save(path)
    return PackedData.load(path)


def _concatenate(rows: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    return np.concatenate(rows) if rows else np.empty(0, np.int32)


def _offsets(rows: list[NDArray[np.int32]]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
