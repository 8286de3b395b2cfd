"""What others make of the same model: `transformers`, and llama.cpp through llama-cpp-python.

They get the weights of the shape that is measured (its backbone: what docqa's own checkpoints add
to it costs next to nothing) and as many threads. Neither is asked for the logits of words.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from docqa.trainer.speed_rates import OTHERS_SHARE, Contestant, turn_tokens

if TYPE_CHECKING:
    from docqa.engine.mamba2.model import Mamba2Model

MOST_PEER_TOKENS = 4096
LLAMA_BATCH = 512
"""Tokens llama.cpp takes at once: its default."""


def peer_contestants(model: Mamba2Model, folder: Path) -> tuple[list[Contestant], dict[str, str]]:
    """Those that can be measured here, and for the others why not.

    Args:
        model: Whose weights they read with.
        folder: Where a model file may be written.
    """
    n_tokens = min(MOST_PEER_TOKENS, max(64, turn_tokens(model) // OTHERS_SHARE))
    makers: dict[str, Callable[[Mamba2Model, Path, int], Contestant]] = {
        "transformers": transformers_contestant,
        "llama.cpp": llama_contestant,
    }
    made, missing = [], {}
    for name, make in makers.items():
        try:
            made.append(make(model, folder, n_tokens))
        except ImportError as error:
            missing[name] = f"not installed: {error}"
        except Exception as error:  # theirs; ours must be measured all the same
            missing[name] = f"{type(error).__name__}: {error}"
    return made, missing


def peer_version(name: str) -> str | None:
    """The version of its package."""
    with suppress(PackageNotFoundError):
        return version("llama-cpp-python" if name == "llama.cpp" else name)
    return None


def transformers_contestant(model: Mamba2Model, folder: Path, n_tokens: int) -> Contestant:
    """`Mamba2Model` of transformers in the dtype of the model, one forward over all tokens."""
    import logging

    from transformers import Mamba2Config, Mamba2Model

    logging.getLogger("transformers").setLevel(
        logging.ERROR
    )  # that its CUDA kernels are not there is no news on a CPU
    config = model.config
    theirs: Any = Mamba2Model(
        Mamba2Config(
            hidden_size=config.d_model,
            num_heads=config.n_heads,
            head_dim=config.headdim,
            state_size=config.d_state,
            num_hidden_layers=config.n_layer,
            vocab_size=config.vocab_size,
            n_groups=config.ngroups,
            expand=config.expand,
            conv_kernel=config.d_conv,
            chunk_size=256,
            layer_norm_epsilon=config.norm_eps,
        )
    )
    theirs.load_state_dict(_transformers_names(model))
    weight = model.backbone.embedding.weight
    theirs = theirs.to(weight.device, weight.dtype).eval()
    token_ids = torch.from_numpy(_token_ids(model, n_tokens))[None].to(weight.device)

    @torch.inference_mode()
    def read() -> Any:
        hidden = theirs(token_ids, use_cache=False).last_hidden_state
        return hidden[0, -1, 0].item()  # waits for a GPU

    return Contestant("transformers", n_tokens, read)


def llama_contestant(model: Mamba2Model, folder: Path, n_tokens: int) -> Contestant:
    """llama.cpp on a file of the model in f16, on the CPU."""
    import llama_cpp

    path = write_gguf(model, folder / "peer.gguf")
    threads = torch.get_num_threads()
    llama = llama_cpp.Llama(
        str(path),
        n_ctx=n_tokens,
        n_batch=LLAMA_BATCH,
        n_threads=threads,
        n_threads_batch=threads,
        verbose=False,
    )
    token_ids = _token_ids(model, n_tokens).tolist()

    def read() -> None:
        llama.reset()
        llama.eval(token_ids)

    return Contestant("llama.cpp", n_tokens, read)


def write_gguf(model: Mamba2Model, path: Path) -> Path:
    """The backbone as a model file of llama.cpp: matrices in f16, the rest in f32, no words."""
    import gguf

    config = model.config
    writer = gguf.GGUFWriter(path, "mamba2")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(1 << 20)
    writer.add_embedding_length(config.d_model)
    writer.add_block_count(config.n_layer)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_layer_norm_rms_eps(config.norm_eps)
    writer.add_ssm_conv_kernel(config.d_conv)
    writer.add_ssm_inner_size(config.d_inner)
    writer.add_ssm_state_size(config.d_state)
    writer.add_ssm_time_step_rank(config.n_heads)
    writer.add_ssm_group_count(config.ngroups)
    writer.add_tokenizer_model("no_vocab")
    writer.add_vocab_size(config.vocab_size)
    for name, tensor in _gguf_tensors(model).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _gguf_tensors(model: Mamba2Model) -> dict[str, NDArray[Any]]:
    def wide(x: torch.Tensor) -> NDArray[Any]:
        array: NDArray[Any] = x.detach().float().cpu().contiguous().numpy()
        return array

    def half(x: torch.Tensor) -> NDArray[Any]:
        return wide(x).astype(np.float16)

    tensors = {
        "token_embd.weight": half(model.backbone.embedding.weight),
        "output_norm.weight": wide(model.backbone.norm_f.weight),
    }
    for i, block in enumerate(model.backbone.blocks):
        mixer = block.mixer
        assert mixer.conv1d.bias is not None
        tensors |= {
            f"blk.{i}.attn_norm.weight": wide(block.norm.weight),
            f"blk.{i}.ssm_in.weight": half(mixer.in_proj.weight),
            f"blk.{i}.ssm_conv1d.weight": wide(mixer.conv1d.weight[:, 0]),
            f"blk.{i}.ssm_conv1d.bias": wide(mixer.conv1d.bias),
            f"blk.{i}.ssm_dt.bias": wide(mixer.dt_bias),
            f"blk.{i}.ssm_a": wide(-mixer.A_log.float().exp())[:, None],
            f"blk.{i}.ssm_d": wide(mixer.D)[:, None],
            f"blk.{i}.ssm_norm.weight": wide(mixer.norm.weight).reshape(model.config.ngroups, -1),
            f"blk.{i}.ssm_out.weight": half(mixer.out_proj.weight),
        }
    return tensors


def _transformers_names(model: Mamba2Model) -> dict[str, torch.Tensor]:
    """Our tensors under their names, without what docqa adds."""
    return {
        name.removeprefix("backbone.").replace("embedding.", "embeddings."): tensor
        for name, tensor in model.state_dict().items()
        if name.startswith("backbone.")
    }


def _token_ids(model: Mamba2Model, n_tokens: int) -> NDArray[np.int64]:
    return np.random.default_rng(0).integers(0, model.config.vocab_size, n_tokens)
