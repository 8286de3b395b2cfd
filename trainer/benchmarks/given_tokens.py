"""Token ids and sentence ends as a published file gives them, for exact parity with the paper.

They hold for a checkpoint whose tokenizer makes the same ids of the question; any other cuts the
text into tokens of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from docqa.engine.retrievers.packing import TokenizedDocument

Encode = Callable[[str], list[int]]
"""Token ids of a text, without special ones."""


class GivenTokens:
    """A `TokenCache` of one document: the one that was read last."""

    def __init__(self) -> None:
        self._document_id = ""
        self._fields: Mapping[str, Any] = {}
        self._made: TokenizedDocument | None = None
        self.encode: Encode | None = None
        """The checkpoint's tokenizer, once it is loaded."""

    def keep(self, document_id: str, fields: Mapping[str, Any]) -> None:
        """Remember what the file says of a document: `input_ids`, `sentence_indices`, `question`,
        of which the first two count from the question on."""
        self._document_id, self._fields, self._made = document_id, fields, None

    def load_tokens(self, document_id: str, tokenizer_id: str) -> TokenizedDocument | None:
        """See `TokenCache`."""
        if document_id != self._document_id:
            return None
        if self._made is None:
            self._made = self._given()
        return self._made

    def save_tokens(self, document_id: str, tokenizer_id: str, tokens: TokenizedDocument) -> None:
        """See `TokenCache`: of a document read for several questions."""
        if document_id != self._document_id:
            self.keep(document_id, {})
        self._made = tokens

    def _given(self) -> TokenizedDocument | None:
        """The document's part of the file's tokens; None where they are another tokenizer's."""
        ids, ends = self._fields.get("input_ids"), self._fields.get("sentence_indices")
        if self.encode is None or not ids or not ends:
            return None
        question = self.encode(self._fields["question"] + "\n")
        n_question = len(question)
        if ids[:n_question] != question or not n_question <= ends[0] <= ends[-1] < len(ids):
            return None
        return TokenizedDocument(
            np.asarray(ids[n_question:], np.int32), np.asarray(ends, np.int32) - n_question
        )
