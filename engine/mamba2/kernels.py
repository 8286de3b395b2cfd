"""What stands between the matrix products of a Mamba-2 layer, one pass over memory each.

Plain torch walks over a segment about thirty times a layer between its two projections; here it
is five. The loops are compiled by numba, which brings its own code generator, so that no compiler
is needed on the reader's machine, and cached on disk. They hold no lock of the interpreter and
run on one thread: `fast.py` gives each thread layers of its own. Everything compiled stands in
this one file: numba's cache on disk notices changes in a loop's own file alone.

Numbers of 8 and 16 bits come two to a word, and so do those of 32 bits in models of fp32: widening
the two halves of sixteen words takes one instruction each, widening sixteen shorts takes two. So a
loop meets the even and the odd columns of a row apart, and whatever is fp32 in between is *split*:
first the even columns, then the odd ones. Numbers are rounded to the nearest when they are written.

Letters: l tokens, h heads, p head dim, g groups, n state, c chunks, q tokens of a chunk; p/2 and
the like count words.
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

from docqa.engine.mamba2.vectors import widen_vectors

widen_vectors()

_I16, _I32, _I64, _F32 = ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()

Array = NDArray[Any]
"""Words: two uint8 in a uint16, two bf16 in a uint32, two fp32 in a uint64; or fp32, split."""

MIDDLE = 128
"""What a quantised row holds for 0: rows are uint8, because processors multiply those with int8."""

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
def _first(context: Any, word: Any) -> Any:
    """The float32 of a word's lower half."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if word == types.uint32:
            return builder.bitcast(builder.shl(arguments[0], _I32(16)), _F32)
        return builder.bitcast(builder.trunc(arguments[0], _I32), _F32)

    return types.float32(word), build


@intrinsic
@no_type_check
def _second(context: Any, word: Any) -> Any:
    """The float32 of a word's upper half."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if word == types.uint32:
            return builder.bitcast(builder.and_(arguments[0], _I32(0xFFFF0000)), _F32)
        return builder.bitcast(builder.trunc(builder.lshr(arguments[0], _I64(32)), _I32), _F32)

    return types.float32(word), build


@intrinsic
@no_type_check
def _bf16_word(context: Any, first: Any, second: Any) -> Any:
    """Two finite float32 as bf16, each the nearest; of two as near the one with the larger
    magnitude, which takes fewer steps than the even one."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        half = _I32(0x8000)
        first, second = (builder.add(builder.bitcast(one, _I32), half) for one in arguments)
        upper = builder.and_(second, _I32(0xFFFF0000))
        return builder.or_(builder.lshr(first, _I32(16)), upper)

    return types.uint32(types.float32, types.float32), build


@intrinsic
@no_type_check
def _fp32_word(context: Any, first: Any, second: Any) -> Any:
    """Two float32 as they are."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, second = (builder.zext(builder.bitcast(one, _I32), _I64) for one in arguments)
        return builder.or_(first, builder.shl(second, _I64(32)))

    return types.uint64(types.float32, types.float32), build


@intrinsic
@no_type_check
def _uint8_word(context: Any, first: Any, second: Any) -> Any:
    """The whole numbers nearest to two float32 from -127 to 127, and `MIDDLE`, as uint8."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rounder = _F32(_ROUNDER + MIDDLE)
        first, second = (builder.bitcast(builder.fadd(one, rounder), _I32) for one in arguments)
        lower = builder.and_(first, _I32(0xFF))
        return builder.trunc(builder.or_(lower, builder.shl(second, _I32(8))), _I16)

    return types.uint16(types.float32, types.float32), build


@intrinsic
@no_type_check
def _shifted(context: Any, value: Any) -> Any:
    """x + `_ROUNDER`: the nearest whole number k to x stands in its lowest bits."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(arguments[0], _F32(_ROUNDER))

    return types.float32(types.float32), build


@intrinsic
@no_type_check
def _whole(context: Any, shifted: Any) -> Any:
    """k as float32; not by subtracting, which fastmath would take for undoing the sum."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        k = builder.sub(builder.bitcast(arguments[0], _I32), _I32(_ROUNDER_BITS))
        return builder.sitofp(k, _F32)

    return types.float32(types.float32), build


