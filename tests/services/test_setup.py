"""The set-up of a fresh machine: all pinned by hash, no index written down, clear words when it cannot go on."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.services.observing import PROJECT_ROOT

LOCK = (PROJECT_ROOT / "requirements.lock").read_text()
PINNED = re.compile(r"^([a-z0-9-]+)==\S+.*\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def test_every_package_is_pinned_by_version_and_hash() -> None:
    stanzas = [line for line in LOCK.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(stanzas) > 50
    assert len(PINNED.findall(LOCK)) == len(stanzas)


@pytest.mark.parametrize("name", ["uv", "hatchling", "editables"])
def test_the_tools_of_the_set_up_are_pinned_too(name: str) -> None:
    assert name in [found[0] for found in PINNED.findall(LOCK)]


@pytest.mark.parametrize(
    "path", ["requirements.lock", "pyproject.toml", "Makefile", "scripts/setup.sh", "Dockerfile"]
)
def test_no_file_names_a_package_index(path: str) -> None:
    text = (PROJECT_ROOT / path).read_text()
    assert "://" not in text.replace("*://*", "")  # which is how the set-up script knows an address when it sees one
    assert not re.search(r"--(extra-)?index-url|--find-links", text.replace("--no-emit-find-links", ""))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that the set-up reads, in a folder of their own."""
    for name in ("requirements.lock", "pyproject.toml", "scripts/setup.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT_ROOT / name, tmp_path / name)
    return tmp_path


def set_up(checkout: Path, python: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs the set-up with this as the only Python."""
    tools = checkout / "tools"
    tools.mkdir(exist_ok=True)
    for name in ("dirname", "cat", "tr", "awk"):
        found = shutil.which(name)
        assert found is not None
        if not (tools / name).exists():
            (tools / name).symlink_to(found)
    return subprocess.run(
        ["/bin/sh", str(checkout / "scripts" / "setup.sh"), *arguments],
        env={"PATH": str(tools), "PYTHON": str(python), "HOME": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )


def stand_in(checkout: Path, answers: str) -> Path:
    """A program that answers as some Python would, by shell cases over its second argument."""
    program = checkout / "stand-in"
    program.write_text(f'#!/bin/sh\ncase "$2" in\n{answers}\nesac\nexit 0\n')
    program.chmod(0o755)
    return program


def test_without_python_3_11_it_says_so(checkout: Path) -> None:
    refused = set_up(checkout, stand_in(checkout, "*version_info*) exit 1 ;;"))
    assert refused.returncode == 1
    assert refused.stderr.startswith("setup: no Python 3.11 or newer found")


def test_without_ensurepip_it_names_the_package_to_install(checkout: Path) -> None:
    refused = set_up(checkout, stand_in(checkout, "*ensurepip*) exit 1 ;;"))
    assert refused.returncode == 1
    assert "python3-venv" in refused.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("script", ["scripts/setup.sh", ".ci/run"])
def test_scripts_can_be_run_as_they_are(script: str) -> None:
    path = PROJECT_ROOT / script
    assert os.access(path, os.X_OK)
    shell = path.read_text().split("\n", 1)[0].removeprefix("#!").split()
    assert subprocess.run([*shell, "-n", str(path)], check=False).returncode == 0
