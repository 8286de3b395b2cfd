"""What others make of the same model: `transformers`, llama.cpp through llama-cpp-python, and on
CUDA mamba_ssm, as MambaRetriever runs it.

They get the weights of the shape that is measured (its backbone: what docqa's own checkpoints add
to it costs next to nothing) and as many threads. Only `MambaLMHeadModel` computes the logits of
words too: so the reference does, and it is measured as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from docqa.engine.mamba2.segments import windows
from docqa.trainer.speed.rates import OTHERS_SHARE, Contestant, turn_tokens

if TYPE_CHECKING:
    from docqa.engine.mamba2.model import Mamba2Model

MOST_PEER_TOKENS = 4096
REFERENCE_WINDOW_TOKENS = 120_000
"""What MambaRetriever reads at once, each window beginning in the middle of the one before."""
N_REFERENCE_WINDOWS = 4
"""Windows' length of the text that is read with half overlap: seven readings of a window."""
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
    if model.backbone.embedding.weight.device.type == "cuda":
        makers |= {
            "mamba_ssm": reference_contestant,
            "mamba_ssm, half overlap": overlapping_contestant,
        }
    made, missing = [], {}
    for name, make in makers.items():
        try:
            one = make(model, folder, n_tokens)
            one.read()  # what fails, or finds no memory, must not do so among the others
            made.append(one)
        except ImportError as error:
            missing[name] = f"not installed: {error}"
        except Exception as error:  # theirs; ours must be measured all the same
            missing[name] = f"{type(error).__name__}: {error}"
    return made, missing


def peer_version(name: str) -> str | None:
    """The version of its package."""
    package = {"llama.cpp": "llama-cpp-python"}.get(name, name.partition(",")[0])
    with suppress(PackageNotFoundError):
        return version(package)
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


def reference_contestant(model: Mamba2Model, folder: Path, _: int) -> Contestant:
    """`MambaLMHeadModel` of mamba_ssm, one forward over a window."""
    read = _reference_reader(model, REFERENCE_WINDOW_TOKENS)
    return Contestant("mamba_ssm", REFERENCE_WINDOW_TOKENS, read)


def overlapping_contestant(model: Mamba2Model, folder: Path, _: int) -> Contestant:
    """The same over a longer text, in windows that overlap by half."""
    n_tokens = N_REFERENCE_WINDOWS * REFERENCE_WINDOW_TOKENS
    read = _reference_reader(model, n_tokens)
    return Contestant("mamba_ssm, half overlap", n_tokens, read)


def _reference_reader(model: Mamba2Model, n_tokens: int) -> Callable[[], float]:
    theirs = reference_model(model)
    device = model.backbone.embedding.weight.device
    token_ids = torch.from_numpy(_token_ids(model, n_tokens))[None].to(device)

    @torch.inference_mode()
    def read() -> float:
        last = 0.0
        for begin, end in windows(n_tokens, REFERENCE_WINDOW_TOKENS):
            last = theirs(token_ids[:, begin:end]).logits[0, -1, 0].item()  # waits for the GPU
        return last

    return read


def reference_model(model: Mamba2Model) -> Any:
    """`MambaLMHeadModel` with the weights of a model.

    Its package imports the compiled `selective_scan_cuda`, which belongs to Mamba-1: where that
    was not compiled an empty module stands in for it. Without causal-conv1d the convolution is
    torch's.
    """
    try:
        import_module("selective_scan_cuda")
    except ImportError:
        sys.modules["selective_scan_cuda"] = ModuleType("selective_scan_cuda")
    package: Any = import_module("mamba_ssm.models.mixer_seq_simple")

    config, weight = model.config, model.backbone.embedding.weight
    theirs = package.MambaLMHeadModel(
        package.MambaConfig(
            d_model=config.d_model,
            n_layer=config.n_layer,
            vocab_size=config.vocab_size,
            ssm_cfg={
                "layer": "Mamba2",
                "d_state": config.d_state,
                "d_conv": config.d_conv,
                "expand": config.expand,
                "headdim": config.headdim,
                "ngroups": config.ngroups,
                "use_mem_eff_path": find_spec("causal_conv1d") is not None,
            },
            pad_vocab_size_multiple=1,
        ),
        device=weight.device,
        dtype=weight.dtype,
    )
    tensors = {k: v for k, v in model.state_dict().items() if k.startswith("backbone.")}
    theirs.load_state_dict({**tensors, "lm_head.weight": weight})
    return theirs.eval()


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
