"""`docqa library`: what is kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from docqa.app.options import json_option, library_option

if TYPE_CHECKING:
    from docqa.engine.types import Document


@click.group()
def library() -> None:
    """The documents that were read."""


@library.command("list")
@library_option
@json_option
def list_documents(library: str | None, as_json: bool) -> None:
    """All documents, the last used first."""
    from docqa.app.output import print_json, print_table

    with _open(library) as store:
        documents = store.documents()
    if as_json:
        print_json([dataclasses.asdict(document) for document in documents])
    elif not documents:
        click.echo("The library is empty. Add to it: docqa ingest report.pdf", err=True)
    else:
        print_table(
            ["id", "title", "pages", "words", "used"],
            [
                [d.short_id, d.title, f"{d.n_pages:,}", f"{d.n_words:,}", d.used_at[:16]]
                for d in documents
            ],
        )


@library.command()
@click.argument("document")
@click.option("--text", "as_text", is_flag=True, help="The page texts, as they were read.")
@click.option(
    "--page", type=click.IntRange(min=1), metavar="N", help="Only this page; implies --text."
)
@library_option
@json_option
def show(
    document: str, as_text: bool, page: int | None, library: str | None, as_json: bool
) -> None:
    """What is known of DOCUMENT, or its text.

    Offsets of evidence count characters in the text of its page, as `--text --page N` prints it.
    """
    from docqa.app.output import print_json, print_page_text, print_table
    from docqa.engine.errors import ConfigError

    with _open(library) as store:
        stored = store.find(document)
        found = store.load(stored.id)
    if page is not None and page > len(found.pages):
        raise ConfigError(f"{found.title} has {len(found.pages)} pages, not {page}.")
    pages = found.pages if page is None else found.pages[page - 1 : page]
    if as_text or page is not None:
        if as_json:
            print_json([{"page": p.number, "status": p.status, "text": p.text} for p in pages])
        elif page is not None:
            print_page_text(pages[0].text)
        else:
            print_page_text(found.text)
    elif as_json:
        print_json(
            {**dataclasses.asdict(stored), "unread_pages": list(found.unread_pages)},
        )
    else:
        unread = ", ".join(map(str, found.unread_pages)) or "none"
        rows = {**dataclasses.asdict(stored), "unread pages": unread}
        print_table(["what", "is"], [[key.replace("_", " "), rows[key]] for key in rows])


@library.command()
@click.argument("words", nargs=-1, required=True)
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most sentences."
)
@library_option
@json_option
def search(words: tuple[str, ...], limit: int, library: str | None, as_json: bool) -> None:
    """Sentences of all documents that hold all WORDS; a phrase stands in quotes."""
    from docqa.app.output import print_json
    from docqa.app.terminal import one_line

    with _open(library) as store:
        hits = store.search(" ".join(words), n_hits=limit)
    if as_json:
        print_json([dataclasses.asdict(hit) for hit in hits])
        return
    for hit in hits:
        click.echo(f"{one_line(hit.title)}, p. {hit.page}: {one_line(hit.text)}")
    if not hits:
        click.echo("Nothing found.", err=True)


@library.command()
@click.argument("document")
@click.option("--history", "with_history", is_flag=True, help="Forget the questions asked of it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@library_option
def remove(document: str, with_history: bool, yes: bool, library: str | None) -> None:
    """Remove DOCUMENT from the library. Its file is not touched."""
    from docqa.app.session import is_tty
    from docqa.app.terminal import one_line

    with _open(library) as store:
        stored = store.find(document)
        title = one_line(stored.title)
        if not yes and not is_tty():
            raise click.UsageError(f"Add --yes to remove {title} ({stored.short_id}).")
        if not yes:
            click.confirm(f"Remove {title} ({stored.n_pages} pages)?", abort=True, err=True)
        store.remove(stored.id, with_history=with_history)
    click.echo(f"Removed {title}.", err=True)


@library.command()
@click.argument("documents", nargs=-1, metavar="[DOCUMENT]...")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Default: stdout.")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@library_option
def export(documents: tuple[str, ...], out: Path | None, force: bool, library: str | None) -> None:
    """Documents with pages and sentences as JSON Lines; without a name, all of them."""
    from docqa.app.output import export_lines

    with _open(library) as store:
        chosen = [store.find(name) for name in documents] or store.documents()
        lines = (document_json(store.load(stored.id)) for stored in chosen)
        export_lines(lines, out, overwrite=force)


def document_json(document: Document) -> dict[str, Any]:
    """Everything that is known of a document."""
    return {
        "id": document.id,
        "title": document.title,
        "path": document.path,
        "segmenter": document.segmenter,
        "pages": [
            {"page": page.number, "status": page.status, "text": page.text}
            for page in document.pages
        ],
        "sentences": [dataclasses.asdict(sentence) for sentence in document.sentences],
    }


def _open(library: str | None) -> Any:
    from docqa.app.config import load_settings
    from docqa.app.session import open_library

    return open_library(load_settings({"library": library}))
