"""What stands between the matrix products of a Mamba-2 layer, one pass over memory each.

Plain torch walks over a segment about thirty times a layer between its two projections; here it
is five. The loops are compiled by numba, which brings its own code generator, so that no compiler
is needed on the reader's machine, and cached on disk. They hold no lock of the interpreter and
run on one thread: `fast.py` gives each thread layers of its own.

Arrays of bf16 come as uint16, which numpy knows; every number is widened to fp32 when it is read
and rounded to the nearest when it is written. Arrays of fp32 go through the same code. Everything
compiled stands in this one file: numba's cache on disk notices changes in a loop's own file alone.

Letters: l tokens, h heads, p head dim, g groups, n state, c chunks, q tokens of a chunk.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast, no_type_check

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

_I32, _F32 = ir.IntType(32), ir.FloatType()

Array = NDArray[Any]
"""uint16 (bf16) or float32."""

Function = TypeVar("Function", bound=Callable[..., Any])


def _compiled(function: Function) -> Function:
    """Compile at the first call; without the type checks that tests put around every function."""
    compile_later = njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
    return cast(Function, compile_later(inspect.unwrap(function)))


# Written as instructions because numba computes in 64 bits where 32 would do, and half as many
# numbers fit into a register then.


@intrinsic
@no_type_check
def _widened(context: Any, half: Any) -> Any:
    """The float32 of a bf16: its upper 16 bits."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.shl(builder.zext(arguments[0], _I32), _I32(16))
        return builder.bitcast(bits, _F32)

    return types.float32(types.uint16), build


@intrinsic
@no_type_check
def _rounded(context: Any, value: Any) -> Any:
    """The bf16 nearest to a finite float32, ties to even."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(arguments[0], _I32)
        odd = builder.and_(builder.lshr(bits, _I32(16)), _I32(1))
        bits = builder.add(builder.add(bits, _I32(0x7FFF)), odd)
        return builder.trunc(builder.lshr(bits, _I32(16)), ir.IntType(16))

    return types.uint16(types.float32), build


@intrinsic
@no_type_check
def _power_of_two(context: Any, exponent: Any) -> Any:
    """2^k for a whole float32 k from -126 to 127."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        k = builder.add(builder.fptosi(arguments[0], _I32), _I32(127))
        return builder.bitcast(builder.shl(k, _I32(23)), _F32)

    return types.float32(types.float32), build


@intrinsic
@no_type_check
def _magnitude(context: Any, value: Any) -> Any:
    """The bits of |x|, in the order of the numbers: whole numbers are compared sixteen at a time,
    where the compiler takes the largest of floats one by one."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.and_(builder.bitcast(arguments[0], _I32), _I32(0x7FFFFFFF))

    return types.uint32(types.float32), build


@intrinsic
@no_type_check
def _larger(context: Any, a: Any, b: Any) -> Any:
    """The larger of two whole numbers."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        is_larger = builder.icmp_unsigned(">", *arguments)
        return builder.select(is_larger, *arguments)

    return types.uint32(types.uint32, types.uint32), build


@intrinsic
@no_type_check
def _float_of(context: Any, bits: Any) -> Any:
    """The float32 with these bits."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], _F32)

    return types.float32(types.uint32), build


def _wide(value: Any) -> Any:
    """An array's number as float32."""


def _as(array: Any, value: Any) -> Any:
    """A float32 as the array holds it."""


@overload(_wide)
@no_type_check
def _wide_compiled(value: Any) -> Any:
    def widen(value: Any) -> Any:
        return _widened(value)

    def keep(value: Any) -> Any:
        return value

    return widen if value == types.uint16 else keep


@overload(_as)
@no_type_check
def _as_compiled(array: Any, value: Any) -> Any:
    def round_off(array: Any, value: Any) -> Any:
        return _rounded(value)

    def keep(array: Any, value: Any) -> Any:
        return value

    return round_off if array.dtype == types.uint16 else keep


