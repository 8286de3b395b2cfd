"""The windows of the next step, drawn by a thread while this step is computed.

A GPU computes a step in less time than its windows take to be drawn and computed one after the
other; a core draws 1.8 million tokens a second, so that one thread is enough.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from docqa.trainer.retriever.recipe import Recipe
from docqa.trainer.retriever.step import batch_shape
from docqa.trainer.retriever.windows import Window, WindowSampler

State = dict[str, object]


class WindowsAhead:
    """Windows step by step, the same as the sampler alone would give.

    Its state is that of the sampler before what was drawn ahead, so that a resumed run draws it
    again.
    """

    def __init__(self, sampler: WindowSampler, recipe: Recipe) -> None:
        self._sampler = sampler
        self._recipe = recipe
        self._thread = ThreadPoolExecutor(1, "windows")
        self._next: Future[tuple[list[Window], State]] | None = None
        self._state = sampler.state

    @property
    def state(self) -> State:
        """See `WindowSampler.state`; as of the step whose windows were taken last."""
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        if self._next is not None:
            self._next.exception()  # waits: the thread must not draw on from the new state
            self._next = None
        self._sampler.state = state
        self._state = state

    def windows(self, step: int) -> list[Window]:
        """The windows of a step; steps are asked for in their order.

        Raises:
            TrainingError: When no answer fits into a window.
        """
        drawn = self._next or self._thread.submit(self._draw, step)
        windows, self._state = drawn.result()
        is_last = step + 1 >= self._recipe.run.n_steps
        self._next = None if is_last else self._thread.submit(self._draw, step + 1)
        return windows

    def _draw(self, step: int) -> tuple[list[Window], State]:
        windows = self._sampler.batch(*batch_shape(step, self._recipe))
        return windows, self._sampler.state
