"""Where the retriever is in the document, and where in it the best sentences stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from docqa.app.output import ordinal
from docqa.app.terminal import fit

if TYPE_CHECKING:
    from docqa.app.jobs.protocol import ReadingAt


class ReadingBar(Widget):
    """Two lines: the document as a bar, and how fast it is read."""

    DEFAULT_CSS = """
    ReadingBar { height: 2; padding: 0 1; }
    """
    ALLOW_SELECT = False

    at: reactive[ReadingAt | None] = reactive(None)
    """None = the model is not reading yet."""
    doing: reactive[str] = reactive("Getting ready …")
    """What is done instead of reading."""
    best_pages: reactive[tuple[int, ...]] = reactive(())
    """Pages of the best sentences so far."""

    def watch_at(self, at: ReadingAt | None) -> None:
        """Remember where evidence stands; it is not told every time."""
        if at is not None and at.best is not None:
            self.best_pages = tuple(dict.fromkeys(found.page for found in at.best))

    def render(self) -> Content:
        """The bar over its figures."""
        if self.at is None:
            return Content.styled(self.doing, "dim")
        return Content.assemble(self._bar(self.at), "\n", (self.figures, "dim"))

    @property
    def figures(self) -> str:
        """Page, speed and time left, as many as fit."""
        at = self.at
        if at is None:
            return self.doing
        parts = [f"p. {at.page:,} of {at.n_pages:,}"]
        if at.hop > 1:
            parts.insert(0, f"{ordinal(at.hop)} reading")
        if at.n_documents > 1:
            parts.insert(0, f"document {at.document} of {at.n_documents}")
        parts.append(f"{at.share:.0%}")
        if at.tokens_per_second:
            parts.append(f"{at.tokens_per_second:,.0f} tokens/s")
        parts.append(_time_left(at.seconds_left) if at.share < 1 else "choosing evidence …")
        return fit(" · ".join(parts), max(self.content_size.width, 20))

    def _bar(self, at: ReadingAt) -> Content:
        """A cell for each stretch of pages: read, not read, or with evidence."""
        width = max(self.content_size.width, 10)
        share = at.page / max(at.n_pages, 1)
        n_read = width if at.share >= 1 else min(round(share * width), width)
        marked = {
            min((page - 1) * width // max(at.n_pages, 1), width - 1) for page in self.best_pages
        }
        cells = [
            ("◆", "bold $text-accent")
            if cell in marked
            else ("━", "$text-primary")
            if cell < n_read
            else ("─", "dim")
            for cell in range(width)
        ]
        return Content.assemble(*cells)


def _time_left(seconds: float) -> str:
    return f"{seconds:.0f} s left" if seconds < 100 else f"{seconds / 60:.0f} min left"
