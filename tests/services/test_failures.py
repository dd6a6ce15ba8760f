"""Failures as people read them: a server that is away is told in words meant for them, whichever server it is."""

import inspect
from importlib import import_module
from typing import TypeGuard

import pytest

from tests.conftest import PROJECT_ROOT
from wattledger.cli import main
from wattledger.failures import report


@pytest.fixture(autouse=True)
def _nobody_there(monkeypatch: pytest.MonkeyPatch, bare_database_url: str) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", bare_database_url)
    monkeypatch.setenv("WATTLEDGER_KAFKA_BOOTSTRAP", "127.0.0.1:9")


def test_brokers_that_are_away_are_told_as_a_database_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate"]) == 1
    told = capsys.readouterr().err
    assert "Kafka at 127.0.0.1:9 cannot be asked for topics" in told
    assert "check its address" in told
    assert "unexpected" not in told


def test_a_database_that_is_away_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", "postgresql://somebody@127.0.0.1:9/nothing")
    for command in (["migrate"], ["verify"], ["balances"]):
        assert main(command) == 1
        told = capsys.readouterr().err
        assert "the database does not answer" in told
        assert "check WATTLEDGER_DATABASE_URL and that it is running" in told


def roots() -> list[type[Exception]]:
    """The roots of the exception trees of all packages: what is based on none of ours."""
    trees = [import_module(f"{path.parent.name}.errors") for path in sorted(PROJECT_ROOT.glob("*/errors.py"))]
    ours = [kind for tree in trees for kind in vars(tree).values() if _is_error(kind)]
    return [kind for kind in ours if not set(kind.__mro__[1:]).intersection(ours)]


def _is_error(kind: object) -> TypeGuard[type[Exception]]:
    return inspect.isclass(kind) and issubclass(kind, Exception)


@pytest.mark.parametrize("root", roots())
def test_what_the_project_raises_is_told_in_its_own_words(
    root: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(root("this and that; do so"), debug=False) == 1
    told = capsys.readouterr().err
    assert "this and that; do so" in told
    assert "unexpected" not in told


def test_every_package_that_raises_has_a_tree() -> None:
    names = {root.__module__.partition(".")[0] for root in roots()}
    assert names == {"consumers", "contracts", "domain", "engine", "ledger", "projections", "wattledger"}
