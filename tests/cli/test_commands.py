"""The commands around `ask`: ingest, library, history, bench, doctor, completion."""

from __future__ import annotations

import errno
import gzip
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
NOTE = "Jane Doe is our chief executive.\nOur head office is in Springfield.\n"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    (folder / "deep").mkdir(parents=True)
    (folder / "note.txt").write_text(NOTE, encoding="utf-8")
    (folder / "deep" / "other.md").write_text("# Other\n\nWidgets are round.\n", encoding="utf-8")
    (folder / "picture.png").write_bytes(b"no document")
    return folder


def test_ingest_reads_folders_and_passes_over_broken_files(docqa: Run, shelf: Path) -> None:
    (shelf / "broken.pdf").write_bytes(b"%PDF-1.7\n%%EOF")
    result = docqa("ingest", "shelf", "--json")
    assert result.exit_code == 1
    assert "broken.pdf" in result.stderr
    assert [one["title"].lower() for one in json.loads(result.stdout)] == ["other", "note"]
    assert "Traceback" not in result.stderr
    again = docqa("ingest", "shelf/note.txt", "--json")
    assert [one["new"] for one in json.loads(again.stdout)] == [False]


@pytest.mark.skipif(sys.platform != "linux", reason="every name is Unicode there")
def test_ingest_passes_over_a_name_that_is_not_utf_8(docqa: Run, shelf: Path) -> None:
    (shelf / os.fsdecode(b"lat\xe9n.txt")).write_text(NOTE + "Latin.\n", encoding="utf-8")
    result = docqa("ingest", "shelf", "--json")
    assert result.exit_code == 1
    assert "lat\ufffdn.txt: its path is not UTF-8" in result.stderr
    assert [one["title"].lower() for one in json.loads(result.stdout)] == ["other", "note"]