@intrinsic
@no_type_check
def _times_power_of_two(context: Any, value: Any, shifted: Any) -> Any:
    """y * 2^k for a y near 1 and k from -126 to 126."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        y, k = (builder.bitcast(one, _I32) for one in arguments)
        return builder.bitcast(builder.add(y, builder.shl(k, _I32(23))), _F32)

    return types.float32(types.float32, types.float32), build


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
    """A number of its own, not a word, as float32."""


@overload(_wide)
@no_type_check
def _wide_compiled(value: Any) -> Any:
    def widen(value: Any) -> Any:
        return _widened(value)

    def keep(value: Any) -> Any:
        return value

    return widen if value == types.uint16 else keep


def _word(array: Any, first: Any, second: Any) -> Any:
    """Two float32 as a word of the array."""


@overload(_word)
@no_type_check
def _word_compiled(array: Any, first: Any, second: Any) -> Any:
    def bf16(array: Any, first: Any, second: Any) -> Any:
        return _bf16_word(first, second)

    def fp32(array: Any, first: Any, second: Any) -> Any:
        return _fp32_word(first, second)

    return bf16 if array.dtype == types.uint32 else fp32


_LOG2_E = np.float32(1.4426950408889634)
_VECTOR = 16
_ONE = np.float32(1.0)
_TINY = np.float32(1e-30)
_ROUNDER = 1.5 * 2.0**23
"""Added to a float32 below 2^22 it leaves no bits for a fraction."""
_ROUNDER_BITS = 0x4B400000


@_compiled
def _exp(x: Any) -> Any:
    """e^x to a few units in the last place, in steps a compiler can do sixteen at a time.

    2^(k + f) with whole k and |f| <= 1/2: k goes into the exponent, f into a polynomial whose
    largest relative error is 8e-8 (fitted to 2^f by reweighted least squares).
    """
    t = min(max(x * _LOG2_E, np.float32(-126.0)), np.float32(126.0))
    shifted = _shifted(t)
    f = t - _whole(shifted)
    y = np.float32(0.00132765)
    y = y * f + np.float32(0.00967554)
    y = y * f + np.float32(0.05550713)
    y = y * f + np.float32(0.2402212)
    y = y * f + np.float32(0.69314697)
    y = y * f + np.float32(1.00000007)
    return _times_power_of_two(y, shifted)


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


def _write(row: Any, even: Any, odd: Any) -> Any:
    """Write numbers into a row of words; what the row has to be multiplied with to be them again.

    A row of uint8 has a step of its own: its largest magnitude over 127.
    """


@overload(_write)
@no_type_check
def _write_compiled(row: Any, even: Any, odd: Any) -> Any:
    def quantise(row: Any, even: Any, odd: Any) -> Any:
        bits = _magnitude(_TINY)
        for i in range(len(even)):
            bits = _larger(bits, _larger(_magnitude(even[i]), _magnitude(odd[i])))
        largest = _float_of(bits)
        steps = np.float32(127.0) / largest
        for i in range(len(even)):
            row[i] = _uint8_word(even[i] * steps, odd[i] * steps)
        return largest / np.float32(127.0)

    def keep(row: Any, even: Any, odd: Any) -> Any:
        for i in range(len(even)):
            row[i] = _word(row, even[i], odd[i])
        return _ONE

    return quantise if row.dtype == types.uint16 else keep


# Inner loops index with loop variables alone: numba tests any other index for being negative, which
# keeps the loop from running sixteen numbers at a time. Rows are cut outside of them for the same
# reason, and whole arrays are passed, because only those are known to be contiguous. They are
# short, because a compiler that cannot tell that arrays do not overlap gives up on many of them.


@_compiled
def add_and_normalise(
    x: Array,
    mixed: Array,
    mixed_scale: Array,
    weight: Array,
    eps: float,
    out: Array,
    out_scale: Array,
) -> None:
    """x += mixed * mixed_scale; out * out_scale = x / rms(x) * weight.

    Args:
        x: (l, 2, d/2) residual stream, split, changed in place.
        mixed: (l, d/2) what the layer before adds to it; (0, d/2) for nothing.
        mixed_scale: (l,) fp32.
        weight: (2, d/2) split.
        eps: Added to the mean square.
        out: (l, d/2).
        out_scale: (l,) fp32 out.
    """
    n_tokens, _, n_words = x.shape
    has_mixed = len(mixed) > 0
    y = np.empty((2, n_words), np.float32)
    for t in range(n_tokens):
        even, odd = x[t, 0], x[t, 1]
        if has_mixed:
            mixed_row, own = mixed[t], mixed_scale[t]
            for i in range(n_words):
                even[i] += own * _first(mixed_row[i])
                odd[i] += own * _second(mixed_row[i])
        square = np.float32(0.0)
        for i in range(n_words):
            square += even[i] * even[i] + odd[i] * odd[i]
        scale = _ONE / np.sqrt(square / np.float32(2 * n_words) + np.float32(eps))
        for half in range(2):
            row, y_row, own_weight = x[t, half], y[half], weight[half]
            for i in range(n_words):
                y_row[i] = row[i] * scale * own_weight[i]
        out_scale[t] = _write(out[t], y[0], y[1])


@_compiled
def measure_steps(
    projected: Array,
    first: int,
    row_scale: Array,
    bias: Array,
    a: Array,
    n_real: int,
    size: int,
    steps: Array,
    decay: Array,
) -> None:
    """Step sizes, and how far each token is from the start of its chunk in log decay.

    Args:
        projected: (l, k) what the input projection gives, not in words; h columns are raw steps.
        first: Column of the first.
        row_scale: (l,) fp32, times which it counts.
        bias: (h,) fp32.
        a: (h,) fp32, negative.
        n_real: Tokens before the filling, whose steps are 0.
        size: Tokens of a chunk.
        steps: (l, h) fp32 out.
        decay: (l, h) fp32 out: sum of a * step from the chunk's start to this token.
    """
    n_tokens, n_heads = steps.shape
    for t in range(n_tokens):
        row, own = projected[t][first:], row_scale[t]
        steps_row, decay_row = steps[t], decay[t]
        for h in range(n_heads):
            steps_row[h] = _softplus(own * _wide(row[h]) + bias[h])
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
    row_scale: Array,
    before: Array,
    n_real: int,
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
        projected: (l, k/2) what the input projection gives: gate (h*p columns), then x, B and C
            before the convolution.
        row_scale: (l,) fp32, times which it counts.
        before: (3, w) x, B and C of the three tokens before, w = h*p + 2*g*n, split; after it
            those of the last three before the filling.
        n_real: Tokens before the filling.
        weight: (4, w) split.
        bias: (w,) split.
        steps: (l, h) fp32 step sizes.
        decay: (l, h) fp32 log decay since the chunk's start.
        size: Tokens of a chunk.
        x: (h, l, p/2) out.
        weighted: (g, l, h/g, p/2) out: x * step * decay to the chunk's end.
        b: (g, l, n/2) out.
        c: (g, l, n/2) out.
    """
    width = weight.shape[1]
    n_heads, n_tokens, head_words = x.shape
    n_groups, _, per_group, _ = weighted.shape
    n_words, x_words, state_words = width // 2, n_heads * head_words, b.shape[2]
    y = np.empty(width, np.float32)
    y_even, y_odd = y[:n_words], y[n_words:]
    rows = np.empty((4, width), np.float32)
    rows[:3] = before
    row_0, row_1, row_2, row_3 = rows[0], rows[1], rows[2], rows[3]
    weight_0, weight_1, weight_2, weight_3 = weight[0], weight[1], weight[2], weight[3]
    shares = np.empty(n_heads, np.float32)
    for t in range(n_tokens):
        words, own = projected[t][x_words:], row_scale[t]
        row_even, row_odd = row_3[:n_words], row_3[n_words:]
        for i in range(n_words):
            row_even[i] = own * _first(words[i])
            row_odd[i] = own * _second(words[i])
        for i in range(width):
            y[i] = bias[i] + row_0[i] * weight_0[i] + row_1[i] * weight_1[i]
        for i in range(width):
            y[i] = _silu(y[i] + row_2[i] * weight_2[i] + row_3[i] * weight_3[i])
        if t == n_real - 1:
            before[0], before[1], before[2] = row_1, row_2, row_3
        row_0, row_1, row_2, row_3 = row_1, row_2, row_3, row_0
        to_end, here, steps_row = decay[(t // size + 1) * size - 1], decay[t], steps[t]
        for h in range(n_heads):
            shares[h] = steps_row[h] * _exp(to_end[h] - here[h])
        for g in range(n_groups):
            for k in range(per_group):
                h = g * per_group + k
                share = shares[h]
                even, odd = y_even[h * head_words :], y_odd[h * head_words :]
                for i in range(head_words):
                    x[h, t, i] = _word(x, even[i], odd[i])
                    weighted[g, t, k, i] = _word(weighted, even[i] * share, odd[i] * share)
            first_b = x_words + g * state_words
            b_even, b_odd = y_even[first_b:], y_odd[first_b:]
            first_c = first_b + n_groups * state_words
            c_even, c_odd = y_even[first_c:], y_odd[first_c:]
            for i in range(state_words):
                b[g, t, i] = _word(b, b_even[i], b_odd[i])
                c[g, t, i] = _word(c, c_even[i], c_odd[i])


@_compiled
def mix_chunks(products: Array, steps: Array, decay: Array, out: Array) -> None:
    """How much token j of a chunk gives to token i: (c_i . b_j) * decay(j -> i) * step_j.

    Args:
        products: (g, c, q, q/2) C times B of each chunk.
        steps: (l, h) fp32.
        decay: (l, h) fp32 log decay since the chunk's start.
        out: (h, c, q, q/2); 0 where j comes after i.
    """
    n_heads, n_chunks, size, n_words = out.shape
    per_group = n_heads // products.shape[0]
    own_decay = np.empty((2, n_words), np.float32)
    own_steps = np.empty((2, n_words), np.float32)
    decay_even, decay_odd = own_decay[0], own_decay[1]
    steps_even, steps_odd = own_steps[0], own_steps[1]
    for h in range(n_heads):
        for chunk in range(n_chunks):
            for j in range(size):
                own_decay[j % 2, j // 2] = decay[chunk * size + j, h]
                own_steps[j % 2, j // 2] = steps[chunk * size + j, h]
            for i in range(size):
                row, out_row = products[h // per_group, chunk, i], out[h, chunk, i]
                here, own = own_decay[i % 2, i // 2], i // 2
                # Sixteen words at a time, past i as well: what comes after it is written over.
                for j in range(min(_VECTOR * (own // _VECTOR + 1), n_words)):
                    even = _exp(here - decay_even[j]) * steps_even[j]
                    odd = _exp(here - decay_odd[j]) * steps_odd[j]
                    out_row[j] = _word(out, _first(row[j]) * even, _second(row[j]) * odd)
                if i % 2 == 0:
                    out_row[own] = _word(out, _first(out_row[own]), np.float32(0.0))
                out_row[own + 1 :] = 0


@_compiled
def carry_state(added: Array, decay: Array, state: Array, before: Array) -> None:
    """The state from chunk to chunk.

    Args:
        added: (g, c, h/g, p*n/2) what each chunk adds.
        decay: (l, h) fp32 log decay since the chunk's start.
        state: (h, 2, p*n/2) before the segment, split; after it when done.
        before: (g, c, h/g, p*n/2) out: the state before each chunk.
    """
    n_groups, n_chunks, per_group, n_words = added.shape
    size = len(decay) // n_chunks
    for g in range(n_groups):
        for k in range(per_group):
            h = g * per_group + k
            even, odd = state[h, 0], state[h, 1]
            for chunk in range(n_chunks):
                total = _exp(decay[(chunk + 1) * size - 1, h])
                row, out_row = added[g, chunk, k], before[g, chunk, k]
                for i in range(n_words):
                    out_row[i] = _word(before, even[i], odd[i])
                    even[i] = even[i] * total + _first(row[i])
                    odd[i] = odd[i] * total + _second(row[i])


@_compiled
def gate_and_normalise(
    inside: Array,
    carried: Array,
    decay: Array,
    d: Array,
    x: Array,
    projected: Array,
    row_scale: Array,
    weight: Array,
    eps: float,
    out: Array,
    out_scale: Array,
) -> None:
    """The layer's output before its projection: y * silu(z), over its rms, times the weight.

    Args:
        inside: (h, l, p/2) what tokens of the same chunk give.
        carried: (g, l, h/g, p/2) what the state before the chunk gives, not yet decayed.
        decay: (l, h) fp32 log decay since the chunk's start.
        d: (h,) fp32 share of x itself.
        x: (h, l, p/2).
        projected: (l, k/2) with the gate z in its first h*p columns.
        row_scale: (l,) fp32, times which it counts.
        weight: (2, g, h*p/g/2) split.
        eps: Added to the mean square of each group.
        out: (l, h*p/2).
        out_scale: (l,) fp32 out, times which `out` counts.
    """
    n_heads, n_tokens, head_words = x.shape
    n_groups, n_words = weight.shape[1], weight.shape[2]
    per_group = n_heads // n_groups
    y = np.empty((2, n_heads * head_words), np.float32)
    shares = np.empty(n_heads, np.float32)
    for t in range(n_tokens):
        here = decay[t]
        for h in range(n_heads):
            shares[h] = _exp(here[h])
        for h in range(n_heads):
            g, k = h // per_group, h % per_group
            share, own = shares[h], d[h]
            even, odd = y[0][h * head_words :], y[1][h * head_words :]
            inside_row, carried_row, x_row = inside[h, t], carried[g, t, k], x[h, t]
            for i in range(head_words):
                even[i] = (
                    _first(inside_row[i]) + share * _first(carried_row[i]) + own * _first(x_row[i])
                )
                odd[i] = (
                    _second(inside_row[i])
                    + share * _second(carried_row[i])
                    + own * _second(x_row[i])
                )
        own = row_scale[t]
        for g in range(n_groups):
            first = g * n_words
            z_row, even, odd = projected[t][first:], y[0][first:], y[1][first:]
            square = np.float32(0.0)
            for i in range(n_words):
                even[i] *= _silu(own * _first(z_row[i]))
                odd[i] *= _silu(own * _second(z_row[i]))
                square += even[i] * even[i] + odd[i] * odd[i]
            scale = _ONE / np.sqrt(square / np.float32(2 * n_words) + np.float32(eps))
            even_weight, odd_weight = weight[0, g], weight[1, g]
            for i in range(n_words):
                even[i] *= scale * even_weight[i]
                odd[i] *= scale * odd_weight[i]
        out_scale[t] = _write(out[t], y[0], y[1])
