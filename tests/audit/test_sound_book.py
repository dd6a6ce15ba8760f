"""A book that the engine made passes every check, whatever happened in the network."""

from pathlib import Path

import psycopg
import pytest

from ledger.audit import AuditReport, Severity, verify
from ledger.audit.audit import NOTICES, SENTENCES
from ledger.audit.posting_table import _TABLE
from projections.schema import migrate
from tests.audit.network import history, settle
from tests.support.decisions import PUBLIC_KEYS

# No month of the network is over; its statements are issued in `test_statements`.
LOOKED_AT_ELSEWHERE = {"anchors", "statements"}


def _complaints(report: AuditReport) -> list[str]:
    return [f"{check.name}: {finding.sentence}" for check in report.failed for finding in check.findings]


def test_the_network_uses_every_posting(settled_network: str) -> None:
    with psycopg.connect(settled_network) as connection:
        used = {row[0] for row in connection.execute("SELECT DISTINCT kind FROM book.entry")}
    known = {journal[0] for journals in _TABLE.values() for journal in journals}
    assert used == known, f"{sorted(known - used)} is never posted: mend tests/audit/network.py"


def test_a_settled_network_passes_every_check_and_every_check_had_something_to_examine(settled_network: str) -> None:
    report = verify(settled_network, decision_keys=PUBLIC_KEYS)
    assert not _complaints(report)
    assert report.passed
    assert [check.name for check in report.checks] == list(SENTENCES)
    assert {check.name for check in report.checks if not check.examined} == LOOKED_AT_ELSEWHERE


def test_notices_do_not_make_an_audit_fail(settled_network: str) -> None:
    notices = [check for check in verify(settled_network).checks if check.severity is Severity.NOTICE]
    assert [check.name for check in notices] == list(NOTICES)
    (receivables,) = (check for check in notices if check.name == "receivables")
    assert receivables.found > 0, "the network has sessions that were captured for another amount than they cost"
    assert receivables.passed


def test_progress_is_told_for_every_stream_and_entry(settled_network: str) -> None:
    told: dict[str, int] = {}

    def listen(stage: str, count: int) -> None:
        told[stage] = told.get(stage, 0) + count

    report = verify(settled_network, listen)
    examined = {check.name: check.examined for check in report.checks}
    assert told["entries"] == examined["entries"]
    assert 0 < told["streams"] <= examined["streams"]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_any_history_passes_also_before_the_clock_has_run(database_url: str, seed: int) -> None:
    migrate(database_url)
    settle(database_url, history(seed, sessions=40), stages=2, clock=False)
    assert not _complaints(verify(database_url))
    settle(database_url, history(seed, sessions=40), stages=2)
    assert not _complaints(verify(database_url))


def test_an_empty_book_passes(database_url: str) -> None:
    migrate(database_url)
    report = verify(database_url)
    assert report.passed
    assert {check.name for check in report.checks if check.examined} == {"ground"}


def test_the_audit_changes_nothing_and_acts_as_the_auditor(settled_network: str) -> None:
    with psycopg.connect(settled_network) as connection:
        connection.execute("SET ROLE wattledger_auditor")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO book.balance VALUES ('4010', 'EUR', 1, 1, 1, false, '{}')")


def test_the_audit_shares_no_code_with_what_posts() -> None:
    folder = Path(__file__).resolve().parent.parent.parent / "ledger" / "audit"
    lines = [line for path in folder.glob("*.py") for line in path.read_text().splitlines()]
    imports = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    own = {name for name in imports if name.partition(".")[0] in ("domain", "contracts", "ledger", "consumers")}
    assert all(name.startswith("ledger.audit") for name in own), own
