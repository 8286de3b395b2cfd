"""A real GGUF, written by the tests: a llama whose weights spell out what it says.

Its embeddings are one-hot and its layer adds nothing, so the output matrix is a table of which
token follows which. Any prompt ends with the token that opens the answer; from there the chain
of the reply begins. The vocabulary is a trained byte-pair vocabulary plus the pieces of the reply.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

TEXT = """We make widgets. Jane Doe is our chief executive. Total revenue was $12.5 million in 2021.
You answer questions about documents from numbered evidence: sentences and table rows."""
END, OPEN, ANSWER = "<|end|>", "<|open|>", "<|answer|>"
TEMPLATE = (
    "{% for message in messages %}<|open|>{{ message.role }}\n{{ message.content }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|answer|>{% endif %}"
)


def pieces_of(reply: str, n_characters: int = 4) -> list[str]:
    """A text in pieces of which no two are the same: each is a token of its own."""
    pieces: list[str] = []
    while reply:
        n = n_characters
        while reply[:n] in pieces and n < len(reply):
            n += 1
        pieces.append(reply[:n])
        reply = reply[n:]
    return pieces


def write_gguf(
    path: Path,
    reply: str | Sequence[bytes],
    *,
    forever: bool = False,
    context_tokens: int = 4096,
    template: str | None = TEMPLATE,
    width: int = 64,
    embeds: bool = False,
) -> Path:
    """Write a model that says one thing.

    Args:
        path: Where to.
        reply: What it says, or the tokens of it as bytes.
        forever: Say it over and over instead of ending.
        context_tokens: The window it claims to be trained for.
        template: Its chat template; None = none.
        width: Of its hidden layer, which does nothing but cost time.
        embeds: Give a text's embedding as the mean over its tokens, which makes it the share that
            each token has in the text.
    """
    import gguf  # of the extra llama-tests

    pieces = pieces_of(reply) if isinstance(reply, str) else list(reply)
    base, merges = _trained_vocabulary()
    specials = [END, OPEN, ANSWER]
    tokens = [*base, *specials, *(one for one in map(_as_bytes, pieces) if one not in base)]
    place = {token: i for i, token in enumerate(tokens)}
    chain = [place[ANSWER], *(place[_as_bytes(one)] for one in pieces)]
    chain.append(chain[1] if forever else place[END])

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Tiny")
    writer.add_context_length(context_tokens)
    hidden = -(-len(tokens) // 32) * 32
    writer.add_embedding_length(hidden)
    writer.add_block_count(1)
    writer.add_feed_forward_length(width)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(hidden)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(
        [gguf.TokenType.CONTROL if token in specials else gguf.TokenType.NORMAL for token in tokens]
    )
    writer.add_token_merges(merges)
    writer.add_eos_token_id(place[END])
    writer.add_add_bos_token(False)
    if embeds:
        writer.add_pooling_type(gguf.PoolingType.MEAN)
    if template is not None:
        writer.add_chat_template(template)
    for name, tensor in _weights(hidden, width, len(tokens), chain).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _trained_vocabulary() -> tuple[list[str], list[str]]:
    import json

    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    trainer = BpeTrainer(vocab_size=320, initial_alphabet=ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator([TEXT], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    ordered = sorted(model["vocab"], key=model["vocab"].__getitem__)
    return ordered, [" ".join(pair) for pair in model["merges"]]


def _as_bytes(text: str | bytes) -> str:
    """A text in the characters that stand for its bytes in such a vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    table = {byte: chr(byte) for byte in plain}
    table |= {byte: chr(256 + n) for n, byte in enumerate(others)}
    return "".join(table[byte] for byte in (text.encode() if isinstance(text, str) else text))


def _weights(
    hidden: int, width: int, n_tokens: int, chain: Sequence[int]
) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    def zeros(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.zeros(shape, np.float32)

    follows = zeros(n_tokens, hidden)
    follows[chain[1], :] = 0.5  # whatever comes without a successor begins the reply
    for token, following in itertools.pairwise(chain):
        follows[:, token] = 0
        follows[following, token] = 1
    block = {
        **{f"attn_{part}.weight": zeros(hidden, hidden) for part in ("q", "k", "v", "output")},
        "attn_norm.weight": np.ones(hidden, np.float32),
        "ffn_norm.weight": np.ones(hidden, np.float32),
        "ffn_gate.weight": zeros(width, hidden),
        "ffn_up.weight": zeros(width, hidden),
        "ffn_down.weight": zeros(hidden, width),
    }
    return {
        "token_embd.weight": np.eye(n_tokens, hidden, dtype=np.float32),
        "output_norm.weight": np.ones(hidden, np.float32),
        "output.weight": follows,
        **{f"blk.0.{name}": tensor for name, tensor in block.items()},
    }
