"""The compiled kernels compute what the model computes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from docqa.engine.errors import ConfigError
from docqa.engine.mamba2.fast import CHUNK, BlockWeights, FastBlocks, Stream
from docqa.engine.mamba2.model import Mamba2Model
from docqa.engine.mamba2.reading import (
    SEGMENT_STEP,
    FastReader,
    Segment,
    TorchReader,
    choose_reader,
)
from docqa.engine.mamba2.stages import through_stages
from tests.numerics.conftest import MakeModel

FP32 = {"rtol": 1e-4, "atol": 2e-5}
BF16_SCORE = 0.05
"""Largest difference of a score as a share of the scores' spread."""
TOP_50_OVERLAP = 0.98


def make_segments(n_segments: int, seed: int = 0) -> list[Segment]:
    """Segments of different lengths with a sentence every nine tokens."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for i in range(n_segments):
        n_real = [150, 64, 190, 3, 129][i % 5]
        length = -(-n_real // SEGMENT_STEP) * SEGMENT_STEP
        token_ids = torch.randint(0, 96, (1, length), generator=generator)
        made.append(Segment(token_ids, None, n_real, np.arange(2, n_real, 9)))
    return made


def wide_steps(model: Mamba2Model) -> Mamba2Model:
    """The decays and steps in fp32, as `load_model` leaves them."""
    for block in model.backbone.blocks:
        for name in ("A_log", "dt_bias", "D"):
            parameter = getattr(block.mixer, name)
            parameter.data = parameter.data.float()
    return model


def joined(halves: NDArray[np.float32]) -> torch.Tensor:
    """(k, 2 n) of even and odd columns, (k, 2, n)."""
    return torch.from_numpy(halves).mT.flatten(1)


@pytest.mark.parametrize("n_groups", [1, 2])
def test_blocks_equal_the_model_and_leave_the_same_state(
    make_model: MakeModel, n_groups: int
) -> None:
    model = make_model(torch.float32, ngroups=n_groups)
    fast = FastBlocks([BlockWeights(one) for one in model.backbone.blocks], model.config)
    state = model.initial_state(1)
    with torch.inference_mode():
        for segment in make_segments(5):
            x = model.embed(segment.token_ids, None)
            expected, state = model(segment.token_ids, state, n_real=segment.n_real)
            real = torch.arange(segment.n_real)
            got = model.backbone.norm_f(fast(Stream.of(x[0], segment.n_real)).after(real))
            torch.testing.assert_close(got, expected[0, real], **FP32)
    for want, ssm, conv in zip(state, fast.states, fast.before, strict=True):
        torch.testing.assert_close(joined(ssm).view_as(want.ssm[0]), want.ssm[0], **FP32)
        torch.testing.assert_close(joined(conv.reshape(3, 2, -1)).T, want.conv[0], **FP32)


@pytest.mark.parametrize("n_threads", [1, 2, 3, 8])
def test_any_number_of_stages_gives_the_same_scores(make_model: MakeModel, n_threads: int) -> None:
    model = make_model(torch.float32, n_layer=3)
    expected = list(TorchReader(model).read(make_segments(7)))
    got = list(FastReader(model, n_threads).read(make_segments(7)))
    assert [len(one) for one in got] == [len(one) for one in expected]
    for one, want in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, want, rtol=1e-4, atol=2e-5)


def test_a_segment_in_the_middle_of_a_sentence_has_no_scores(make_model: MakeModel) -> None:
    before, after = make_segments(2)
    middle = Segment(before.token_ids, None, before.n_real, np.empty(0, np.int64))
    model = make_model(torch.float32)
    expected = list(TorchReader(model).read([before, middle, after]))
    got = list(FastReader(model, 2).read([before, middle, after]))
    assert [len(one) for one in got] == [len(before.ends), 0, len(after.ends)]
    np.testing.assert_allclose(got[2], expected[2], rtol=1e-4, atol=2e-5)


def test_a_reader_forgets_the_document_before(make_model: MakeModel) -> None:
    reader = FastReader(make_model(torch.float32), 2)
    first = list(reader.read(make_segments(3)))
    list(reader.read(make_segments(3, seed=5)))
    again = list(reader.read(make_segments(3)))
    for one, want in zip(again, first, strict=True):
        assert np.array_equal(one, want)


def test_bf16_keeps_scores_and_ranking(make_model: MakeModel) -> None:
    exact = make_model(torch.float32, d_model=64, d_state=16)
    half = wide_steps(make_model(torch.bfloat16, d_model=64, d_state=16))
    segments = make_segments(40)
    expected = np.concatenate(list(TorchReader(exact).read(segments)))
    plain = np.concatenate(list(TorchReader(half).read(segments)))
    fast = np.concatenate(list(FastReader(half, 2).read(segments)))
    spread = float(expected.std())
    assert np.abs(fast - plain).max() < BF16_SCORE * spread
    assert np.abs(fast - expected).mean() <= 1.5 * np.abs(plain - expected).mean()
    best = [set(np.argsort(-scores)[:50].tolist()) for scores in (fast, expected)]
    assert len(best[0] & best[1]) >= 50 * TOP_50_OVERLAP


@pytest.mark.parametrize("changes", [{"d_conv": 5}, {"headdim": 3, "d_model": 6}])
def test_a_shape_that_the_kernels_do_not_know_is_read_by_torch(
    make_model: MakeModel, changes: dict[str, int]
) -> None:
    reader = choose_reader(make_model(torch.float32, **changes))
    assert isinstance(reader, TorchReader)
    assert "the compiled kernels" in reader.path


def test_fewer_taps_are_read_as_the_model_reads_them(make_model: MakeModel) -> None:
    model = make_model(torch.float32, d_conv=3)
    expected = np.concatenate(list(TorchReader(model).read(make_segments(4))))
    got = np.concatenate(list(FastReader(model, 1).read(make_segments(4))))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=2e-5)


def test_extreme_values_stay_finite(make_model: MakeModel) -> None:
    model = make_model(torch.float32)
    with torch.no_grad():
        for block in model.backbone.blocks:
            block.mixer.dt_bias.fill_(30.0)
            block.mixer.in_proj.weight.mul_(50.0)
    segments = make_segments(4)
    got = np.concatenate(list(FastReader(model, 1).read(segments)))
    expected = np.concatenate(list(TorchReader(model).read(segments)))
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)


def test_the_callers_threads_are_left_alone(make_model: MakeModel) -> None:
    before = torch.get_num_threads()
    list(FastReader(make_model(torch.float32), 2).read(make_segments(3)))
    assert torch.get_num_threads() == before


def test_stages_stop_when_nobody_wants_more() -> None:
    begun: list[int] = []

    def note(item: int) -> int:
        begun.append(item)
        return item

    results = through_stages([note, lambda item: -item], iter(range(1000)))
    assert next(results) == 0
    results.close()
    assert len(begun) < 10


def test_what_a_stage_raises_reaches_the_caller() -> None:
    def fail(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    results: Iterator[int] = through_stages([fail, lambda item: item], iter(range(10)))
    seen = []
    with pytest.raises(ValueError, match="three"):
        seen.extend(results)
    results = through_stages([fail, lambda item: item], iter(range(10)))
    assert [next(results), next(results), next(results)] == [0, 1, 2]


def test_the_path_can_be_chosen(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(torch.float32)
    assert choose_reader(model).path.startswith("numba kernels")
    monkeypatch.setenv("DOCQA_PATH", "torch")
    assert choose_reader(model).path == "plain torch (DOCQA_PATH=torch)"
    monkeypatch.setenv("DOCQA_PATH", "gpu")
    with pytest.raises(ConfigError, match="DOCQA_PATH is 'gpu'"):
        choose_reader(model)
    monkeypatch.setenv("DOCQA_PATH", "numba")
    with pytest.raises(ConfigError, match="the compiled kernels take bf16 and fp32"):
        choose_reader(make_model(torch.float64))
    monkeypatch.delenv("DOCQA_PATH")
    assert "float64" in choose_reader(make_model(torch.float64)).path


def test_segments_are_whole_chunks() -> None:
    assert SEGMENT_STEP % CHUNK == 0
