"""The presets of encoders, on tiny models, against pooling that is computed by hand."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from docqa.app.options import EMBEDDING_PRESETS
from docqa.engine.errors import CheckpointError, ConfigError, MissingError
from docqa.engine.ingest.documents import document_from_text
from docqa.engine.retrievers.embedding_presets import INSTRUCTION, PRESET_NAMES, find_preset
from docqa.engine.retrievers.embedding_retriever import EmbeddingRetriever
from docqa.engine.retrievers.retriever import EncoderOptions, load_retriever
from docqa.engine.retrievers.sentence_encoder import SentenceEncoder
from docqa.trainer.answers.run_file import read_run
from tests.conftest import Run

transformers = pytest.importorskip("transformers", reason="docqa[embedding] is not installed")
sentence_transformers = pytest.importorskip("sentence_transformers")

QUESTION = "When does the ferry leave the harbour?"
DOCUMENT = document_from_text(
    "The ferry leaves at nine. Tickets are sold on the quay and, in winter, at the office too. "
    "Dogs ride free. The harbour is old.",
    title="ferries",
)
SENTENCES = [DOCUMENT.sentence_text(i) for i in range(len(DOCUMENT.sentences))]
N_HIDDEN = 16


def save_tokenizer(folder: Path, first: str, last: str) -> None:
    """WordPiece over single characters, with these tokens around a text."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    letters = [chr(code) for code in range(33, 127)]
    special = list(dict.fromkeys(("[PAD]", "[UNK]", first, last)))
    pieces = [*special, *letters, *(f"##{one}" for one in letters)]
    vocabulary = {piece: i for i, piece in enumerate(piece for piece in pieces if piece)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}".strip(),
        special_tokens=[(one, vocabulary[one]) for one in (first, last) if one],
    )
    names = {"unk_token": "[UNK]"}
    names |= {"cls_token": first, "sep_token": last} if last else {"bos_token": first}
    names |= {"pad_token": "[PAD]"} if last else {"eos_token": "[PAD]"}
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    fast.save_pretrained(folder)


def save_bert(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=200,
        hidden_size=N_HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=256,
        initializer_range=0.5,
    )
    transformers.BertModel(config, add_pooling_layer=False).eval().save_pretrained(folder)
    save_tokenizer(folder, "[CLS]", "[SEP]")
    return folder


def save_mistral(folder: Path) -> Path:
    torch.manual_seed(0)
    config = transformers.MistralConfig(
        vocab_size=200,
        hidden_size=N_HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=32,
        initializer_range=0.5,
        sliding_window=4096,
    )
    transformers.MistralForCausalLM(config).eval().save_pretrained(folder)
    save_tokenizer(folder, "<s>", "")
    return folder


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    return save_bert(tmp_path / "bert")


def hidden(folder: Path, text: str, **inputs: Any) -> torch.Tensor:
    """(t, d) the last states of one text, without any padding."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager")
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    with torch.no_grad():
        states: torch.Tensor = model(ids, **{k: f(ids) for k, f in inputs.items()})
    return states.last_hidden_state[0]


def scored(folder: Path, preset: str) -> np.ndarray:
    """The preset's scores; in batches with padding, and one by one without any."""
    encoder = SentenceEncoder.load(folder, preset=preset, device="cpu")
    assert encoder.checkpoint == f"{folder.name} ({preset})"
    together = EmbeddingRetriever(encoder).score(QUESTION, DOCUMENT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("docqa.engine.retrievers.sentence_encoder.BATCH_SENTENCES", 1)
        alone = EmbeddingRetriever(encoder).score(QUESTION, DOCUMENT)
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-5)
    return together


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(a @ b / a.norm() / b.norm())


# What each preset computes


def test_contriever_is_the_dot_product_of_means(bert: Path) -> None:
    asked = hidden(bert, QUESTION).mean(0)
    expected = [float(asked @ hidden(bert, text).mean(0)) for text in SENTENCES]
    np.testing.assert_allclose(scored(bert, "contriever"), expected, rtol=1e-4)


def test_dragon_has_an_encoder_for_questions_and_one_for_sentences(tmp_path: Path) -> None:
    asks = save_bert(tmp_path / "dragon" / "question", seed=1)
    reads = save_bert(tmp_path / "dragon" / "context", seed=2)
    asked = hidden(asks, QUESTION)[0]
    expected = [float(asked @ hidden(reads, text)[0]) for text in SENTENCES]
    np.testing.assert_allclose(scored(tmp_path / "dragon", "dragon"), expected, rtol=1e-4)


