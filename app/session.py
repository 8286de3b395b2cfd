"""What the commands do before they can work: open the library, the documents, the models."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from docqa.engine.errors import ConfigError, IngestError
from docqa.engine.paths import expand, named_path

if TYPE_CHECKING:
    from docqa.app.config import Settings
    from docqa.app.diagnostics import Narrator
    from docqa.app.keys import Key
    from docqa.engine.generators.base import Generator, LoadedGenerator, OnStep
    from docqa.engine.library.store import Store
    from docqa.engine.retrievers.retriever import EncoderOptions, Retriever
    from docqa.engine.types import Document

STDIN = "-"
FILE_SUFFIXES = (".pdf", ".txt", ".text", ".md", ".markdown")


@contextmanager
def open_library(settings: Settings) -> Iterator[Store]:
    """The library of the settings, closed at the end."""
    from docqa.engine.library.store import Store

    with Store(settings.library_path) as store:
        yield store


def open_documents(
    references: Sequence[str], store: Store, narrator: Narrator, password: str | None
) -> list[Document]:
    """What the user named: files, `-`, titles or ids; nothing = what was used last."""
    if not references:
        last = store.last_used()
        if last is None:
            raise ConfigError(
                "No document named, and the library is empty.",
                'Name one: docqa ask "What …?" report.pdf',
            )
        return [store.load(last.id)]
    if list(references).count(STDIN) > 1:
        raise ConfigError("`-` can be given once: there is one standard input.")
    documents = [open_document(name, store, narrator, password) for name in references]
    return list({document.id: document for document in documents}.values())


def open_document(
    reference: str, store: Store, narrator: Narrator, password: str | None
) -> Document:
    """One document: `-`, a file that exists, or one of the library."""
    from docqa.engine.pipeline import open_file

    if reference == STDIN:
        return _open_stdin(store)
    path = named_path(reference)
    if path is not None and path.is_dir():
        raise ConfigError(
            f"{reference} is a folder.",
            f"Take its files into the library: docqa ingest {reference}",
        )
    if path is not None and path.is_file():
        document, fresh = open_file(
            store, path, password=password, on_progress=narrator.ingesting(path.name)
        )
        narrator.clear()
        if fresh:
            describe(document, narrator)
        return document
    if Path(reference).suffix.lower() in FILE_SUFFIXES and not _is_stored(reference, store):
        raise IngestError(f"No file {reference}.", "Check the path, or see: docqa library list")
    return store.document(reference)


def describe(document: Document, narrator: Narrator) -> None:
    """Say what was read of a file, and what could not be."""
    n_pages = len(document.pages)
    narrator.say(
        f"Read {document.title}: {n_pages:,} {'page' if n_pages == 1 else 'pages'}, "
        f"{len(document.sentences):,} sentences, {document.n_words:,} words."
    )
    unread = document.unread_pages
    if unread:
        few = ", ".join(map(str, unread[:10])) + (", …" if len(unread) > 10 else "")
        narrator.warn(
            f"{len(unread)} of {n_pages} pages could not be read (p. {few}): "
            f"scans or unusable text. Run OCR first: ocrmypdf {document.path} out.pdf"
        )


def check_choices(settings: Settings, *, checkpoint_given: bool) -> None:
    """What can be said wrong before a model is loaded, which takes seconds.

    Raises:
        ConfigError: When two settings contradict each other.
        MissingError: When a part is chosen that this version or machine does not have.
    """
    if checkpoint_given and settings.retriever == "bm25":
        raise ConfigError(
            "--checkpoint has no use with the retriever bm25.", "Add --retriever mamba."
        )
    if settings.strategy != "direct" and settings.generator == "extractive":
        raise ConfigError(
            f"The strategy {settings.strategy!r} needs a language model, and the generator "
            "extractive is none.",
            "Add --generator llama --model FILE.gguf, or --generator openai --base-url URL.",
        )
    if settings.retriever != "bm25":
        chosen_checkpoint(settings)


def chosen_checkpoint(settings: Settings) -> Path | None:
    """The folder of the checkpoint in the settings; None = the embedded one.

    Raises:
        MissingError: When it names neither an installed checkpoint nor a folder.
    """
    from docqa.engine.checkpoints.installed import checkpoint_folder

    return checkpoint_folder(settings.checkpoint) if settings.checkpoint else None


def chosen_encoder(
    settings: Settings, *, preset: str | None, url: str | None, model: str | None
) -> EncoderOptions | None:
    """The encoder that the options `--embedding-…` name; None = the one of the checkpoint.

    Raises:
        ConfigError: When they contradict each other or the settings.
        MissingError: When the folder of a preset is not there.
    """
    from docqa.app.keys import find_key
    from docqa.engine.retrievers.embedding_presets import find_preset, folder_of
    from docqa.engine.retrievers.retriever import EncoderOptions

    if not (preset or url or model):
        return None
    if settings.retriever not in ("embedding", "fusion"):
        raise ConfigError(
            f"--embedding-… has no use with the retriever {settings.retriever}.",
            "Add --retriever embedding, or fusion.",
        )
    if preset and (url or model):
        raise ConfigError(
            f"The encoder is either in a folder (--embedding-preset {preset}) or behind a server "
            "(--embedding-url, --embedding-model).",
            "Choose one.",
        )
    if preset:
        place = expand(settings.checkpoint) if settings.checkpoint else None
        folder_of(find_preset(preset), place)
        return EncoderOptions(preset=preset)
    if not (url and model):
        missing = "--embedding-model NAME" if url else "--embedding-url URL"
        raise ConfigError(
            "A server that embeds is named by its address and its model.", f"Add {missing}"
        )
    if settings.checkpoint:
        raise ConfigError(
            f"The checkpoint {settings.checkpoint} has no use with --embedding-url.",
            'Leave it away: --checkpoint ""',
        )
    key = find_key(url)
    return EncoderOptions(
        base_url=url,
        model=model,
        api_key=key.value if key else None,
        timeout_seconds=float(settings.timeout_seconds),
    )


def load_models(
    settings: Settings, store: Store, *, generator: LoadedGenerator | None = None
) -> tuple[Retriever, Generator]:
    """The retriever and the generator of the settings.

    Args:
        settings: What holds.
        store: Keeps the tokens of documents.
        generator: The one of the settings, where it was opened and checked before.
    """
    from docqa.engine.generators.extractive.generator import ExtractiveGenerator
    from docqa.engine.reader import reader_of
    from docqa.engine.retrievers.retriever import load_retriever

    if generator is None:
        generator = open_generator(settings)
        generator.check()  # says at once what is not there; the retriever takes long
    retriever = load_retriever(
        settings.retriever,
        checkpoint=chosen_checkpoint(settings),
        device=settings.device,
        cache=store,
    )
    generator.threshold = abstention_threshold(retriever)
    if isinstance(generator, ExtractiveGenerator):
        generator.reader = reader_of(retriever)
    return retriever, generator


def open_generator(settings: Settings, on_step: OnStep | None = None) -> LoadedGenerator:
    """The generator of the settings, with the key for its server.

    Says on stderr where questions and evidence go if the folder decides that.
    """
    from docqa.app.diagnostics import complain
    from docqa.engine.generators.base import ModelOptions, load_generator

    notice = server_notice(settings)
    if notice:
        complain(notice)
    key = server_key(settings) if settings.generator == "openai" else None
    options = ModelOptions(
        strategy=settings.strategy,
        model=settings.model,
        base_url=settings.base_url,
        api_key=key.value if key else None,
        context_tokens=settings.context_tokens,
        answer_tokens=settings.answer_tokens,
        timeout_seconds=float(settings.timeout_seconds),
        device=settings.device,
    )
    return load_generator(settings.generator, options=options, on_step=on_step)


def server_key(settings: Settings) -> Key | None:
    """The key for the server of the settings, if there is one."""
    from docqa.app.config import is_server_of_folder
    from docqa.app.keys import find_key

    return find_key(settings.base_url, is_of_folder=is_server_of_folder(settings))


def server_notice(settings: Settings) -> str:
    """Which server is asked, where only ./docqa.toml names it; empty where the user does."""
    from docqa.app.config import is_server_of_folder
    from docqa.app.keys import without_login

    if settings.generator != "openai" or not is_server_of_folder(settings):
        return ""
    return (
        f"./docqa.toml of this folder names the server that is asked: "
        f"{without_login(settings.base_url)}. DOCQA_API_KEY is not sent to it unless you name it "
        "too: docqa config set base_url URL"
    )


def abstention_threshold(retriever: Retriever) -> float:
    """The confidence below which the answer is that the documents do not say."""
    from docqa.engine.retrievers.confidence import calibration_of

    return calibration_of(retriever).threshold


def _open_stdin(store: Store) -> Document:
    from docqa.engine.ingest.documents import document_from_text

    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise IngestError(
            f"The text on stdin is not UTF-8 (byte {error.start}).",
            "Convert it: iconv -f latin1 -t utf-8",
        ) from None
    if not text.strip():
        raise IngestError("The text on stdin is empty.", "Pipe text into docqa, or name a file.")
    text = text.replace("\r\n", "\n").replace("\0", " ")
    document = document_from_text(text, title="standard input", is_wrapped=True)
    if store.get(document.id) is None:
        store.add(document)
    return document


def _is_stored(reference: str, store: Store) -> bool:
    from docqa.engine.errors import StoreError

    try:
        store.find(reference)
    except StoreError as error:
        return "fits" in error.message
    return True


def is_tty() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
