"""Work in stages, one thread each: while a stage has one item, the stage before has the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

Item = TypeVar("Item")


def through_stages(
    stages: Sequence[Callable[[Item], Item]],
    items: Iterable[Item],
    prepare_thread: Callable[[], None] | None = None,
) -> Generator[Item]:
    """Yield the items in their order after all stages.

    Closing the iterator stops the work: what has begun is finished, nothing more is begun.

    Args:
        stages: Each sees one item at a time, in order, in a thread of its own.
        items: Taken in the caller's thread, at most one more than there are stages ahead.
        prepare_thread: Called first in each thread.

    Raises:
        Exception: The first that a stage or `items` raised.
    """
    with ExitStack() as stack:
        threads = [
            stack.enter_context(ThreadPoolExecutor(1, "stage", prepare_thread)) for _ in stages
        ]
        under_way: deque[Future[Item]] = deque()
        try:
            for item in items:
                done: Future[Item] = Future()
                done.set_result(item)
                for stage, thread in zip(stages, threads, strict=True):
                    done = thread.submit(_after, stage, done)
                under_way.append(done)
                if len(under_way) > len(stages):
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for thread in threads:
                thread.shutdown(wait=False, cancel_futures=True)


def _after(stage: Callable[[Item], Item], before: Future[Item]) -> Item:
    return stage(before.result())