def test_gritlm_looks_both_ways_and_leaves_the_instruction_out_of_the_mean(tmp_path: Path) -> None:
    folder = save_mistral(tmp_path / "gritlm")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

    def embedded(prefix: str, text: str) -> torch.Tensor:
        both_ways = {"attention_mask": lambda ids: torch.zeros(1, 1, ids.shape[1], ids.shape[1])}
        states = hidden(folder, prefix + text, **both_ways)
        return states[len(tokenizer(prefix)["input_ids"]) :].mean(0)

    asked = embedded(f"<|user|>\n{INSTRUCTION}\n<|embed|>\n", QUESTION)
    expected = [cosine(asked, embedded("<|embed|>\n", text)) for text in SENTENCES]
    one_way = [cosine(asked, hidden(folder, "<|embed|>\n" + text).mean(0)) for text in SENTENCES]
    np.testing.assert_allclose(scored(folder, "gritlm"), expected, atol=1e-5)
    assert not np.allclose(expected, one_way, atol=1e-2)


@pytest.mark.parametrize(
    ("preset", "before_question", "before_sentence", "pooled"),
    [
        ("e5", "query: ", "passage: ", lambda states: states.mean(0)),
        (
            "bge",
            "Represent this sentence for searching relevant passages: ",
            "",
            lambda states: states[0],
        ),
    ],
)
def test_prefixes_stand_before_the_texts(
    preset: str,
    before_question: str,
    before_sentence: str,
    pooled: Callable[[torch.Tensor], torch.Tensor],
    bert: Path,
) -> None:
    asked = pooled(hidden(bert, before_question + QUESTION))
    expected = [cosine(asked, pooled(hidden(bert, before_sentence + one))) for one in SENTENCES]
    np.testing.assert_allclose(scored(bert, preset), expected, atol=1e-5)


@pytest.mark.parametrize("says_prompts", [True, False])
def test_a_folder_of_sentence_transformers_keeps_its_modules(
    says_prompts: bool, bert: Path, tmp_path: Path
) -> None:
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    prompts = {"query": "ask ", "document": "read "} if says_prompts else None
    modules = [Transformer(str(bert)), Pooling(N_HIDDEN, pooling_mode="cls")]
    sentence_transformers.SentenceTransformer(
        modules=modules, device="cpu", prompts=prompts, similarity_fn_name="dot"
    ).save(str(tmp_path / "own"))
    ask, read = ("ask ", "read ") if says_prompts else ("query: ", "passage: ")
    asked = hidden(bert, ask + QUESTION)[0]
    expected = [float(asked @ hidden(bert, read + text)[0]) for text in SENTENCES]
    np.testing.assert_allclose(scored(tmp_path / "own", "e5"), expected, rtol=1e-4)


# Loading


def test_weights_in_a_pickle_are_converted_once(bert: Path) -> None:
    expected = scored(bert, "contriever")
    tensors = load_file(bert / "model.safetensors")
    torch.save(tensors, bert / "pytorch_model.bin")
    (bert / "model.safetensors").unlink()
    assert (scored(bert, "contriever") == expected).all()
    assert load_file(bert / "model.safetensors").keys() == tensors.keys()
    (bert / "pytorch_model.bin").write_bytes(b"not looked at again")
    assert (scored(bert, "contriever") == expected).all()


class Deletes:
    def __reduce__(self) -> Any:
        return (shutil.rmtree, ("/nonexistent",))


def test_a_pickle_with_code_is_refused(bert: Path) -> None:
    (bert / "model.safetensors").unlink()
    torch.save({"embeddings": Deletes()}, bert / "pytorch_model.bin", pickle_module=pickle)
    with pytest.raises(CheckpointError, match=r"asks for shutil\.rmtree"):
        SentenceEncoder.load(bert, preset="contriever", device="cpu")
    assert not (bert / "model.safetensors").exists()


def test_missing_weights_are_not_drawn_by_lot(bert: Path) -> None:
    tensors = load_file(bert / "model.safetensors")
    lost = "encoder.layer.1.output.dense.weight"
    del tensors[lost]
    save_file(tensors, bert / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=f"lacks 1 of the encoder's weights, such as {lost}"):
        SentenceEncoder.load(bert, preset="contriever", device="cpu")