def test_ingest_passes_over_what_may_not_be_looked_at(
    docqa: Run, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a file is taken for one that can be read, and reading it says why it cannot."""
    denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "other.md")
    is_file, open_file = Path.is_file, Path.open

    def refuse(action: Callable[..., Any]) -> Callable[..., Any]:
        def refused(path: Path, *more: Any, **options: Any) -> Any:
            if path.name == "other.md":
                raise denied
            return action(path, *more, **options)

        return refused

    monkeypatch.setattr(Path, "is_file", refuse(is_file))
    monkeypatch.setattr(Path, "open", refuse(open_file))
    result = docqa("ingest", "shelf", "--json")
    assert result.exit_code == 1
    assert "other.md: Permission denied" in result.stderr
    assert [one["title"] for one in json.loads(result.stdout)] == ["note"]


def test_ingest_keeps_where_a_file_is_whatever_folder_comes_next(
    docqa: Run, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = json.loads(docqa("ingest", "shelf/note.txt", "--json").stdout)
    assert first["path"] == str(shelf / "note.txt")
    monkeypatch.chdir(shelf / "deep")
    assert docqa("library", "show", str(shelf / "note.txt"), "--page", "1").exit_code == 0


@pytest.mark.parametrize(
    ("path", "message"), [("none", "No file none"), ("empty", "Nothing to read")]
)
def test_ingest_of_nothing(docqa: Run, tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    result = docqa("ingest", path)
    assert result.exit_code == 1
    assert message in result.stderr


def test_library(docqa: Run, shelf: Path) -> None:
    assert "library is empty" in docqa("library", "list").stderr
    docqa("ingest", "shelf")
    listed = json.loads(docqa("library", "list", "--json").stdout)
    assert {one["n_pages"] for one in listed} == {1}
    assert "note" in docqa("library", "list").stdout
    assert docqa("library", "show", "note", "--text").stdout.rstrip("\n") == NOTE.rstrip("\n")
    assert json.loads(docqa("library", "show", "note", "--json").stdout)["title"] == "note"
    assert docqa("library", "show", "note", "--page", "2").exit_code == 2
    assert docqa("library", "show", "nothing").exit_code == 1
    assert docqa("library", "search", "springfield").stdout == (
        "note, p. 1: Our head office is in Springfield.\n"
    )
    assert json.loads(docqa("library", "search", "offices", "--json").stdout)[0]["page"] == 1
    assert docqa("library", "search", "nowhere").exit_code == 0


def test_a_page_holds_every_character_that_offsets_count(docqa: Run, tmp_path: Path) -> None:
    text = "The \x1b[31mdaily\x1b[0m fee is 42 dollars."
    (tmp_path / "ansi.txt").write_text(text, encoding="utf-8")
    docqa("ingest", "ansi.txt")
    shown = docqa("library", "show", "ansi", "--page", "1").stdout
    assert (
        shown
        == json.loads(docqa("library", "show", "ansi", "--page", "1", "--json").stdout)[0]["text"]
        + "\n"
    )
    assert "\x1b[31m" in shown


HUGE = str(10**30)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("history", "show", HUGE), 1, f"No question {HUGE} in the history"),
        (("history", "show", f"-{HUGE}"), 2, "No such option"),
        (("history", "export", HUGE), 1, f"No question {HUGE} in the history"),
        (("history", "list", "--limit", HUGE), 0, ""),
        (("library", "search", "fee", "--limit", HUGE), 0, ""),
        (("library", "show", "note", "--page", HUGE), 2, "has 1 pages"),
        (("ask", "Who?", "note", "--retriever", "bm25", "--top-k", HUGE, "-q"), 0, ""),
        (("ask", "Who?", "note", "--retriever", "bm25", "--words", HUGE, "-q"), 0, ""),
    ],
)
def test_a_number_too_large(
    docqa: Run, shelf: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    docqa("ingest", "shelf")
    result = docqa(*arguments)
    assert result.exit_code == code, result.stderr
    assert message in result.stderr


def test_library_export_and_remove(docqa: Run, shelf: Path, tmp_path: Path) -> None:
    docqa("ingest", "shelf")
    assert docqa("library", "export", "--out", "all.jsonl").exit_code == 0
    lines = (tmp_path / "all.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2
    (exported,) = docqa("library", "export", "note").stdout.splitlines()
    document = json.loads(exported)
    sentence = document["sentences"][0]
    assert document["pages"][0]["text"][sentence["start"] : sentence["end"]] in NOTE
    assert docqa("library", "remove", "note").exit_code == 2  # nobody to ask
    assert docqa("library", "remove", "note", "--yes").exit_code == 0
    assert docqa("library", "show", "note").exit_code == 1
    assert (shelf / "note.txt").exists()


def test_an_export_replaces_no_file_unless_forced(docqa: Run, shelf: Path, tmp_path: Path) -> None:
    docqa("ingest", "shelf/note.txt")
    (tmp_path / "all.jsonl").write_text("theirs", encoding="utf-8")
    (tmp_path / "all.jsonl.part").write_text("theirs too", encoding="utf-8")
    refused = docqa("library", "export", "--out", "all.jsonl")
    assert refused.exit_code == 1
    assert "all.jsonl exists already. Choose another name, or allow" in refused.stderr
    assert (tmp_path / "all.jsonl").read_text(encoding="utf-8") == "theirs"
    assert docqa("library", "export", "--out", "all.jsonl", "--force").exit_code == 0
    assert json.loads((tmp_path / "all.jsonl").read_text(encoding="utf-8"))["title"] == "note"
    assert (tmp_path / "all.jsonl.part").read_text(encoding="utf-8") == "theirs too"
    nowhere = docqa("library", "export", "--out", "nowhere/all.jsonl")
    assert nowhere.exit_code == 1
    assert "There is no folder nowhere" in nowhere.stderr


def test_an_export_that_fails_leaves_no_half_file(docqa: Run, shelf: Path, tmp_path: Path) -> None:
    docqa("ingest", "shelf")
    assert docqa("library", "export", "note", "nothing", "--out", "out.jsonl").exit_code == 1
    assert not (tmp_path / "out.jsonl").exists()


def test_history(docqa: Run, shelf: Path) -> None:
    assert docqa("history", "list").exit_code == 0
    asked = docqa("ask", "Who is chief?", "shelf/note.txt", "--retriever", "bm25", "--json")
    (listed,) = json.loads(docqa("history", "list", "--json").stdout)
    assert (listed["id"], listed["question"], listed["titles"]) == (1, "Who is chief?", ["note"])
    assert "Who is chief?" in docqa("history", "list").stdout
    assert docqa("history", "show", "1", "--json").stdout == asked.stdout
    assert "Jane Doe" in docqa("history", "show", "1").stdout
    (exported,) = docqa("history", "export").stdout.splitlines()
    assert json.loads(exported)["answer"] == json.loads(asked.stdout)["answer"]
    assert docqa("history", "show", "7").exit_code == 1


def test_bench_retrieval(docqa: Run, tmp_path: Path) -> None:
    start = NOTE.index("Our head")
    line = {
        "doc_id": "note",
        "text": NOTE,
        "questions": [
            {
                "id": "q",
                "question": "Where is the head office?",
                "evidence": [[start, start + 20]],
            }
        ],
    }
    with gzip.open(tmp_path / "x.dev.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    arguments = ("bench", "retrieval", "--data", "x.dev.jsonl.gz", "--retriever", "bm25")
    report = json.loads(docqa(*arguments, "--json").stdout)
    assert report["retriever"] == "bm25"
    assert report["overall"]["mrr"] == 1.0
    assert report["files"][0]["recall_words"]["500"] == 1.0
    assert "x.dev.jsonl.gz" in docqa(*arguments).stdout
    assert docqa("bench", "retrieval", "--data", "none.jsonl").exit_code == 2
    (tmp_path / "bad.jsonl").write_text('{"text": 1}\n')
    bad = docqa("bench", "retrieval", "--data", "bad.jsonl", "--retriever", "bm25")
    assert bad.exit_code == 1
    assert "bad.jsonl, line 1" in bad.stderr


def test_doctor(docqa: Run, tmp_path: Path) -> None:
    result = docqa("doctor", "--retriever", "bm25", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert list(report) == ["python", "packages", "retriever", "generator", "library", "missing"]
    assert report["retriever"]["name"] == "bm25"
    assert report["missing"] == []
    assert "not made yet" in report["library"]["state"]
    missing = docqa("doctor", "--retriever", "mamba", "--checkpoint", "none")
    assert missing.exit_code == 3
    assert "No checkpoint folder none" in missing.stdout
    (tmp_path / "library.db").write_bytes(b"no library at all, but something else" * 10)
    damaged = docqa("doctor", "--retriever", "bm25", "--library", "library.db")
    assert damaged.exit_code == 3
    assert "no library" in damaged.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(docqa: Run, shell: str) -> None:
    result = docqa("completion", shell)
    assert result.exit_code == 0
    assert "_DOCQA_COMPLETE" in result.stdout
    assert docqa("completion", "csh").exit_code == 2


def test_help_without_arguments(docqa: Run) -> None:
    result = docqa()
    assert "docqa ask" in result.output
    assert docqa("--help").exit_code == 0
    assert docqa("--version").stdout.startswith("docqa 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "fee?", "~nobody-of-this-name/y.pdf"],
        ["ask", "fee?", "~nobody-of-this-name"],
        ["library", "show", "~nobody-of-this-name"],
        ["ingest", "~nobody-of-this-name"],
    ],
)
def test_the_home_of_nobody_is_a_name_that_is_not_there(docqa: Run, arguments: list[str]) -> None:
    done = docqa(*arguments)
    assert done.exit_code in (1, 2)
    assert "bug" not in done.stderr
    assert "~nobody-of-this-name" in done.stderr


def test_a_library_in_the_home_of_nobody_is_a_file_here(docqa: Run, tmp_path: Path) -> None:
    done = docqa("library", "list", "--library", "~nobody-of-this-name/l.db")
    assert "bug" not in done.stderr


def test_a_title_in_an_error_cannot_steer_the_terminal(docqa: Run) -> None:
    from docqa.app.config import load_settings
    from docqa.engine.ingest.documents import document_from_text
    from docqa.engine.library.store import Store

    with Store(load_settings().library_path) as store:
        store.add(document_from_text(NOTE, title="plan \x1b]0;evil\x07\x9b"))
    done = docqa("library", "remove", "plan")
    assert done.exit_code == 2
    assert "Add --yes to remove plan ]0;evil (" in done.stderr
    assert not any(one in done.stderr for one in "\x1b\x07\x9b")
    unknown = docqa("library", "list", "--\x1b[2Jx")
    assert unknown.exit_code == 2
    assert "\x1b" not in unknown.stderr
