"""The example of docs/statements.md, lived: each statement is what the table says."""

from datetime import date

from ledger.audit import verify
from ledger.database import Role, connect
from projections.issued_statements import IssuedStatement, all_issued
from projections.runner import catch_up
from projections.statement_issuing import issue_statements, restate
from tests.docs.pages import ROOT, table
from tests.support.aftermath import refunded
from tests.support.engine import Engine
from tests.support.events import money, operator, session, tariff

PAGE = ROOT / "docs/statements.md"
STATEMENTS = "| number | month | opening | moved | told late | closing | follows | in place of |"
MOVEMENTS = "| kind | what | entries | amount |"


def test_the_example_goes_as_the_page_says(engine: Engine) -> None:
    engine.feed([operator(payout_minimum="20.00"), tariff()])
    engine.feed([*session("S-1", "2026-03-02"), *session("S-2", "2026-03-31")])
    engine.advance("2026-04-02T08:00:00Z")
    issue(engine, 3)
    engine.feed(session("S-3", "2026-04-14"))
    engine.advance("2026-05-02T08:00:00Z")
    issue(engine, 4)
    engine.feed([refunded("R-1", "S-1", "2026-03-20T10:00:00Z", money("2.00"), "OPERATOR")])
    engine.advance("2026-05-05T08:00:00Z")
    restate(engine.dsn, "OP-1-000001", "anna")
    engine.advance("2026-06-02T08:00:00Z")
    issue(engine, 5)
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        issued = all_issued(cursor)
    assert table(PAGE, STATEMENTS) == [*map(_row, issued)]
    first = issued[0].document()["movements"]
    told = [[each["kind"], each["label"], str(each["entries"]), each["amount"]] for each in first]
    assert table(PAGE, MOVEMENTS) == told
    catch_up(engine.dsn)
    assert verify(engine.dsn).passed


def issue(engine: Engine, month: int) -> None:
    (found,) = issue_statements(engine.dsn, date(2026, month, 1), "anna")
    assert len(found.issued) == 1


def _row(statement: IssuedStatement) -> list[str]:
    said = statement.document()
    amounts = [said[name] for name in ("opening", "moved", "moved_late", "closing")]
    return [statement.number, said["month"], *amounts, statement.follows or "-", statement.restates or "-"]
