"""What the engine process keeps between questions: the library, the models, the last documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docqa.app.config import Settings
    from docqa.engine.generators.base import Generator
    from docqa.engine.library.store import Store
    from docqa.engine.retrievers.retriever import Retriever
    from docqa.engine.types import Document

OF_THE_SCREEN = {"theme", "keymap"}
"""Settings that no model depends on."""


@dataclass(frozen=True)
class LoadedModels:
    """A retriever and a generator, ready."""

    retriever: Retriever
    generator: Generator


class ModelShelf:
    """Loads what a question needs and keeps it until another question needs something else."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self._models: tuple[dict[str, Any], LoadedModels] | None = None
        self._documents: dict[str, Document] = {}

    def store(self, library: str) -> Store:
        """The library, opened once."""
        from docqa.engine.library.store import Store

        if self._store is None or self._store.path != Path(library):
            if self._store is not None:
                self._store.close()
            self._store, self._models, self._documents = None, None, {}
            self._store = Store(Path(library))
        return self._store

    def has_models(self, library: str, settings: dict[str, Any]) -> bool:
        """Whether `models` answers at once."""
        return (
            self._models is not None
            and self._models[0] == _relevant(settings)
            and self._store is not None
            and self._store.path == Path(library)
        )

    def models(self, library: str, settings: dict[str, Any]) -> LoadedModels:
        """The models of the settings."""
        from docqa.app.session import check_choices, load_models

        store = self.store(library)
        if self._models is None or not self.has_models(library, settings):
            self._models = None  # two checkpoints need not fit into memory
            chosen = _settings(settings)
            check_choices(chosen, checkpoint_given=False)
            self._models = (_relevant(settings), LoadedModels(*load_models(chosen, store)))
        return self._models[1]

    def documents(self, library: str, document_ids: Sequence[str]) -> list[Document]:
        """Documents by id; those of the last question are still here."""
        store = self.store(library)
        self._documents = {
            document_id: self._documents.get(document_id) or store.load(document_id)
            for document_id in document_ids
        }
        return list(self._documents.values())


def _settings(values: dict[str, Any]) -> Settings:
    """Settings as the application holds them; it has checked them."""
    from docqa.app.config import Settings

    return Settings(**values)


def _relevant(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in OF_THE_SCREEN}
