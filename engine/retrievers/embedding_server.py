"""A sentence encoder behind an OpenAI-compatible server: Ollama, llama-server, vLLM, OpenAI.

The server gets the question and every sentence of the documents, nobody else gets anything; see
`docqa.engine.generators.language_model.server_connection`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from docqa.engine.errors import DocqaError, EmbeddingError, GeneratorError, MissingError
from docqa.engine.generators.language_model import faults
from docqa.engine.generators.language_model.openai import MAX_WAIT_SECONDS, N_TRIES
from docqa.engine.generators.language_model.server_connection import Connection
from docqa.engine.generators.language_model.server_reply import Refusal, read_refusal, shortened
from docqa.engine.retrievers.embedding_retriever import Vectors
from docqa.engine.retrievers.retriever import EncoderOptions, IsCancelled, Scores

if TYPE_CHECKING:
    import httpx2

BATCH_SENTENCES = 32
OPTION = "--embedding-url"
MAX_NUMBER = float(np.finfo(np.float32).max)
"""Larger is no number of an embedding; so is NaN, which compares as false."""


class ServerEncoder:
    """An embedding model of a server. Its vectors are compared by their cosine."""

    device = "server"

    def __init__(self, options: EncoderOptions) -> None:
        """
        Args:
            options: Name the server and the model.

        Raises:
            ConfigError: When the address is none.
        """
        self.connection = Connection(
            options.base_url, options.api_key, options.timeout_seconds, option=OPTION
        )
        self.url = self.connection.url
        self.checkpoint = options.model
        self._n_dimensions: int | None = None
        """Known from the first vectors; all others must have as many."""

    def embed_question(self, question: str, is_cancelled: IsCancelled | None) -> Vectors:
        """See `Encoder.embed_question`."""
        return self._embed([question], is_cancelled)

    def embed_sentences(
        self, texts: Sequence[str], lengths: Sequence[int], is_cancelled: IsCancelled | None
    ) -> Vectors:
        """See `Encoder.embed_sentences`."""
        return self._embed(texts, is_cancelled)

    def compare(self, asked: Vectors, vectors: Vectors) -> Scores:
        """See `Encoder.compare`."""
        cosines: Scores = _unit(vectors) @ _unit(asked)[0]
        return cosines

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words: the protocol does not tell tokens before it is asked."""
        return [len(text.split()) for text in texts]

    def _embed(self, texts: Sequence[str], is_cancelled: IsCancelled | None) -> Vectors:
        """(s, d), batch by batch on one connection."""

        async def work(client: httpx2.AsyncClient) -> Vectors:
            begins = range(0, len(texts), BATCH_SENTENCES)
            batches = [
                await self._batch(client, texts[begin : begin + BATCH_SENTENCES])
                for begin in begins
            ]
            return np.concatenate(batches)

        try:
            return self.connection.run(work, is_cancelled)
        except GeneratorError as error:
            raise EmbeddingError(error.message, error.hint) from None

    async def _batch(self, client: httpx2.AsyncClient, texts: Sequence[str]) -> Vectors:
        """Send texts until the server takes them."""
        body = {"model": self.checkpoint, "input": list(texts), "encoding_format": "float"}
        n_tries = 0
        while True:
            n_tries += 1
            response = await client.post(f"{self.url}/embeddings", json=body)
            if response.status_code == 200:
                return self._read(response.text, len(texts))
            refusal = await read_refusal(response)
            wait = refusal.wait_seconds
            if n_tries == N_TRIES or wait is None or wait > MAX_WAIT_SECONDS:
                raise self._error(refusal)
            await asyncio.sleep(wait)

    def _read(self, text: str, n_texts: int) -> Vectors:
        """The vectors of a reply, in the order of the texts."""
        try:
            reply = json.loads(text)
        except ValueError:
            raise self._malformed(f"no JSON: {shortened(text)!r}") from None
        entries = reply.get("data") if isinstance(reply, dict) else None
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            raise self._malformed(shortened(text))
        if len(entries) != n_texts:
            raise self._malformed(f"{len(entries)} embeddings of {n_texts} texts")
        rows: list[Any] = [None] * n_texts
        for i, one in enumerate(entries):
            place = one.get("index", i)
            if not isinstance(place, int) or not 0 <= place < n_texts or rows[place] is not None:
                raise self._malformed(f"an embedding of text {place!r} of {n_texts}")
            rows[place] = one.get("embedding")
        if not all(map(_is_vector, rows)):
            raise self._malformed("an embedding that is no list of numbers")
        self._check_dimensions([len(row) for row in rows])
        return np.array(rows, np.float32)

    def _check_dimensions(self, found: list[int]) -> None:
        """One model's vectors are of one length; another length is another model's."""
        expected = self._n_dimensions or found[0]
        wrong = next((one for one in found if one != expected), None)
        if wrong is not None:
            raise EmbeddingError(
                f"{self.url} sent an embedding of {wrong:,} numbers after one of {expected:,}.",
                "It seems to have changed its model: start again with one that stays.",
            )
        self._n_dimensions = expected

    def _malformed(self, what: str) -> DocqaError:
        return faults.malformed(self.url, what, OPTION)

    def _error(self, refusal: Refusal) -> DocqaError:
        """The error for a reply without embeddings."""
        status, message = refusal.status, refusal.message
        if status in (401, 403):
            return faults.wrong_key(self.url, status, self.connection.has_key)
        if status == 404 and "model" in message.lower():
            return MissingError(
                f"The server at {self.url} has no model {self.checkpoint!r}: {message}",
                "Choose another: --embedding-model NAME",
            )
        if status == 404 or 300 <= status < 400:
            return self._malformed(f"HTTP {status} {message}".strip())
        if status == 429:
            busy = faults.too_busy(self.url, refusal.wait_seconds)
            return EmbeddingError(busy.message, "Start again later.")
        return faults.server_failed(self.url, status, message)


def _is_vector(row: Any) -> bool:
    return (
        isinstance(row, list)
        and bool(row)
        and all(isinstance(one, int | float) and abs(one) <= MAX_NUMBER for one in row)
    )


def _unit(vectors: Vectors) -> Vectors:
    """(s, d) of length 1; nothing stays nothing."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit
