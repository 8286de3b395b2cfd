"""One great pickled dict of dicts, entry by entry, without ever running what it may order.

`docqa.trainer.retriever.plain_pickle` reads many small pickles with Python's own unpickler, which
keeps everything it ever built until the end of a pickle, because that may refer back to it: of a
file of several GB this would take ten times as much memory. This reader knows only the signs that
build dict, list, tuple, str, int, float, bool and None; any other is refused before it acts. A
first pass over the file notes which objects are referred to again, and until when. The second keeps
only those, and an entry is gone when the next one is asked for.
"""

from __future__ import annotations

import pickletools
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from docqa.engine.errors import TrainingError

READ_BYTES = 1 << 20
_INTEGERS = re.compile(rb"(?:K.|M..|J.{4})+", re.DOTALL)
"""Runs of them are most of a file of token ids, so they are read as a run."""
_INTEGER = re.compile(rb"K.|M..|J.{4}", re.DOTALL)
_NUMBERS = {b"K": "<B", b"M": "<H", b"J": "<i", b"G": ">d"}
_STRINGS = {b"\x8c": "<B", b"X": "<I", b"\x8d": "<Q"}
_PUTS = {b"q": "<B", b"r": "<I"}
_GETS = {b"h": "<B", b"j": "<I"}
_CONSTANTS = {b"N": None, b"\x88": True, b"\x89": False}
_TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}
_WITHOUT_ARGUMENT = frozenset(
    [b"}", b"]", b")", b"(", b"s", b"u", b"a", b"e", b"t", b"\x94", *_CONSTANTS, *_TUPLES]
)
_NAMES = {one.code.encode("latin-1"): one.name for one in pickletools.opcodes}

Entry: TypeAlias = tuple[Any, Any, dict[Any, Any]]
"""Key in the outer dict, key in the inner one, value."""
Signs: TypeAlias = Iterator[tuple[bytes, Any]]


