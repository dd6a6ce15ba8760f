"""Statements at the command line: issued, listed, shown in each form, and what changed since."""

import csv
import hashlib
import json
from io import StringIO

import pytest

from tests.projections.test_issued_statements import LATE, lived
from tests.support.engine import Engine
from wattledger.cli import main

Captured = pytest.CaptureFixture[bytes]


@pytest.fixture
def stated(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A store of two months, on which commands are run."""
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", engine.dsn)
    lived(engine)
    return engine


def run(captured: Captured, *words: str, status: int = 0) -> bytes:
    """Standard output of a command."""
    captured.readouterr()
    found = main(["statements", *words])
    said = captured.readouterr()
    assert found == status, said.err
    return said.err if status else said.out


def test_statements_from_issuing_to_what_changed_since(stated: Engine, capfdbinary: Captured) -> None:
    issued = json.loads(run(capfdbinary, "issue", "--month", "2026-04", "--by", "anna", "--json"))
    assert [each["number"] for each in issued] == ["OP-1-000001", "OP-1-000002"]
    assert json.loads(run(capfdbinary, "issue", "--month", "2026-04", "--json")) == []
    listed = json.loads(run(capfdbinary, "list", "--operator", "OP-1", "--month", "2026-03", "--json"))
    assert [(each["number"], each["issued_by"]) for each in listed] == [("OP-1-000001", "anna")]

    kept = run(capfdbinary, "show", "OP-1-000001", "--json")
    assert hashlib.sha256(kept).hexdigest() == listed[0]["content_sha256"]
    assert run(capfdbinary, "show", "OP-1-000001", "--pdf").startswith(b"%PDF-")
    rows = list(csv.DictReader(StringIO(run(capfdbinary, "show", "OP-1-000001", "--csv").decode())))
    assert [row["amount"] for row in rows if row["section"] == "MOVEMENT"] == ["12.10", "-1.21", "-10.89"]
    shown = run(capfdbinary, "show", "OP-1-000001").decode()
    assert "payout handed off" in shown

    stated.feed([LATE])
    now = json.loads(run(capfdbinary, "show", "OP-1-000001", "--difference", "--json"))
    assert (now["issued"], now["difference"], now["closing"]) == ("0.00", "-2.00", "-2.00")
    assert [(each["kind"], each["amount"]) for each in now["lines"]] == [("J25", "-2.00")]
    table = run(capfdbinary, "show", "OP-1-000001", "--difference", "--csv").decode()
    assert [row["kind"] for row in csv.DictReader(StringIO(table))] == ["issued", "J25", "now"]

    said = run(capfdbinary, "restate", "OP-1-000001").decode()
    assert said == "OP-1-000003 says OP-1-000001 anew: -2.00 EUR at the end\n"
    assert b"restate that one" in run(capfdbinary, "restate", "OP-1-000001", status=1)
    assert run(capfdbinary, "show", "OP-1-000001", "--json") == kept


def test_what_cannot_be_issued_or_shown_is_said(stated: Engine, capfdbinary: Captured) -> None:
    for month in ("2026-13", "March", "2026-3"):
        assert b"is not a month such as 2026-03" in run(capfdbinary, "issue", "--month", month, status=2)
    refused = run(capfdbinary, "issue", "--month", "2026-07", "--operator", "OP-1", status=1)
    assert b"2026-07 is not over for OP-1: its last payout run has not been made" in refused
    assert b"no operator 'OP-X' is known" in run(
        capfdbinary, "issue", "--month", "2026-03", "--operator", "OP-X", status=1
    )
    assert b"no statement 'X-000001' was issued" in run(capfdbinary, "show", "X-000001", status=1)
    assert b"--pdf stands alone" in run(capfdbinary, "show", "X-000001", "--pdf", "--json", status=2)
