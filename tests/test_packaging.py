"""What is on disk is what is installed."""

from __future__ import annotations

import ast
import fnmatch
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PARTS = ("app", "engine", "trainer", "assets")


def test_every_package_on_disk_is_declared() -> None:
    on_disk = {
        ".".join(["docqa", *file.parent.relative_to(ROOT).parts])
        for part in PARTS
        for file in (ROOT / part).rglob("*.py")
    }
    assert on_disk == set(PROJECT["tool"]["setuptools"]["packages"])


OF_EXTRAS = {
    "accelerate",
    "aiohttp",
    "gguf",
    "keyring",
    "llama_cpp",
    "pygal",
    "sentence_transformers",
    "textual_image",
    "textual_serve",
    "transformers",
}
"""Imported only behind a check that they are installed."""
OTHER_NAMES = {"pymupdf-lite": "pymupdf"}


def test_every_import_is_a_dependency() -> None:
    """A plain installation, without the development tools, has all that is imported."""
    declared = {
        OTHER_NAMES.get(name, name.replace("-", "_"))
        for name in (re.split(r"[<>=]", line)[0] for line in PROJECT["project"]["dependencies"])
    }
    imported = set()
    for part in ("app", "engine", "trainer"):
        for file in (ROOT / part).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    imported.add(node.module.split(".")[0])
    theirs = imported - set(sys.stdlib_module_names) - {"docqa"} - OF_EXTRAS
    assert theirs - declared == set()


def test_every_package_has_an_init_file() -> None:
    for name in PROJECT["tool"]["setuptools"]["packages"]:
        assert ROOT.joinpath(*name.split(".")[1:], "__init__.py").is_file()


def test_every_data_file_is_declared() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]
    for part in PARTS:
        for file in tracked(part):
            if file.suffix == ".py" or file.name in ("py.typed", "README.md"):
                continue
            inside = file.relative_to(part).as_posix()
            declared = patterns.get(f"docqa.{part}", [])
            assert any(fnmatch.fnmatch(inside, pattern) for pattern in declared), file


def tracked(part: str) -> list[Path]:
    """Files under version control; without git, all files."""
    done = subprocess.run(["git", "ls-files", part], cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0 and done.stdout:
        return [Path(name) for name in done.stdout.splitlines() if (ROOT / name).is_file()]
    return [
        file.relative_to(ROOT)
        for file in (ROOT / part).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    ]


def test_constraints_cover_what_is_required() -> None:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    tested = {
        canonicalize_name(one.name): one.specifier
        for one in (Requirement(line) for line in lines if not line.startswith("#"))
    }
    extras = PROJECT["project"]["optional-dependencies"].values()
    for text in [*PROJECT["project"]["dependencies"], *(one for extra in extras for one in extra)]:
        required = Requirement(text)
        if required.name == "docqa":
            continue
        (pin,) = tested[canonicalize_name(required.name)]
        assert required.specifier.contains(pin.version), text


@pytest.mark.slow
def test_the_wheel_carries_code_and_assets(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    copy = tmp_path / "source"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        copy.joinpath(name).write_bytes((ROOT / name).read_bytes())
    for part in PARTS:
        for file in tracked(part):
            copy.joinpath(file).parent.mkdir(parents=True, exist_ok=True)
            copy.joinpath(file).write_bytes((ROOT / file).read_bytes())
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(copy)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    folders = {name.split("/")[0] for name in inside}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"docqa"}
    for part in PARTS:
        for file in tracked(part):
            if file.name != "README.md":
                assert f"docqa/{file.as_posix()}" in inside