def read_entries(path: Path, field: str) -> Iterator[Entry]:
    """Stream a pickled dict of dicts of entries, each with its two keys.

    Args:
        path: The file.
        field: What every entry has: a dict that holds it is one.

    Raises:
        TrainingError: When the pickle holds anything but plain values, or is damaged.
    """
    with path.open("rb") as file:
        source = _Source(file)
        try:
            last_use = _last_uses(_signs(source, wants_text=False))
            source = _Source(file)
            yield from _entries(_signs(source), last_use, field)
        except _ForbiddenSign as error:
            raise TrainingError(
                f"{path} asks for more than plain values ({error} at byte {source.place - 1}); "
                "docqa has run nothing of it.",
                "Fetch it again: docqa bench fetch",
            ) from None
        except (EOFError, IndexError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise TrainingError(
                f"{path} is damaged at byte {source.place}: {type(error).__name__} {error}.",
                "Fetch it again: docqa bench fetch",
            ) from None


class _ForbiddenSign(Exception):
    """A sign that builds no plain value."""


class _Source:
    """A file from its beginning, read in blocks."""

    def __init__(self, file: BinaryIO) -> None:
        self._size = file.seek(0, 2)
        file.seek(0)
        self._file = file
        self._block, self._at = b"", 0

    @property
    def place(self) -> int:
        """Bytes taken so far."""
        return self._file.tell() - len(self._block) + self._at

    def take(self, n_bytes: int) -> bytes:
        """The next bytes.

        Raises:
            EOFError: When the file ends before.
        """
        if self._at + n_bytes > len(self._block):
            if self.place + n_bytes > self._size:
                raise EOFError("the file ends too early")
            rest = self._block[self._at :]
            self._block, self._at = rest + self._file.read(max(n_bytes, READ_BYTES)), 0
        self._at += n_bytes
        return self._block[self._at - n_bytes : self._at]

    def number(self, form: str) -> Any:
        """The next number of that `struct` form."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def integers(self) -> bytes:
        """The run of whole numbers that lies ahead in this block; may be empty."""
        run = _INTEGERS.match(self._block, self._at)
        self._at = run.end() if run else self._at
        return run[0] if run else b""


def _signs(source: _Source, *, wants_text: bool = True) -> Signs:
    """Every sign with its argument; a run of numbers comes as `K` with a list."""
    if source.take(1) != b"\x80" or source.take(1) not in (b"\x02", b"\x03", b"\x04", b"\x05"):
        raise KeyError("no pickle of protocol 2 to 5")
    while True:
        if run := source.integers():
            yield b"K", run
        sign = source.take(1)
        if sign in _WITHOUT_ARGUMENT:
            yield sign, None
        elif sign in _STRINGS:
            text = source.take(source.number(_STRINGS[sign]))
            yield b"X", text.decode("utf-8", "surrogatepass") if wants_text else None
        elif sign in _PUTS:
            yield b"q", source.number(_PUTS[sign])
        elif sign in _GETS:
            yield b"h", source.number(_GETS[sign])
        elif sign in _NUMBERS:
            yield b"G", source.number(_NUMBERS[sign])
        elif sign == b"\x8a":
            digits = source.take(source.number("<B"))
            yield b"G", int.from_bytes(digits, "little", signed=True)
        elif sign == b"\x95":
            source.take(8)  # the length of a frame, which nobody needs
        elif sign == b".":
            return
        else:
            raise _ForbiddenSign(_NAMES.get(sign, repr(sign)))


def _last_uses(signs: Signs) -> dict[int, int]:
    """For each object that is referred to again, how many references come up to the last one."""
    last_use: dict[int, int] = {}
    n_references = 0
    for sign, argument in signs:
        if sign == b"h":
            n_references += 1
            last_use[argument] = n_references
    return last_use


def _entries(signs: Signs, last_use: dict[int, int], field: str) -> Iterator[Entry]:
    """Build the values, and hand out every dict that holds the field once it is filled."""
    stack: list[Any] = []
    marks: list[int] = []
    memo = _Memo(last_use)
    for sign, argument in signs:
        if sign == b"K":
            stack += map(_integer, _INTEGER.findall(argument))
        elif sign in (b"X", b"G"):
            stack.append(argument)
        elif sign == b"\x94":
            memo.put(memo.n_puts, stack[-1])
        elif sign == b"q":
            memo.put(argument, stack[-1])
        elif sign == b"h":
            stack.append(memo.get(argument))
        elif sign == b"(":
            marks.append(len(stack))
        elif sign in _CONSTANTS:
            stack.append(_CONSTANTS[sign])
        elif sign in _NEW:
            stack.append(_NEW[sign]())
        elif sign in _TUPLES:
            _gather(stack, len(stack) - _TUPLES[sign])
        elif sign == b"t":
            _gather(stack, marks.pop())
        else:
            start = marks.pop() if sign in b"ue" else len(stack) - (2 if sign == b"s" else 1)
            _fill(stack, start)
            filled = stack[-1]
            if isinstance(filled, dict) and field in filled:
                yield _outer_key(stack), stack[-2], filled
                stack[-1] = _GIVEN


class _Memo:
    """Objects that will be referred to again."""

    def __init__(self, last_use: dict[int, int]) -> None:
        self.n_puts = 0
        self._last_use = last_use
        self._n_gets = 0
        self._kept: dict[int, Any] = {}

    def put(self, number: int, value: Any) -> None:
        self.n_puts += 1
        if number in self._last_use:
            self._kept[number] = value

    def get(self, number: int) -> Any:
        self._n_gets += 1
        is_last = self._last_use[number] == self._n_gets
        return self._kept.pop(number) if is_last else self._kept[number]


_GIVEN = object()
"""Stands where an entry was that has been handed out."""
_NEW: dict[bytes, Callable[[], Any]] = {b"}": dict, b"]": list, b")": tuple}


def _integer(sign: bytes) -> int:
    return int.from_bytes(sign[1:], "little", signed=len(sign) == 5)


def _gather(stack: list[Any], start: int) -> None:
    """Make a tuple of what stands on the stack from there on."""
    stack[start:] = [tuple(stack[start:])]


def _fill(stack: list[Any], start: int) -> None:
    """Put what stands on the stack from there on into the list or dict below it."""
    items, container = stack[start:], stack[start - 1]
    del stack[start:]
    if isinstance(container, list):
        container += items
    elif isinstance(container, dict):
        pairs = zip(items[::2], items[1::2], strict=True)
        container.update((key, value) for key, value in pairs if value is not _GIVEN)
    else:
        raise TypeError(f"items for a {type(container).__name__}")


def _outer_key(stack: list[Any]) -> Any:
    """The key of the dict that the entry on top of the stack will be put into.

    Below the entry's key stand the pairs handed out before it, then that dict, then its key.
    """
    i = len(stack) - 3
    while stack[i] is not stack[0] and not isinstance(stack[i], dict):
        i -= 2
    return stack[i - 1] if i > 0 else None
