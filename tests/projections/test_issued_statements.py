"""Statements are issued once, in order and without a gap, stay as they were issued, and say what changed since."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, InsufficientPrivilege, RestrictViolation

from ledger.audit import verify
from ledger.database import Role, connect
from projections.as_of import of_read_models
from projections.errors import NothingToRestate
from projections.issued_statements import IssuedStatement, all_issued, issued_of_operator, restatement
from projections.rebuild import rebuild
from projections.runner import catch_up
from projections.statement_content import StatementDraft
from projections.statement_issuing import issue_statements, restate
from projections.statements import statement
from tests.support.aftermath import refunded
from tests.support.engine import Engine
from tests.support.events import money, operator, session, tariff

MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
# A refund of March that is told in May, at the cost of the operator.
LATE = refunded("R-1", "S-1", "2026-03-20T10:00:00Z", money("2.00"), "OPERATOR")


def lived(engine: Engine, **terms: Any) -> None:
    """Two months: a session of 2 March, one of 14 April; what is owed is paid each night."""
    engine.feed([operator(**terms), tariff(), *session("S-1", "2026-03-02")])
    engine.advance("2026-04-02T00:00:00Z")
    engine.feed(session("S-2", "2026-04-14"))
    engine.advance("2026-05-02T00:00:00Z")


def issue(engine: Engine, month: date, operator_id: str | None = None) -> list[StatementDraft]:
    found = issue_statements(engine.dsn, month, "tests", operator_id)
    return [draft for each in found for draft in each.issued]


def kept(engine: Engine) -> list[IssuedStatement]:
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        return all_issued(cursor)


def moved(statement: IssuedStatement, name: str = "movements") -> list[tuple[str, bool, int, str]]:
    return [(each["kind"], each["mirror"], each["entries"], each["amount"]) for each in statement.document()[name]]


def test_a_month_is_stated_from_opening_to_closing_by_what_moved_in_it(engine: Engine) -> None:
    lived(engine)
    issue(engine, APRIL)
    march, april = kept(engine)
    assert (march.number, april.number) == ("OP-1-000001", "OP-1-000002")
    assert moved(march) == [("J01", False, 1, "12.10"), ("J02", False, 1, "-1.21"), ("J35", False, 1, "-10.89")]
    assert moved(april) == moved(march)
    for each in (march, april):
        said = each.document()
        assert (said["number"], said["month"], said["currency"]) == (each.number, f"{each.month:%Y-%m}", "EUR")
        assert (said["opening"], said["moved"], said["moved_late"], said["closing"]) == ("0.00",) * 4
    assert march.document()["from"] == "2026-02-28T23:00:00Z"
    assert march.document()["to"] == april.document()["from"] == "2026-03-31T22:00:00Z"
    assert april.document()["follows"] == {"number": march.number, "content_sha256": march.content_sha256}


def test_a_month_begins_and_ends_with_the_cut_off_of_its_operator(engine: Engine) -> None:
    lived(engine, time_zone="America/New_York", payout_cutoff_time="04:00")
    issue(engine, MARCH)
    (march,) = kept(engine)
    said = march.document()
    assert (said["from"], said["to"]) == ("2026-03-01T09:00:00Z", "2026-04-01T08:00:00Z")
    assert (said["time_zone"], said["cutoff_time"]) == ("America/New_York", "04:00")


def test_issuing_again_issues_nothing_and_a_month_that_is_not_over_is_not_issued(engine: Engine) -> None:
    lived(engine)
    assert [each.month for each in issue(engine, MARCH)] == [MARCH]
    assert issue(engine, MARCH) == []
    (found,) = issue_statements(engine.dsn, MAY, "tests")
    assert [each.month for each in found.issued] == [APRIL]
    assert found.not_over == ["OP-1"]
    assert issue(engine, MAY) == []
    assert issue(engine, MAY, "OP-UNKNOWN") == []
    before = kept(engine)
    assert issue(engine, APRIL, "OP-1") == []
    assert kept(engine) == before


def test_a_month_in_which_nothing_moved_and_nothing_was_owed_has_no_statement(engine: Engine) -> None:
    engine.feed([operator(), tariff(), *session("S-1", "2026-03-02")])
    engine.advance("2026-05-02T00:00:00Z")
    engine.feed(session("S-2", "2026-05-14"))
    engine.advance("2026-06-02T00:00:00Z")
    assert [each.month for each in issue(engine, MAY)] == [MARCH, MAY]
    assert [each.sequence for each in kept(engine)] == [1, 2]


def test_what_is_owed_stays_from_month_to_month(engine: Engine) -> None:
    engine.feed([operator(payout_minimum="1000.00"), tariff(), *session("S-1", "2026-03-02")])
    engine.advance("2026-06-02T00:00:00Z")
    issue(engine, MAY)
    assert [(each.opening, each.closing) for each in kept(engine)] == [(0, 1089), (1089, 1089), (1089, 1089)]
    assert moved(kept(engine)[2]) == []


def test_what_is_told_late_is_in_the_next_statement_and_changes_no_earlier_one(engine: Engine) -> None:
    lived(engine)
    issue(engine, APRIL)
    before = kept(engine)
    engine.feed([LATE, *session("S-3", "2026-05-05")])
    engine.advance("2026-06-02T00:00:00Z")
    issue(engine, MAY)
    march, april, may = kept(engine)
    assert [march, april] == before
    assert may.opening == april.closing == 0
    assert moved(may, "told_late") == [("J25", False, 1, "-2.00")]
    assert may.document()["moved_late"] == "-2.00"
    # The payout of May is less by it.
    assert (moved(may)[2], may.closing) == (("J35", False, 1, "-8.89"), 0)


def differs(engine: Engine, statement: IssuedStatement) -> list[tuple[str, int]]:
    catch_up(engine.dsn)
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        found = restatement(cursor, statement, 2**62, lines_max=100)
    assert statement.closing + sum(line.amount for line in found.lines) == found.closing
    return [(line.kind, line.amount) for line in found.lines]


def test_what_a_month_would_say_now_differs_line_by_line(engine: Engine) -> None:
    lived(engine)
    issue(engine, APRIL)
    assert [differs(engine, each) for each in kept(engine)] == [[], []]
    engine.feed([LATE])
    march, april = kept(engine)
    assert differs(engine, march) == [("J25", -200)]
    # What is owed at the end of April is less by it, too.
    assert differs(engine, april) == [("J25", -200)]


def test_a_statement_said_anew_has_a_number_of_its_own_and_names_the_old(engine: Engine) -> None:
    lived(engine)
    issue(engine, MARCH)
    with pytest.raises(NothingToRestate, match="would say the same"):
        restate(engine.dsn, "OP-1-000001", "tests")
    engine.feed([LATE])
    restate(engine.dsn, "OP-1-000001", "tests")
    issue(engine, APRIL)
    old, new, april = kept(engine)
    assert (old.restated_by, new.restates, new.month, new.number) == (new.number, old.number, MARCH, "OP-1-000002")
    assert new.document()["restates"] == {"number": old.number, "content_sha256": old.content_sha256}
    assert (old.closing, new.closing) == (0, -200)
    assert moved(new)[2] == ("J25", False, 1, "-2.00")
    # It takes the place of the old one for whatever follows: what it says already is not told late again.
    assert (april.follows, april.opening, moved(april, "told_late")) == (new.number, -200, [])
    assert differs(engine, new) == []
    for number, why in {old.number: "as OP-1-000002: restate that one", "X-000001": "no statement"}.items():
        with pytest.raises(NothingToRestate, match=why):
            restate(engine.dsn, number, "tests")


def test_two_at_once_issue_everything_once(engine: Engine) -> None:
    lived(engine)
    catch_up(engine.dsn)
    with ThreadPoolExecutor(4) as pool:
        issued = list(pool.map(lambda _: issue(engine, APRIL), range(4)))
    assert sum(map(len, issued)) == 2
    assert [each.number for each in kept(engine)] == ["OP-1-000001", "OP-1-000002"]


def test_currencies_and_operators_have_statements_of_their_own(engine: Engine) -> None:
    lived(engine)
    other = [each | {"id": f"OP-2:{each['id']}"} for each in (operator("OP-2"), tariff("OP-2"))]
    engine.feed(other)
    engine.feed(_of("OP-2", session("S-9", "2026-04-14")))
    engine.advance("2026-05-03T00:00:00Z")
    assert [(each.number, each.month) for each in issue(engine, APRIL)] == [
        ("OP-1-000001", MARCH),
        ("OP-1-000002", APRIL),
        ("OP-2-000001", APRIL),
    ]
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        assert [each.sequence for each in issued_of_operator(cursor, "OP-1")] == [2, 1]
        assert [each.sequence for each in issued_of_operator(cursor, "OP-1", before=2)] == [1]
        assert issued_of_operator(cursor, "OP-1", currency="SEK") == []


def _of(operator_id: str, events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        each | {"data": each["data"] | ({"operator_id": operator_id} if "operator_id" in each["data"] else {})}
        for each in events
    ]


def test_a_rebuild_of_all_read_models_changes_no_statement(engine: Engine) -> None:
    lived(engine)
    issue(engine, APRIL)
    engine.feed([LATE])
    catch_up(engine.dsn)
    before, changed = kept(engine), differs(engine, kept(engine)[0])
    rebuild(engine.dsn, ["account_lines"])
    assert (kept(engine), differs(engine, kept(engine)[0])) == (before, changed)
    assert issue(engine, APRIL) == []


@pytest.mark.parametrize(
    ("role", "change", "refusal"),
    [
        (None, "UPDATE intake.statement SET closing = 1", RestrictViolation),
        (None, "DELETE FROM intake.statement", RestrictViolation),
        (None, "TRUNCATE intake.statement CASCADE", RestrictViolation),
        (Role.PROJECTOR, "UPDATE intake.statement SET closing = 1", InsufficientPrivilege),
        (Role.WRITER, "INSERT INTO intake.statement SELECT * FROM intake.statement", InsufficientPrivilege),
        (Role.TENANT, "SELECT FROM intake.statement", InsufficientPrivilege),
        (Role.PROJECTOR, "sequence + 2, 'OP-1-000004', '{}', closing", CheckViolation),
        (Role.PROJECTOR, "sequence + 1, 'OP-1-000003', '{}', closing + 1", CheckViolation),
        (Role.PROJECTOR, "sequence + 1, 'OP-9-000003', '{}', closing", CheckViolation),
    ],
)
def test_the_database_refuses_changes_gaps_and_openings_that_are_not_the_closing_before(
    engine: Engine, role: Role | None, change: str, refusal: type[psycopg.Error]
) -> None:
    lived(engine)
    issue(engine, APRIL)
    if change.startswith("sequence"):
        sequence, number, content, opening = change.split(", ")
        change = (
            "INSERT INTO intake.statement (number, operator_id, sequence, currency, month, since, until, position, "
            "follows, opening, closing, issued_at, issued_by, content, content_sha256) "
            f"SELECT {number}, operator_id, {sequence}, currency, '2026-05-01', since, until, position, number, "
            f"{opening}, closing, issued_at, issued_by, {content}, sha256({content}) "
            "FROM intake.statement WHERE sequence = 2"
        )
    options = f"-c role={role.value}" if role else ""
    with psycopg.connect(engine.dsn, options=options) as connection, pytest.raises(refusal):
        connection.execute(change.encode())


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_when_every_statement_adds_up_and_its_difference_is_what_the_live_one_says(
    engine: Engine, seed: int
) -> None:
    random = Random(seed)
    days = [f"2026-0{random.randint(3, 5)}-{random.randint(1, 28):02}" for _ in range(9)]
    told = [each for number, day in enumerate(days) for each in session(f"S-{number}", day)]
    told += [
        refunded(f"R-{number}", f"S-{number}", f"{day}T20:00:00Z", money("1.00"), "OPERATOR")
        for number, day in enumerate(days)
    ]
    random.shuffle(told)
    engine.feed([operator(payout_minimum="15.00"), tariff()])
    for month in range(4, 9):
        part, told = told[: len(told) // 2], told[len(told) // 2 :]
        engine.feed(part)
        engine.advance(f"2026-0{month}-02T00:00:00Z")
        issue(engine, date(2026, month - 1, 1))
        some = random.choice(kept(engine)).number if kept(engine) else "X"
        with suppress(NothingToRestate):
            restate(engine.dsn, some, "tests")
    engine.feed(told)
    catch_up(engine.dsn)
    issued = kept(engine)
    assert len(issued) > 3
    assert verify(engine.dsn).passed
    with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        for each in issued:
            asked = of_read_models(cursor)
            live = statement(cursor, "OP-1", "EUR", asked, since=each.since, until=each.until, lines_max=1000)
            now = restatement(cursor, each, asked.position, lines_max=1000)
            assert now.closing == live.closing == each.closing + sum(line.amount for line in now.lines)
