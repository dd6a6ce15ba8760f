"""Failures as people read them: a server that is away is told in words meant for them, whichever server it is."""

import pytest

from wattledger.cli import main


@pytest.fixture(autouse=True)
def _nobody_there(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", database_url)
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