_LOG2_E = np.float32(1.4426950408889634)
_LN_2 = np.float32(0.6931471805599453)
_ONE = np.float32(1.0)
_TINY = np.float32(1e-30)


@_compiled
def _exp(x: Any) -> Any:
    """e^x to a few units in the last place, in steps a compiler can do sixteen at a time.

    2^(k + f) with whole k and |f| <= 1/2: k goes into the exponent, f into the Taylor series of
    e^(f ln 2).
    """
    t = min(max(x * _LOG2_E, np.float32(-126.0)), np.float32(126.0))
    k = np.floor(t + np.float32(0.5))
    f = (t - k) * _LN_2
    y = np.float32(1 / 720)
    y = y * f + np.float32(1 / 120)
    y = y * f + np.float32(1 / 24)
    y = y * f + np.float32(1 / 6)
    y = y * f + np.float32(0.5)
    y = y * f + _ONE
    y = y * f + _ONE
    return y * _power_of_two(k)


@_compiled
def _silu(x: Any) -> Any:
    return x / (_ONE + _exp(-x))


@_compiled
def _softplus(x: Any) -> Any:
    """log(1 + e^x) = max(x, 0) + 2 artanh(e / (2 + e)) with e = e^-|x|."""
    e = _exp(-abs(x))
    s = e / (np.float32(2.0) + e)
    s2 = s * s
    series = np.float32(1 / 11)
    series = series * s2 + np.float32(1 / 9)
    series = series * s2 + np.float32(1 / 7)
    series = series * s2 + np.float32(1 / 5)
    series = series * s2 + np.float32(1 / 3)
    series = series * s2 + _ONE
    return max(x, np.float32(0.0)) + np.float32(2.0) * s * series


# Inner loops index with loop variables alone: numba tests any other index for being negative, which
# keeps the loop from running sixteen numbers at a time. Rows are cut outside of them for the same
# reason, and whole arrays are passed, because only those are known to be contiguous.


@_compiled
def add_and_normalise(x: Array, mixed: Array, weight: Array, eps: float, out: Array) -> None:
    """x += mixed; out = x / rms(x) * weight.

    Args:
        x: (l, d) fp32 residual stream, changed in place.
        mixed: (l, d) what the layer before adds to it; (0, d) for nothing.
        weight: (d,) fp32.
        eps: Added to the mean square.
        out: (l, d).
    """
    n_tokens, width = x.shape
    has_mixed = len(mixed) > 0
    for t in range(n_tokens):
        row, out_row = x[t], out[t]
        if has_mixed:
            mixed_row = mixed[t]
            for i in range(width):
                row[i] += _wide(mixed_row[i])
        square = np.float32(0.0)
        for i in range(width):
            square += row[i] * row[i]
        scale = _ONE / np.sqrt(square / np.float32(width) + np.float32(eps))
        for i in range(width):
            out_row[i] = _as(out, row[i] * scale * weight[i])


@_compiled
def quantise(x: Array, out: Array, scale: Array) -> None:
    """x as int8 with a scale a row: out * scale is within half a scale of x.

    Args:
        x: (l, d).
        out: (l, d) int8 out, from -127 to 127.
        scale: (l,) fp32 out: a row's largest magnitude over 127.
    """
    n_tokens, width = x.shape
    for t in range(n_tokens):
        row, out_row = x[t], out[t]
        bits = _magnitude(_TINY)
        for i in range(width):
            bits = _larger(bits, _magnitude(_wide(row[i])))
        largest = _float_of(bits)
        steps = np.float32(127.0) / largest
        for i in range(width):
            out_row[i] = np.int8(np.floor(_wide(row[i]) * steps + np.float32(0.5)))
        scale[t] = largest / np.float32(127.0)