@pytest.mark.parametrize("is_known", [True, False])
def test_code_in_a_folder_does_not_run(is_known: bool, bert: Path) -> None:
    (bert / "own.py").write_text("raise SystemExit('its code ran')\n")
    config = json.loads((bert / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "own.Config", "AutoModel": "own.Model"}
    config["model_type"] = "bert" if is_known else "own"
    (bert / "config.json").write_text(json.dumps(config))
    if is_known:  # then the library's own code does
        assert scored(bert, "contriever").shape == (len(SENTENCES),)
        return
    with pytest.raises(CheckpointError, match="Cannot load the encoder in"):
        SentenceEncoder.load(bert, preset="contriever", device="cpu")


def test_a_preset_without_its_folder_says_what_to_download(bert: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="contriever needs a folder") as caught:
        load_retriever("fusion", device="cpu", encoder=EncoderOptions(preset="contriever"))
    assert caught.value.hint == (
        "Download it and name it: hf download facebook/contriever --local-dir contriever; "
        "then --checkpoint contriever"
    )
    bert.rename(tmp_path / "question")
    with pytest.raises(MissingError, match=r"finds no folder .*context") as caught:
        SentenceEncoder.load(tmp_path, preset="dragon")
    context = tmp_path / "context"
    assert f"facebook/dragon-plus-context-encoder --local-dir {context}" in caught.value.hint
    with pytest.raises(ConfigError, match="No encoder preset 'sbert'"):
        SentenceEncoder.load(tmp_path, preset="sbert")


# From the command line


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    start = DOCUMENT.text.index("The ferry")
    question = {"id": "q", "question": QUESTION, "evidence": [[start, start + 9]]}
    line = {"doc_id": "ferries", "text": DOCUMENT.text, "questions": [question]}
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(line) + "\n", encoding="utf-8")
    return path


def test_the_benchmarks_take_a_preset(docqa: Run, bert: Path, labelled: Path) -> None:
    chosen = ["--retriever", "embedding", "--embedding-preset", "contriever", "--device", "cpu"]
    chosen += ["--checkpoint", str(bert), "--data", str(labelled), "--json", "--quiet"]
    benched = docqa("bench", "retrieval", *chosen)
    assert benched.exit_code == 0, benched.stderr
    report = json.loads(benched.stdout)
    assert report["checkpoint"] == "bert (contriever)"
    rank = 1 + int((scored(bert, "contriever") > scored(bert, "contriever")[0]).sum())
    assert report["overall"]["mrr"] == pytest.approx(1 / rank)

    answered = docqa("bench", "answer", "--run", "run.db", *chosen)
    assert answered.exit_code == 0, answered.stderr
    settings = read_run(Path("run.db")).settings
    assert settings["checkpoint"] == "bert (contriever)"
    assert len(settings["checkpoint_sha256"]) == 64


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--embedding-preset", "dragon"], 3, "dragon-plus-query-encoder --local-dir dragon/ques"),
        (["--embedding-preset", "e5", "--checkpoint", "e5"], 3, "finds no folder e5"),
        (["--embedding-preset", "e5", "--embedding-url", "http://x/v1"], 2, "Choose one."),
        (["--embedding-url", "http://x/v1"], 2, "Add --embedding-model NAME"),
        (["--embedding-model", "x"], 2, "Add --embedding-url URL"),
        (["--embedding-preset", "e5", "--retriever", "bm25"], 2, "Add --retriever embedding"),
        (
            ["--embedding-url", "http://x/v1", "--embedding-model", "x", "--checkpoint", "y"],
            2,
            "The checkpoint y has no use",
        ),
    ],
)
def test_options_that_cannot_be_together(
    options: list[str], code: int, said: str, docqa: Run, labelled: Path
) -> None:
    told = ["--data", str(labelled), "--retriever", "fusion", *options]
    benched = docqa("bench", "retrieval", *told)
    assert (benched.exit_code, said in benched.stderr) == (code, True), benched.stderr


def test_the_command_line_knows_every_preset() -> None:
    assert EMBEDDING_PRESETS == PRESET_NAMES
    assert [find_preset(name).name for name in PRESET_NAMES] == list(PRESET_NAMES)
