"""`docqa models` against a hub on this machine that speaks the real one's API."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from docqa.engine.checkpoints.catalogue import CATALOGUE, TOKENIZER
from docqa.engine.checkpoints.installed import checkpoints_folder, incoming_folder
from tests.checkpoints.conftest import (
    BASE,
    FIRST,
    SCANNER,
    SECOND,
    Files,
    published_files,
    published_tensors,
)
from tests.checkpoints.hub_server import Hub, Repository, blob_id, sha256
from tests.conftest import Run

NAME = "SPScanner-130m"
NOTE = "Ada Holm leads the company since 1998.\n\nThe harbour froze in winter.\n"


def entry(docqa: Run, name: str) -> dict[str, object]:
    listed: list[dict[str, object]] = json.loads(docqa("models", "list", "--json").stdout)
    (found,) = [one for one in listed if one["name"] == name]
    return found


def pulled(docqa: Run, *more: str, source: str = NAME) -> Path:
    done = docqa("models", "pull", source, "--yes", *more)
    assert done.exit_code == 0, done.stderr
    return checkpoints_folder() / source.rsplit("/", 1)[-1]


def test_a_pulled_scanner_answers(docqa: Run, hub: Hub, tmp_path: Path) -> None:
    done = docqa("models", "pull", "spscanner-130M", "--yes")
    assert done.exit_code == 0, done.stderr
    weights = hub.repositories[SCANNER].commits[FIRST]["pytorch_model.bin"]
    assert f"{SCANNER}, licence MIT, revision {FIRST}" in done.stderr
    assert f"pytorch_model.bin: {len(weights):,} bytes, sha256:{sha256(weights)}" in done.stderr
    assert f"tokenizer.json (of {TOKENIZER})" in done.stderr

    folder = Path(docqa("models", "path", NAME).stdout.strip())
    names = {"config.json", "model.safetensors", "origin.json", "tokenizer.json"}
    assert {file.name for file in folder.iterdir()} == names
    wanted = published_tensors(0, has_head=True)
    del wanted["lm_head.weight"]
    loaded = load_file(folder / "model.safetensors")
    assert set(loaded) == set(wanted)
    assert all(torch.equal(loaded[name], value) for name, value in wanted.items())
    assert not incoming_folder(NAME).exists()

    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    asked = docqa(
        "ask", "Who leads?", "note.txt", "--retriever", "mamba", "--checkpoint", NAME, "--json"
    )
    assert asked.exit_code == 0, asked.stderr
    assert json.loads(asked.stdout)["retriever"]["checkpoint"] == NAME
    doctor = json.loads(docqa("doctor", "--checkpoint", NAME.lower(), "--json").stdout)
    assert doctor["retriever"]["folder"] == str(folder)
    assert doctor["retriever"]["peak_memory_bytes"] > 0


def test_the_list_tells_what_is_there_and_what_could_be(docqa: Run, hub: Hub) -> None:
    assert entry(docqa, "embedded")["state"] == "comes with docqa"
    assert entry(docqa, NAME)["state"] == "not installed"
    pulled(docqa)
    found = entry(docqa, NAME)
    assert found["state"] == "installed"
    assert found["for"] == "questions"
    assert (found["revision"], found["repository"]) == (FIRST, SCANNER)
    assert (found["layers"], found["width"], found["precision"]) == (2, 64, "bf16")
    table = docqa("models", "list").stdout
    assert all(one.name in table for one in CATALOGUE)
    assert "2 x 64, bf16" in table


def test_a_name_that_is_not_installed_says_how_to_pull_it(docqa: Run, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    asked = docqa("ask", "Who?", "note.txt", "--checkpoint", "mamba2-370m")
    assert asked.exit_code == 3
    assert "docqa models pull mamba2-370m" in asked.stderr


def test_a_second_pull_asks_the_hub_nothing(docqa: Run, hub: Hub) -> None:
    pulled(docqa)
    hub.requests.clear()
    again = docqa("models", "pull", NAME)
    assert again.exit_code == 0
    assert "is installed and as it was" in again.stderr
    assert hub.requests == []


def test_nothing_is_fetched_before_somebody_agrees(docqa: Run, hub: Hub) -> None:
    done = docqa("models", "pull", NAME)
    assert done.exit_code == 2
    assert "Add --yes to pull" in done.stderr
    assert hub.fetched() == []
    assert not checkpoints_folder().exists()


def test_a_pull_goes_on_where_a_cut_stream_ended(docqa: Run, hub: Hub) -> None:
    hub.cut_after_bytes = 600_000
    pulled(docqa)
    ranges = [r.headers["range"] for r in hub.requests if "range" in r.headers]
    assert ranges
    assert all(int(one.removeprefix("bytes=").rstrip("-")) > 0 for one in ranges)
    assert docqa("models", "verify").stdout == f"{NAME}: as it was installed\n"


def test_a_hub_that_sends_all_again_is_understood(docqa: Run, hub: Hub) -> None:
    hub.cut_after_bytes, hub.ignores_ranges = 600_000, True
    pulled(docqa)
    assert docqa("models", "verify").exit_code == 0


def test_a_stream_that_ends_for_good_is_kept_and_said(docqa: Run, hub: Hub) -> None:
    hub.cut_after_bytes, hub.n_cuts = 0, 99
    done = docqa("models", "pull", NAME, "--yes")
    assert done.exit_code == 3
    assert "Pull again to go on" in done.stderr
    assert entry(docqa, NAME)["state"] == "partly pulled"
    removed = docqa("models", "remove", NAME.lower(), "--yes")
    assert removed.exit_code == 0
    assert entry(docqa, NAME)["state"] == "not installed"
    docqa("models", "pull", NAME, "--name", "mine", "--yes")
    assert entry(docqa, "mine")["state"] == "partly pulled"
    assert "mine" in docqa("models", "list").stdout


def test_what_is_not_what_was_published_is_refused(docqa: Run, hub: Hub) -> None:
    hub.spoils = True
    done = docqa("models", "pull", NAME, "--yes")
    assert done.exit_code == 1
    assert "pytorch_model.bin of MambaRetriever/SPScanner-130m is not what was published" in (
        done.stderr
    )
    assert entry(docqa, NAME)["state"] == "partly pulled"
    assert docqa("models", "path", NAME).exit_code == 3
    hub.spoils = False
    pulled(docqa)


@pytest.mark.parametrize("source", ["models/scanner.tar", "./scanner", "~/a/scanner", "/scanner"])
def test_a_file_that_is_missing_is_not_asked_of_the_hub(docqa: Run, hub: Hub, source: str) -> None:
    done = docqa("models", "pull", source, "--yes")
    assert done.exit_code == 3
    assert f"There is no file or folder {source}." in done.stderr
    assert hub.requests == []


def test_a_hash_that_is_a_path_leads_nowhere(docqa: Run, hub: Hub, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "pytorch_model.bin").write_bytes(bytes(10_000_000))
    hub.told_digest = str(theirs)
    done = docqa("models", "pull", NAME, "--yes")
    assert done.exit_code == 1
    assert "names no hash of pytorch_model.bin of MambaRetriever/SPScanner-130m" in done.stderr
    assert (theirs / "pytorch_model.bin").stat().st_size == 10_000_000


def test_small_files_are_held_to_their_git_blob(docqa: Run, hub: Hub) -> None:
    config = hub.repositories[SCANNER].commits[FIRST]["config.json"]
    pulled(docqa)
    origin = json.loads((checkpoints_folder() / NAME / "origin.json").read_text())
    digests = {source["name"]: source["digest"] for source in origin["sources"]}
    assert digests["config.json"] == f"git:{blob_id(config)}"


def test_a_damaged_file_is_found_and_mended_from_the_pinned_commit(docqa: Run, hub: Hub) -> None:
    folder = pulled(docqa)
    hub.repositories[SCANNER].commits[SECOND] = published_files(seed=1)
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    found = docqa("models", "verify", NAME)
    assert found.exit_code == 1
    assert "model.safetensors has the sha256" in found.stderr
    assert f"docqa models pull {NAME}" in found.stderr
    pulled(docqa)
    assert weights.read_bytes() == content
    assert entry(docqa, NAME)["revision"] == FIRST


def test_a_commit_that_changed_since_is_refused(docqa: Run, hub: Hub) -> None:
    folder = pulled(docqa)
    (folder / "model.safetensors").unlink()
    hub.repositories[SCANNER].commits[FIRST] = published_files(seed=1)
    done = docqa("models", "pull", NAME, "--yes")
    assert done.exit_code == 1
    assert f"pytorch_model.bin of {SCANNER} at {FIRST[:12]} has changed" in done.stderr


def test_an_unreadable_origin_is_listed_and_can_be_removed(docqa: Run, hub: Hub) -> None:
    folder = pulled(docqa)
    (folder / "origin.json").write_text("{", encoding="utf-8")
    assert entry(docqa, NAME)["state"] == "damaged"
    again = docqa("models", "pull", NAME, "--yes")
    assert again.exit_code == 1
    assert f"docqa models remove {NAME}" in again.stderr
    assert docqa("models", "remove", NAME, "--yes").exit_code == 0
    pulled(docqa)


def test_training_goes_on_from_a_scanner_sentence_by_sentence(docqa: Run, hub: Hub) -> None:
    from docqa.engine.mamba2.config import read_config
    from docqa.trainer.retriever.recipe import Recipe, StartSection
    from docqa.trainer.retriever.start import new_model

    folder = pulled(docqa)
    assert read_config(folder / "config.json").unit_tokens == 20
    model, _ = new_model(Recipe(start=StartSection(checkpoint=str(folder))))
    assert model.config.unit_tokens == 0


def test_a_revision_is_taken_and_held(docqa: Run, hub: Hub) -> None:
    hub.repositories[SCANNER].commits[SECOND] = published_files(seed=1)
    folder = pulled(docqa, "--revision", FIRST)
    assert entry(docqa, NAME)["revision"] == FIRST
    pulled(docqa, "--revision", "main")
    assert entry(docqa, NAME)["revision"] == SECOND
    wanted = published_tensors(1, has_head=True)["binary_head.weight"]
    assert torch.equal(load_file(folder / "model.safetensors")["binary_head.weight"], wanted)
    missing = docqa("models", "pull", NAME, "--revision", "c" * 40, "--yes")
    assert missing.exit_code == 3
    assert "has no revision" in missing.stderr


def test_a_gated_repository_needs_the_token_and_only_the_hub_gets_it(
    docqa: Run, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repositories[SCANNER].token = "hf_secret"
    refused = docqa("models", "pull", NAME, "--yes")
    assert refused.exit_code == 3
    assert "HF_TOKEN" in refused.stderr
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    pulled(docqa)
    told = {r.host for r in hub.requests if "authorization" in r.headers}
    assert told == {f"127.0.0.1:{hub.port}"}
    assert f"127.0.0.1:{hub.large_port}" in {r.host for r in hub.requests}


def test_the_hub_learns_nothing_about_who_asks(docqa: Run, hub: Hub) -> None:
    pulled(docqa)
    assert {r.path.split("/")[1] for r in hub.requests} == {
        "api",
        "large",
        *(name.split("/")[0] for name in (SCANNER, TOKENIZER)),
    }
    assert not any("harness" in r.path for r in hub.requests)
    agents = {r.headers["user-agent"].split(";")[0] for r in hub.requests}
    assert all(agent.startswith("docqa/") for agent in agents)
    assert not any("torch" in r.headers["user-agent"] for r in hub.requests)


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("nobody/nothing", 3, "has no repository nobody/nothing"),
        ("nothing", 3, "No published checkpoint 'nothing'"),
        ("a/b/c", 2, "cannot be a repository's name"),
        (TOKENIZER, 1, "is no checkpoint docqa can read"),
    ],
)
def test_what_cannot_be_pulled_is_one_line(
    docqa: Run, hub: Hub, source: str, code: int, said: str
) -> None:
    done = docqa("models", "pull", source, "--yes")
    assert done.exit_code == code
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_offline_is_said_before_anything_is_sent(
    docqa: Run, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    done = docqa("models", "pull", NAME, "--yes")
    assert done.exit_code == 3
    assert "HF_HUB_OFFLINE is set" in done.stderr
    assert hub.requests == []


def test_a_hub_that_is_not_there_is_named(
    docqa: Run, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    done = docqa("models", "pull", NAME, "--yes")
    assert done.exit_code == 3
    assert "http://127.0.0.1:9 cannot be reached" in done.stderr


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch evil",)


def test_a_pickle_that_asks_for_code_is_refused(
    docqa: Run, hub: Hub, scanner_files: Files, tmp_path: Path
) -> None:
    import io

    weights = io.BytesIO()
    torch.save({**published_tensors(0, has_head=True), "x": Evil()}, weights)
    hub.repositories[SCANNER].commits[FIRST] = {
        **scanner_files,
        "pytorch_model.bin": weights.getvalue(),
    }
    done = docqa("models", "pull", NAME, "--yes")
    assert done.exit_code == 1
    refusal = done.stderr.splitlines()[-1]
    assert "pytorch_model.bin is refused: it asks for" in refusal
    assert "system" in refusal
    assert not (tmp_path / "evil").exists()
    assert entry(docqa, NAME)["state"] == "partly pulled"


def test_an_old_pickle_is_refused_too(
    docqa: Run, hub: Hub, scanner_files: Files, tmp_path: Path
) -> None:
    hub.repositories[SCANNER].commits[FIRST] = {
        **scanner_files,
        "pytorch_model.bin": pickle.dumps(Evil()) + b"\0" * 200_000,
    }
    done = docqa("models", "pull", NAME, "--yes")
    assert done.exit_code == 1
    assert "Cannot read pytorch_model.bin" in done.stderr
    assert not (tmp_path / "evil").exists()


def test_a_tensor_too_many_is_refused(docqa: Run, hub: Hub, scanner_files: Files) -> None:
    import io

    weights = io.BytesIO()
    torch.save({**published_tensors(0, has_head=True), "surplus": torch.zeros(2)}, weights)
    hub.repositories[SCANNER].commits[FIRST] = {
        **scanner_files,
        "pytorch_model.bin": weights.getvalue(),
    }
    done = docqa("models", "pull", NAME, "--yes")
    assert done.exit_code == 1
    assert "1 tensors the config does not name: surplus" in done.stderr


def test_a_base_model_is_for_training_and_says_so(docqa: Run, hub: Hub, tmp_path: Path) -> None:
    hub.repositories[BASE] = Repository({FIRST: published_files(has_head=False)})
    done = docqa("models", "pull", "mamba2-130m", "--yes")
    assert done.exit_code == 0, done.stderr
    assert "docqa train retriever --init mamba2-130m" in done.stderr
    assert entry(docqa, "mamba2-130m")["for"] == "training"
    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    asked = docqa("ask", "Who?", "note.txt", "--retriever", "mamba", "--checkpoint", "mamba2-130m")
    assert asked.exit_code == 1
    assert "mamba2-130m is a base model" in asked.stderr
    assert "docqa train retriever --init mamba2-130m" in asked.stderr


def test_any_repository_can_be_pulled_under_any_name(docqa: Run, hub: Hub) -> None:
    hub.repositories["someone/SPScanner-130m"] = Repository(
        {SECOND: published_files(seed=1)}, licence="apache-2.0"
    )
    pulled(docqa)
    for more in ((), ("--revision", "main")):
        taken = docqa("models", "pull", "someone/SPScanner-130m", "--yes", *more)
        assert taken.exit_code == 2
        assert f"{NAME} is installed from {SCANNER}" in taken.stderr
    done = docqa("models", "pull", "someone/SPScanner-130m", "--name", "theirs", "--yes")
    assert done.exit_code == 0, done.stderr
    assert entry(docqa, "theirs")["licence"] == "apache-2.0"


def test_a_disk_that_is_too_small_is_said_first(
    docqa: Run, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**9, 10**9, 10**6))
    done = docqa("models", "pull", NAME, "--yes")
    assert done.exit_code == 1
    assert "needs 0.1 GB" in done.stderr
    assert "has 0.0 GB left" in done.stderr
    assert hub.fetched() == []


def test_remove_asks_and_removes(docqa: Run, hub: Hub) -> None:
    folder = pulled(docqa)
    assert docqa("models", "remove", NAME).exit_code == 2
    assert folder.is_dir()
    assert docqa("models", "remove", NAME, "--yes").exit_code == 0
    assert not folder.exists()
    assert docqa("models", "remove", NAME, "--yes").exit_code == 3


def test_a_folder_is_installed_as_it_is_or_converted(
    docqa: Run, scanner_files: Files, tokenizer_file: bytes, tmp_path: Path
) -> None:
    from tests.tiny_checkpoint import make_checkpoint

    ours = make_checkpoint(tmp_path / "ours")
    assert docqa("models", "pull", "ours").exit_code == 0
    for name in ("model.safetensors", "config.json", "metrics.json"):
        kept = checkpoints_folder() / "ours" / name
        assert kept.read_bytes() == (ours / name).read_bytes()
    assert "is installed already" in docqa("models", "pull", "./ours").stderr

    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name, content in scanner_files.items():
        (theirs / name).write_bytes(content)
    lacking = docqa("models", "pull", "theirs")
    assert lacking.exit_code == 1
    assert "it has no tokenizer.json" in lacking.stderr
    (theirs / "tokenizer.json").write_bytes(tokenizer_file)
    assert docqa("models", "pull", "theirs", "--name", "scanner").exit_code == 0
    assert entry(docqa, "scanner")["precision"] == "bf16"


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to send")
def test_ctrl_c_keeps_what_was_fetched_and_another_process_goes_on(
    docqa: Run, hub: Hub, tmp_path: Path
) -> None:
    """A real process with the real variables."""
    command = [sys.executable, "-m", "docqa.app.cli", "models", "pull", NAME, "--yes"]
    environment = {**os.environ, "HF_ENDPOINT": hub.url}
    hub.pauses = True
    pull = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
    while not sum(f.stat().st_size for f in incoming_folder(NAME).rglob("pytorch_model.bin")):
        assert pull.poll() is None
        time.sleep(0.05)
    pull.send_signal(signal.SIGINT)
    _, said = pull.communicate(timeout=120)
    assert pull.returncode == 130
    assert b"the same command goes on from there" in said
    assert not (checkpoints_folder() / NAME).exists()

    hub.pauses = False
    hub.pause.set()
    hub.requests.clear()
    again = docqa("models", "pull", NAME, "--yes")
    assert again.exit_code == 0, again.stderr
    assert "are here from an earlier pull" in again.stderr
    (asked,) = [r for r in hub.requests if r.path.startswith("/large/")]
    assert asked.headers["range"].startswith("bytes=")
    assert (checkpoints_folder() / NAME / "origin.json").is_file()
