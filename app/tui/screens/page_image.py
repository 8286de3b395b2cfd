"""A page as it is printed, the evidence on it marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, ScrollableContainer, Vertical
from textual.markup import escape
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Static

from docqa.app.terminal import fit, one_line
from docqa.app.tui.terminal_images import cell_size, picture
from docqa.app.tui.widgets.page_image import HalfBlockImage
from docqa.engine.errors import DocqaError
from docqa.engine.types import Document, Evidence, Sentence

if TYPE_CHECKING:
    from docqa.engine.exports.page_image import PageImage

ZOOMS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Widths of the picture in widths of the window."""


class PageImageScreen(ModalScreen[int]):
    """Shows pages of one document; closes with the number of the page that was shown last."""

    DEFAULT_CSS = """
    PageImageScreen {
        align: center middle;
        & > Vertical {
            width: 100%; height: 100%; background: $surface; border: round $border;
            border-title-color: $text-primary; border-subtitle-color: $text-muted;
        }
        & #message { padding: 1 2; height: auto; }
        & #password { margin: 0 2; display: none; }
        & #picture { height: 1fr; align-horizontal: center; }
        & .picture { overflow: auto; height: 1fr; }
        & .-hidden { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,i,q", "close", "Text", id="image.close"),
        Binding("n", "evidence(1)", "Next evidence", id="image.next"),
        Binding("p,N", "evidence(-1)", "Previous", id="image.previous"),
        Binding("right_square_bracket", "page(1)", "Page on", id="image.forward"),
        Binding("left_square_bracket", "page(-1)", "Page back", id="image.back"),
        Binding("plus,equals_sign", "zoom(1)", "Larger", id="image.larger"),
        Binding("minus", "zoom(-1)", "Smaller", id="image.smaller"),
    ]

    class Drawn(Message):
        """A picture is there, or the reason why not."""

        def __init__(self, page: int, image: PageImage | None, error: str, locked: bool) -> None:
            super().__init__()
            self.page = page
            self.image = image
            self.error = error
            self.locked = locked

    def __init__(
        self,
        document: Document,
        page: int,
        evidence: Sequence[Evidence] = (),
        current: int | None = None,
    ) -> None:
        """A screen for a document.

        Args:
            document: Whose pages are shown.
            page: The first to show.
            evidence: To mark on the pages; that of this document alone.
            current: Sentence id of the evidence that is framed.
        """
        super().__init__()
        self._document = document
        self._page = page
        self._evidence = [e for e in evidence if e.document_id == document.id]
        ids = [e.sentence_id for e in self._evidence]
        self._current = ids.index(current) if current in ids else None
        self._zoom = 0
        self._password: str | None = None
        self._content: bytes | None = None

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("Drawing the page …", id="message", markup=False)
            yield Input(
                placeholder="Password of the PDF", password=True, id="password", compact=True
            )
            yield Container(id="picture")
        yield Footer()

    def on_mount(self) -> None:
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    # Keys

    def action_close(self) -> None:
        """Back to the text."""
        self.dismiss(self._page)

    def action_page(self, by: int) -> None:
        """One page on or back."""
        page = min(max(self._page + by, 1), len(self._document.pages))
        if page != self._page:
            self._page, self._current = page, None
            self._draw()

    def action_evidence(self, by: int) -> None:
        """On to the next evidence, on whatever page it is."""
        if not self._evidence:
            self.notify("There is no evidence to step through.")
            return
        start = -1 if self._current is None and by > 0 else self._current or 0
        self._current = (start + by) % len(self._evidence)
        sentence = self._evidence[self._current].sentence_id
        self._page = self._document.sentences[sentence].page
        self._draw()

    def action_zoom(self, by: int) -> None:
        """Larger or smaller."""
        zoom = min(max(self._zoom + by, 0), len(ZOOMS) - 1)
        if zoom != self._zoom:
            self._zoom = zoom
            self._draw()

    @on(Input.Submitted, "#password")
    def _on_password(self, event: Input.Submitted) -> None:
        self._password = event.value
        self._draw()

    # Drawing

    def _draw(self) -> None:
        """Have the page drawn in a thread, as wide as the window and the zoom ask."""
        width = max(self.query_one("#picture").size.width - 1, 10)
        cell = cell_size()
        pixels = round(width * ZOOMS[self._zoom]) * (cell[0] if cell else 1)
        self._update_titles()
        self._render_page(self._page, pixels, self._marked(self._page))

    def _marked(self, page: int) -> list[tuple[Sentence, bool]]:
        """What stands of the evidence on a page, and which of it is looked at."""
        current = None if self._current is None else self._evidence[self._current].sentence_id
        return [
            (part, e.sentence_id == current)
            for e in self._evidence
            for part in self._document.sentences[e.sentence_id].parts
            if part.page == page
        ]

    @work(thread=True, exclusive=True, group="page-image", exit_on_error=False)
    def _render_page(self, page: int, width: int, marked: list[tuple[Sentence, bool]]) -> None:
        from docqa.engine.exports.annotated_pdf import needs_password
        from docqa.engine.exports.page_image import Mark, render_page
        from docqa.engine.library.source_file import original_bytes

        document, locked = self._document, False
        try:
            if self._content is None:
                self._content = original_bytes(document.path, document.title, document.id)
            locked = needs_password(self._content)
            if locked and self._password is None:
                message = f"{document.title} is encrypted. Type its password to see its pages."
                self.post_message(self.Drawn(page, None, message, True))
                return
            marks = [
                Mark(document.part_text(part), part.box, is_current) for part, is_current in marked
            ]
            image = render_page(
                self._content,
                page,
                marks,
                width=width,
                title=document.title,
                password=self._password,
            )
        except DocqaError as error:
            self.post_message(self.Drawn(page, None, str(error), locked))
        else:
            self.post_message(self.Drawn(page, image, "", False))

    async def on_page_image_screen_drawn(self, event: Drawn) -> None:
        """Show a picture that came, unless another page is wanted by now."""
        if event.page != self._page:
            return
        message, password = self.query_one("#message", Static), self.query_one("#password")
        message.set_class(event.image is not None, "-hidden")
        password.display = event.image is None and event.locked
        holder = self.query_one("#picture", Container)
        if event.image is None:
            message.update(one_line(event.error))
            await holder.remove_children()
            if event.locked:
                password.focus()
        elif cell_size() is None:
            await self._show_blocks(holder, event.image)
        else:
            await self._show_picture(holder, event.image)

    async def _show_blocks(self, holder: Container, image: PageImage) -> None:
        views = holder.query(HalfBlockImage)
        view = views.first() if views else HalfBlockImage()
        if not views:
            await holder.mount(view)
        view.show(image)
        view.focus()
        if image.current is not None:
            x0, y0, x1, y1 = image.current
            view.scroll_to(
                x=max(min((x0 + x1 - view.size.width) / 2, x0 - 2), 0),
                y=max((y0 + y1) / 4 - view.size.height / 2, 0),
                animate=False,
            )

    async def _show_picture(self, holder: Container, image: PageImage) -> None:
        cell = cell_size()
        assert cell is not None
        await holder.remove_children()
        view = ScrollableContainer(classes="picture")
        await holder.mount(view)
        shown = picture(image)
        shown.styles.width = round(image.width / cell[0])
        shown.styles.height = round(image.height / cell[1])
        await view.mount(shown)
        view.focus()
        if image.current is not None:
            y = (image.current[1] + image.current[3]) / 2 / cell[1]
            self.call_after_refresh(
                view.scroll_to, y=max(y - view.size.height / 2, 0), animate=False
            )

    def _update_titles(self) -> None:
        frame = self.query_one(Vertical)
        n_pages = len(self._document.pages)
        place = f"p. {self._page:,} of {n_pages:,} · {ZOOMS[self._zoom]:.0%}"
        if self._current is not None:
            place += f" · evidence {self._evidence[self._current].rank} of {len(self._evidence)}"
        title = fit(one_line(self._document.title), max(self.size.width - 6, 10))
        frame.border_title = escape(title)
        frame.border_subtitle = place
