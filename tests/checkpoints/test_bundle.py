"""Checkpoints in one file: written here, taken in there, and never unpacked blindly."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from docqa.engine.checkpoints.installed import checkpoints_folder, installed_names
from tests.conftest import Run
from tests.tiny_checkpoint import make_checkpoint

Change = Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture
def bundle(docqa: Run, tiny: Path, tmp_path: Path) -> Path:
    """A bundle of one checkpoint, which is no longer installed."""
    assert docqa("models", "pull", str(tiny)).exit_code == 0
    done = docqa("models", "bundle", "TINY", "--out", "tiny.tar")
    assert done.exit_code == 0, done.stderr
    assert docqa("models", "remove", "tiny", "--yes").exit_code == 0
    assert installed_names() == []
    return tmp_path / "tiny.tar"


def rewrite(bundle: Path, change: Change) -> None:
    """Change what an archive holds."""
    with tarfile.open(bundle) as archive:
        members = [
            (member, file.read() if (file := archive.extractfile(member)) else b"")
            for member in archive
        ]
    change(members)
    with tarfile.open(bundle, "w") as archive:
        for member, content in members:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))


def test_a_bundle_brings_the_same_checkpoint(docqa: Run, bundle: Path, tiny: Path) -> None:
    done = docqa("models", "pull", "tiny.tar")
    assert done.exit_code == 0, done.stderr
    for name in ("model.safetensors", "config.json", "tokenizer.json", "metrics.json"):
        assert (checkpoints_folder() / "tiny" / name).read_bytes() == (tiny / name).read_bytes()
    assert docqa("models", "verify").stdout == "tiny: as it was installed\n"
    assert docqa("models", "pull", "tiny.tar").exit_code == 0  # it is there: nothing to do


def test_two_checkpoints_go_into_one_bundle(docqa: Run, bundle: Path, tiny: Path) -> None:
    for name in ("one", "two"):
        assert docqa("models", "pull", str(tiny), "--name", name).exit_code == 0
    assert docqa("models", "bundle", "one", "two", "--out", "both.tar").exit_code == 0
    for name in ("one", "two"):
        docqa("models", "remove", name, "--yes")
    assert docqa("models", "pull", "both.tar").exit_code == 0
    assert installed_names() == ["one", "two"]


def test_another_checkpoint_of_that_name_is_not_replaced(
    docqa: Run, bundle: Path, tmp_path: Path
) -> None:
    other = make_checkpoint(tmp_path / "other", n_layer=1)
    assert docqa("models", "pull", "other", "--name", "tiny").exit_code == 0
    before = (checkpoints_folder() / "tiny" / "model.safetensors").read_bytes()
    done = docqa("models", "pull", "tiny.tar")
    assert done.exit_code == 2
    assert "Another checkpoint tiny is installed" in done.stderr
    assert (checkpoints_folder() / "tiny" / "model.safetensors").read_bytes() == before
    assert other.is_dir()


def spoil(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    member, content = members[1]
    members[1] = member, bytes([content[0] ^ 1]) + content[1:]


def add_outside(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members.append((tarfile.TarInfo("tiny/../../escaped"), b"x"))


def add_link(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    link = tarfile.TarInfo(members[1][0].name)
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    members[1] = link, b""


def add_absolute(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members.append((tarfile.TarInfo("/etc/escaped"), b"x"))


def name_outside(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    """The manifest itself may lie."""
    member, content = members[0]
    manifest = json.loads(content)
    manifest["checkpoints"]["../escaped"] = manifest["checkpoints"].pop("tiny")
    members[0] = member, json.dumps(manifest).encode()
    for entry, _ in members[1:]:
        entry.name = entry.name.replace("tiny/", "../escaped/")


def file_outside(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    member, content = members[0]
    manifest = json.loads(content)
    files = manifest["checkpoints"]["tiny"]["files"]
    files["../escaped"] = files["config.json"]
    members[0] = member, json.dumps(manifest).encode()


def leave_out(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members.pop()


def no_manifest(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members.pop(0)


def other_form(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members[0] = members[0][0], b'{"format": "docqa-bundle/9", "checkpoints": {}}'


def no_json(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members[0] = members[0][0], b"\xff\xfe{"


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (spoil, 1, "in the bundle has the sha256"),
        (add_outside, 1, "holds 'tiny/../../escaped', which its manifest does not"),
        (add_link, 1, "which its manifest does not"),
        (add_absolute, 1, "holds '/etc/escaped'"),
        (name_outside, 2, "cannot be called '../escaped'"),
        (file_outside, 1, "tiny is no checkpoint: it has ../escaped"),
        (leave_out, 1, "lacks tiny/"),
        (no_manifest, 1, "does not begin with manifest.json"),
        (other_form, 1, "this docqa reads 'docqa-bundle/1'"),
        (no_json, 1, "cannot be read"),
    ],
)
def test_a_bundle_that_is_not_what_it_says_installs_nothing(
    docqa: Run, bundle: Path, change: Change, code: int, said: str
) -> None:
    rewrite(bundle, change)
    done = docqa("models", "pull", "tiny.tar")
    assert done.exit_code == code, done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert installed_names() == []
    assert not list(checkpoints_folder().parent.rglob("escaped*"))


def test_half_a_bundle_says_so(docqa: Run, bundle: Path) -> None:
    content = bundle.read_bytes()
    bundle.write_bytes(content[: len(content) // 2])
    done = docqa("models", "pull", "tiny.tar")
    assert done.exit_code == 1
    assert "Copy the whole file again" in done.stderr
    assert installed_names() == []


def test_a_damaged_checkpoint_is_not_bundled(docqa: Run, bundle: Path, tmp_path: Path) -> None:
    assert docqa("models", "pull", "tiny.tar").exit_code == 0
    config = checkpoints_folder() / "tiny" / "config.json"
    config.write_bytes(config.read_bytes().replace(b"true", b"null"))
    done = docqa("models", "bundle", "tiny", "--out", "again.tar")
    assert done.exit_code == 1
    assert "docqa models verify tiny" in done.stderr
    assert not list(tmp_path.glob("again*"))


def test_a_folder_whose_config_is_no_text_is_not_installed(docqa: Run, tiny: Path) -> None:
    (tiny / "config.json").write_bytes(b'{"name": "\xe9"}')
    done = docqa("models", "pull", str(tiny))
    assert done.exit_code == 1
    assert "config.json: 'utf-8' codec" in done.stderr
    assert "bug" not in done.stderr