@_compiled
def restore(products: Array, row_scale: Array, column_scale: Array, out: Array) -> None:
    """What a product of two quantised matrices stands for.

    Args:
        products: (l, k) int32.
        row_scale: (l,) fp32 of the left matrix.
        column_scale: (k,) fp32 of the right one.
        out: (l, k).
    """
    n_tokens, width = products.shape
    for t in range(n_tokens):
        row, out_row, own = products[t], out[t], row_scale[t]
        for i in range(width):
            out_row[i] = _as(out, np.float32(row[i]) * own * column_scale[i])


@_compiled
def measure_steps(
    projected: Array, bias: Array, a: Array, n_real: int, size: int, steps: Array, decay: Array
) -> None:
    """Step sizes, and how far each token is from the start of its chunk in log decay.

    Args:
        projected: (w - 1 + l, k) what the input projection gives; its last h columns are raw
            steps, its first w - 1 rows belong to tokens before the segment.
        bias: (h,) fp32.
        a: (h,) fp32, negative.
        n_real: Tokens before the filling, whose steps are 0.
        size: Tokens of a chunk.
        steps: (l, h) fp32 out.
        decay: (l, h) fp32 out: sum of a * step from the chunk's start to this token.
    """
    n_tokens, n_heads = steps.shape
    n_before, first = len(projected) - n_tokens, projected.shape[1] - n_heads
    for t in range(n_tokens):
        row, steps_row, decay_row = projected[n_before + t][first:], steps[t], decay[t]
        for h in range(n_heads):
            steps_row[h] = _softplus(_wide(row[h]) + bias[h])
        if t >= n_real:
            steps_row[:] = 0
        for h in range(n_heads):
            decay_row[h] = a[h] * steps_row[h]
        if t % size:
            last = decay[t - 1]
            for h in range(n_heads):
                decay_row[h] += last[h]


