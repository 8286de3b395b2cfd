"""Labelled documents and a recipe, small enough to train on in a test."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

PEOPLE = ["Ada", "Bo", "Cy", "Dan", "Eve", "Finn", "Gus", "Hal"]
THINGS = ["boat", "horse", "piano", "garden", "letter", "castle", "mirror", "lantern"]


def labelled_file(folder: Path, n_documents: int = 4) -> Path:
    """Documents of eight sentences, each the answer to one question."""
    path = folder / "people.train.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for d in range(n_documents):
            pairs = [(PEOPLE[i], THINGS[(i + d) % len(THINGS)]) for i in range(len(PEOPLE))]
            sentences = [f"{who} has the old {thing}." for who, thing in pairs]
            text = " ".join(sentences)
            questions = [
                {
                    "id": f"{d}-{i}",
                    "question": f"Who has the {thing}?",
                    "answers": [who],
                    "evidence": [[text.index(sentences[i]), text.index(sentences[i]) + 5]],
                    "answerable": True,
                }
                for i, (who, thing) in enumerate(pairs)
            ]
            record = {"doc_id": str(d), "source": "people", "domain": "x", "title": str(d)}
            file.write(json.dumps({**record, "text": text, "questions": questions}) + "\n")
    return path


def recipe_file(folder: Path, start: Path, **run: object) -> Path:
    """A recipe of a few steps; `run` changes its [run] table."""
    lines = [f'seed = 3\n[start]\ncheckpoint = "{start}"']
    lines.append("[model]\nn_match_buckets = 4\nquestion_interval = 96\nmax_question_tokens = 16")
    lines.append("[windows]\nn_tokens = 96\nbatch_size = 4\nlong_every = 3\nforeign_share = 0.1")
    lines.append("[optimizer]\nlearning_rate = 0.01\nembedding_learning_rate = 0.01")
    section = {"n_steps": 60, "evaluate_every": 1000, "save_every": 5, "bf16": False, **run}
    lines.append("[run]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in section.items()))
    path = folder / "recipe.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def neox_like_tokenizer() -> Tokenizer:
    """Every byte is a token, with the ids that gpt-neox-20b gives to single bytes.

    Its vocabulary has no bytes that never occur in UTF-8, and begins with two special tokens.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    never = {0xC0, 0xC1, *range(0xF5, 0x100)}
    tokens = ["<|endoftext|>", "<|padding|>"]
    tokens += [chr(byte) for byte in printable if byte not in never]
    others = [byte for byte in range(0x100) if byte not in printable]
    tokens += [chr(0x100 + i) for i in range(len(others))]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(BPE(vocabulary, []))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    return tokenizer
