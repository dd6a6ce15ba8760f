"""Packages of others, installed once for each version into the cache and never into the project's environment."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from tempfile import mkdtemp

import pytest

from wattledger.settings import default_cache_dir

_INSTALL_S = 600
# Programs of crates are built where this is set.
BUILDS = "WATTLEDGER_TEST_CRATES"


def python_with(*packages: str) -> Path:
    """The interpreter of an environment of its own with exactly these packages; skips where it cannot be made."""

    def make(folder: Path) -> None:
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages])

    return _kept("-".join(packages), make) / "bin" / "python"


def program_of(source: Path) -> Path:
    """The program that a crate of ours is with the packages it names; skips where it cannot be made."""
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("there is no cargo, which builds the package")
    files = sorted(each for each in source.rglob("*") if each.is_file())
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()[:16]

    def make(folder: Path) -> None:
        if not os.environ.get(BUILDS):
            pytest.skip(f"building the package takes minutes of two processors, once: {BUILDS}=1 has it done")
        built = Path(mkdtemp(prefix="cargo-", dir=folder.parent))
        try:
            # A copy, beside which the builder may write what it chose.
            crate = shutil.copytree(source, built / "source")
            # The package names a newer compiler than it needs.
            words = [cargo, "build", "--quiet", "--ignore-rust-version", "--target-dir", str(built / "target")]
            _run([*words, "--manifest-path", str(crate / "Cargo.toml")])
            folder.mkdir()
            shutil.copy2(built / "target" / "debug" / source.name, folder / "program")
        finally:
            shutil.rmtree(built, ignore_errors=True)

    return _kept(f"{source.name}-{digest}", make) / "program"


def go_program_of(source: Path) -> Path:
    """The program that a Go module of ours is with the modules it names; skips where it cannot be made."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no go, which builds the package")
    files = sorted(each for each in source.iterdir() if each.is_file())
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()[:16]

    def make(folder: Path) -> None:
        if not os.environ.get(BUILDS):
            pytest.skip(f"building the package takes half a minute of a processor, once: {BUILDS}=1 has it done")
        folder.mkdir()
        _run([go, "build", "-C", str(source), "-o", str(folder / "program"), "."])

    return _kept(f"{source.name}-{digest}", make) / "program"


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of that name, made if it is not there whole; of several that ask at once one makes it."""
    root = default_cache_dir() / "foreign"
    root.mkdir(parents=True, exist_ok=True)
    folder, done = root / name, root / f"{name}.done"
    with _alone(root / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            done.touch()
    return folder


@contextmanager
def _alone(path: Path):  # type: ignore[no-untyped-def]
    with path.open("w") as file:
        flock(file, LOCK_EX)
        yield


def _run(words: Sequence[str]) -> None:
    """A command; skips the test with what it said last where it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        done = subprocess.run(
            words, capture_output=True, env=environment, timeout=_INSTALL_S, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{Path(words[0]).name} did not come to an end within {_INSTALL_S} s")
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        pytest.skip(f"the package cannot be installed: {said[-1] if said else done.returncode}")