@_compiled
def convolve(
    projected: Array,
    weight: Array,
    bias: Array,
    steps: Array,
    decay: Array,
    size: int,
    x: Array,
    weighted: Array,
    b: Array,
    c: Array,
) -> None:
    """Causal depthwise convolution and SiLU, spread out as the matrix products want it.

    Args:
        projected: (w - 1 + l, k) what the input projection gives: gate (h*p columns), then x, B
            and C before the convolution, then steps; its first rows are the tokens before.
        weight: (w, h*p + 2*g*n) fp32.
        bias: (h*p + 2*g*n,) fp32.
        steps: (l, h) fp32 step sizes.
        decay: (l, h) fp32 log decay since the chunk's start.
        size: Tokens of a chunk.
        x: (h, l, p) out.
        weighted: (g, l, h/g, p) out: x * step * decay to the chunk's end.
        b: (g, l, n) out.
        c: (g, l, n) out.
    """
    n_taps, width = weight.shape
    n_heads, n_tokens, head_dim = x.shape
    n_groups, _, per_group, _ = weighted.shape
    d_inner, d_state = n_heads * head_dim, b.shape[2]
    y = np.empty(width, np.float32)
    y_heads = y[:d_inner].reshape((n_groups, per_group, head_dim))
    y_states = y[d_inner:].reshape((2, n_groups, d_state))
    for t in range(n_tokens):
        y[:] = bias
        for tap in range(n_taps):
            row, tap_weight = projected[t + tap][d_inner:], weight[tap]
            for i in range(width):
                y[i] += _wide(row[i]) * tap_weight[i]
        for i in range(width):
            y[i] = _silu(y[i])
        last = (t // size + 1) * size - 1
        for g in range(n_groups):
            for k in range(per_group):
                h = g * per_group + k
                share = steps[t, h] * _exp(decay[last, h] - decay[t, h])
                for i in range(head_dim):
                    x[h, t, i] = _as(x, y_heads[g, k, i])
                    weighted[g, t, k, i] = _as(weighted, y_heads[g, k, i] * share)
            for i in range(d_state):
                b[g, t, i] = _as(b, y_states[0, g, i])
                c[g, t, i] = _as(c, y_states[1, g, i])


@_compiled
def mix_chunks(products: Array, steps: Array, decay: Array, out: Array) -> None:
    """How much token j of a chunk gives to token i: (c_i . b_j) * decay(j -> i) * step_j.

    Args:
        products: (g, c, q, q) C times B of each chunk.
        steps: (l, h) fp32.
        decay: (l, h) fp32 log decay since the chunk's start.
        out: (h, c, q, q); 0 where j comes after i.
    """
    n_heads, n_chunks, size, _ = out.shape
    per_group = n_heads // products.shape[0]
    own_decay = np.empty(size, np.float32)
    own_steps = np.empty(size, np.float32)
    for h in range(n_heads):
        for chunk in range(n_chunks):
            for j in range(size):
                own_decay[j] = decay[chunk * size + j, h]
                own_steps[j] = steps[chunk * size + j, h]
            for i in range(size):
                row, out_row = products[h // per_group, chunk, i], out[h, chunk, i]
                here = own_decay[i]
                for j in range(i + 1):
                    share = _exp(here - own_decay[j]) * own_steps[j]
                    out_row[j] = _as(out, _wide(row[j]) * share)
                out_row[i + 1 :] = 0


@_compiled
def carry_state(added: Array, decay: Array, state: Array, before: Array) -> None:
    """The state from chunk to chunk.

    Args:
        added: (g, c, h/g, p, n) what each chunk adds.
        decay: (l, h) fp32 log decay since the chunk's start.
        state: (h, p, n) fp32 before the segment; after it when done.
        before: (g, c, h/g, p, n) out: the state before each chunk.
    """
    n_groups, n_chunks, per_group, head_dim, d_state = added.shape
    size = len(decay) // n_chunks
    for g in range(n_groups):
        for k in range(per_group):
            h = g * per_group + k
            for chunk in range(n_chunks):
                total = _exp(decay[(chunk + 1) * size - 1, h])
                for p in range(head_dim):
                    for i in range(d_state):
                        now = state[h, p, i]
                        before[g, chunk, k, p, i] = _as(before, now)
                        state[h, p, i] = now * total + _wide(added[g, chunk, k, p, i])


@_compiled
def gate_and_normalise(
    inside: Array,
    carried: Array,
    decay: Array,
    d: Array,
    x: Array,
    projected: Array,
    weight: Array,
    eps: float,
    out: Array,
) -> None:
    """The layer's output before its projection: y * silu(z), over its rms, times the weight.

    Args:
        inside: (h, l, p) what tokens of the same chunk give.
        carried: (g, l, h/g, p) what the state before the chunk gives, not yet decayed.
        decay: (l, h) fp32 log decay since the chunk's start.
        d: (h,) fp32 share of x itself.
        x: (h, l, p).
        projected: (w - 1 + l, k) with the gate z in its first h*p columns.
        weight: (g, h*p/g) fp32.
        eps: Added to the mean square of each group.
        out: (l, g, h*p/g).
    """
    n_heads, n_tokens, head_dim = x.shape
    n_groups, width = weight.shape
    per_group, n_before = n_heads // n_groups, len(projected) - n_tokens
    y = np.empty(width, np.float32)
    y_heads = y.reshape((per_group, head_dim))
    for t in range(n_tokens):
        for g in range(n_groups):
            for k in range(per_group):
                h = g * per_group + k
                share, own = _exp(decay[t, h]), d[h]
                for i in range(head_dim):
                    y_heads[k, i] = (
                        _wide(inside[h, t, i])
                        + share * _wide(carried[g, t, k, i])
                        + own * _wide(x[h, t, i])
                    )
            z_row, out_row, own_weight = projected[n_before + t][g * width :], out[t, g], weight[g]
            square = np.float32(0.0)
            for i in range(width):
                y[i] *= _silu(_wide(z_row[i]))
                square += y[i] * y[i]
            scale = _ONE / np.sqrt(square / np.float32(width) + np.float32(eps))
            for i in range(width):
                out_row[i] = _as(out, y[i] * scale * own_weight[i])
