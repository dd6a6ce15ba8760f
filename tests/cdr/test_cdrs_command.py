"""`wattledger cdrs`: what went out, in either version, in the order of `cdrs.jsonl`."""

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.cdr.document import credit_document
from domain.session.decisions import CdrCredited, CdrIssued
from domain.session.session import session_stream
from domain.tariff.published import tariff_hash
from ledger.database import Role, connect
from ledger.events.codec import dump
from projections import cdr_lines as lines_module
from projections.export import export
from projections.schema import migrate
from tests.cdr.cdr_builders import check, emitted, newer
from tests.projections.builders import PLATFORM, Recorder
from tests.rating.rating_builders import AMSTERDAM, MORNING, component, document, element
from tests.support.engine import Engine
from tests.support.events import event
from wattledger.cli import main

HOUR = timedelta(hours=1)
INCLUSIVE = newer(document(element(component("ENERGY", 0.49, vat=9), component("FLAT", 1.0, vat=21))), "YES")
SESSION = {
    "started_at": MORNING,
    "ended_at": MORNING + HOUR,
    "registers": [(MORNING, 0), (MORNING + HOUR, 14_321)],
}
Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def store(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store in which S-2 has a CDR that was credited a day later, and S-1 one of another operator."""
    migrate(database_url)
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", database_url)
    monkeypatch.setenv("WATTLEDGER_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    published = {"operator_id": "OP-1", "effective_from": "2024-01-01T00:00:00Z", "tariff": INCLUSIVE}
    engine = Engine(database_url)
    engine.feed([event("tariff.published", "OP-1", "2024-01-01T00:00:00Z", published)])
    engine.close()
    with connect(database_url, Role.WRITER, autocommit=True) as writer:
        recorder = Recorder(writer)
        recorder.record(session_stream("S-2"), *history("S-2", "OP-1"))
        recorder.record(session_stream("S-1"), history("S-1", "OP-2")[0])
    return database_url


def history(session_id: str, operator_id: str) -> list[Any]:
    cdr = emitted(INCLUSIVE, SESSION, AMSTERDAM, session_id=session_id, cdr_id=f"CDR-{session_id}")
    pins: dict[str, Any] = {"tariff_hash": tariff_hash(INCLUSIVE), "taxes": cdr.taxes}
    key = ("14321", cdr.net_minor, cdr.gross_minor, 0, 0)
    at = MORNING + 2 * HOUR
    credit = credit_document(cdr.older, at + 24 * HOUR)
    return [
        CdrIssued(session_id, operator_id, 1, cdr.older["id"], at, key, cdr.older, **pins),
        CdrCredited(session_id, operator_id, 1, str(credit["id"]), at + 24 * HOUR, credit, **pins),
    ]


@pytest.fixture
def ask(store: str, capfdbinary: pytest.CaptureFixture[bytes]) -> Ask:
    """Runs the command and parses its lines."""

    def run(*arguments: str) -> list[dict[str, Any]]:
        assert main(["cdrs", *arguments]) == 0
        return [json.loads(line, parse_float=Decimal) for line in capfdbinary.readouterr().out.splitlines()]

    return run


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [cdr["id"] for cdr in found]


def test_cdrs_of_2_2_1_are_the_lines_of_the_export(store: str, ask: Ask, tmp_path: Path) -> None:
    export(store, tmp_path, PLATFORM)
    asked = ask()
    assert ids(asked) == ["CDR-S-1", "CDR-S-2", "CDR-S-2-C"]
    exported = (tmp_path / "cdrs.jsonl").read_text().splitlines()
    assert [json.loads(line, parse_float=Decimal) for line in exported] == asked
    for cdr in asked:
        check(cdr, "2.2.1")


def test_cdrs_of_2_3_0_have_the_tariff_as_it_was_published_and_taxes_one_by_one(ask: Ask) -> None:
    found = ask("--ocpi", "2.3.0")
    assert ids(found) == ["CDR-S-1", "CDR-S-2", "CDR-S-2-C"]
    for cdr in found:
        check(cdr, "2.3.0")
        assert cdr["tariffs"] == json.loads(dump([INCLUSIVE]), parse_float=Decimal)
    issued, credit = found[1:]
    assert [tax["percentage"] for tax in issued["total_cost"]["taxes"]] == [9, 21]
    negated = [{**tax, "amount": -tax["amount"]} for tax in issued["total_cost"]["taxes"]]
    assert credit["total_cost"] == {"before_taxes": -issued["total_cost"]["before_taxes"], "taxes": negated}
    assert credit["total_energy_cost"] == issued["total_energy_cost"]


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
def test_a_session_an_operator_or_days_of_issue_can_be_asked_for(ask: Ask, version: str) -> None:
    of = ("--ocpi", version)
    assert ids(ask("--session", "S-1", *of)) == ["CDR-S-1"]
    assert ids(ask("--operator", "OP-1", *of)) == ["CDR-S-2", "CDR-S-2-C"]
    assert ids(ask("--to", "2024-03-05", *of)) == ["CDR-S-1", "CDR-S-2"]
    assert ids(ask("--from", "2024-03-06", "--to", "2024-03-06", *of)) == ["CDR-S-2-C"]
    noon = "2024-03-05T12:00:00+01:00"
    assert ids(ask("--from", noon, "--to", "2024-03-05T12:00:00.000001+01:00", *of)) == ["CDR-S-1", "CDR-S-2"]
    assert ids(ask("--to", noon, *of)) == []
    assert ids(ask("--session", "S-9", *of)) == []


def test_many_cdrs_come_in_sets_and_none_is_lost(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "_ROWS_PER_FETCH", 2)
    assert ids(ask("--ocpi", "2.3.0")) == ids(ask()) == ["CDR-S-1", "CDR-S-2", "CDR-S-2-C"]


def test_a_file_is_written_whole(store: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "cdrs.jsonl"
    assert main(["cdrs", "--out", str(out), "--ocpi", "2.3.0"]) == 0
    assert capfd.readouterr().out == f"3 CDRs of OCPI 2.3.0 written to {out}\n"
    assert len(out.read_text().splitlines()) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["cdrs.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--ocpi", "2.1.1"], 1),
        (["--from", "2024-02-30"], 2),
        (["--to", "yesterday"], 2),
        (["--from", "2024-03-06", "--to", "2024-03-05"], 2),
    ],
)
def test_what_cannot_be_written_or_read_is_refused(store: str, arguments: list[str], status: int) -> None:
    assert main(["cdrs", *arguments]) == status


def test_a_file_in_a_folder_that_is_not_there_is_refused(
    store: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["cdrs", "--out", str(tmp_path / "none" / "cdrs.jsonl")]) == 1
    assert "name another file" in capfd.readouterr().err
