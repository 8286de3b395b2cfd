"""What an import may load, and who may import whom."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {"torch", "numpy", "textual", "rich", "pymupdf", "pydantic", "sqlite_utils", "bm25s"}


def loaded_by(code: str) -> tuple[set[str], str]:
    """The top-level modules that some code loads in a fresh process, and what it printed."""
    report = "import json, sys; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    *printed, modules = done.stdout.splitlines()
    return set(json.loads(modules)), "\n".join(printed) + done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import docqa.app.cli",
        "from docqa.app.cli import cli; cli(['--help'], standalone_mode=False)",
        "from docqa.app.cli import cli; cli(['ask', '--help'], standalone_mode=False)",
        "from docqa.app.cli import cli; cli(['ask', '  '], standalone_mode=False)",
    ],
)
def test_the_command_line_loads_nothing_heavy(code: str) -> None:
    assert not HEAVY & loaded_by(code)[0]


def test_the_pipeline_loads_neither_torch_nor_a_pdf_library() -> None:
    assert (
        not {"torch", "pymupdf", "textual", "rich"} & loaded_by("import docqa.engine.pipeline")[0]
    )


def test_settings_load_neither_torch_nor_numpy() -> None:
    assert not {"torch", "numpy"} & loaded_by("import docqa.app.config")[0]


def test_a_bm25_question_loads_no_torch() -> None:
    code = (
        "from docqa.engine.ingest.documents import document_from_text\n"
        "from docqa.engine.retrievers.retriever import load_retriever\n"
        "from docqa.engine import pipeline\n"
        "from docqa.engine.generators.base import load_generator\n"
        "document = document_from_text('Jane is chief. Bob is not.', title='t')\n"
        "pipeline.ask('Who?', [document], load_retriever('bm25'), load_generator('extractive'))"
    )
    assert "torch" not in loaded_by(code)[0]


def engine_modules() -> list[str]:
    files = sorted((ROOT / "engine").rglob("*.py"))
    return [
        ".".join(["docqa", *file.relative_to(ROOT).with_suffix("").parts])
        for file in files
        if file.name != "__init__.py"
    ]


def test_the_engine_prints_nothing_on_import_and_knows_no_user_interface() -> None:
    code = "import importlib\nfor m in %r: importlib.import_module(m)" % (engine_modules(),)  # noqa: UP031
    modules, printed = loaded_by(code)
    assert printed.strip() == ""
    assert not {"textual", "rich"} & modules


def test_import_contracts() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
