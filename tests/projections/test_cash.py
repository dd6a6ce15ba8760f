"""Cash by operator and currency, and days from plug-out to cash: against a fold of the journal and the messages."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median, quantiles
from typing import Any, TypeAlias

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.database import Role, connect
from projections.cash import Span, cash_by_day, cash_movements
from projections.days_to_cash import PARTS, days_to_cash, sessions_to_cash
from projections.queries import operator_balances
from projections.rebuild import rebuild
from projections.runner import catch_up
from tests.support.cash import Cash, fold
from tests.support.engine import Engine
from tests.support.events import captured, event, money, operator, session, tariff
from tests.support.histories import UNTIL, disordered, history

NOW = 2**60
NAMES = ("earned", "captured", "settled", "available", "paid")
FIRST = datetime(2026, 3, 17, tzinfo=UTC)
MOMENTS = st.integers(0, 16 * 24 * 60).map(lambda minutes: FIRST + timedelta(minutes=minutes))
DAY_S = 86_400

Store: TypeAlias = tuple[psycopg.Cursor[tuple[Any, ...]], Cash]


@pytest.fixture(scope="module")
def store(network_url: str) -> Iterator[Store]:
    with connect(network_url, Role.AUDITOR) as connection, connection.cursor() as cursor:
        yield cursor, fold(network_url)


@given(st.tuples(MOMENTS, MOMENTS))
@settings(max_examples=40, deadline=None)
def test_what_moved_in_any_span_is_as_the_journal_has_it(store: Store, ends: tuple[datetime, datetime]) -> None:
    cursor, cash = store
    since, before = min(ends), max(ends)
    for moved in cash_movements(cursor, Span(since, before, NOW)):
        wanted = cash.movement(moved.operator_id, moved.currency, since, before)
        assert {name: getattr(moved, name) for name in NAMES} == wanted


def test_spans_of_all_time_come_to_what_was_paid_out(store: Store) -> None:
    cursor, _ = store
    moved = cash_movements(cursor, Span(None, None, NOW))
    paid = {(each.operator_id, each.currency): each.paid for each in moved}
    assert paid == {(each.operator_id, each.currency): each.paid_out for each in operator_balances(cursor)}


def test_days_add_up_to_the_span(store: Store) -> None:
    cursor, _ = store
    since, before = FIRST, FIRST + timedelta(days=9, hours=5)
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for day in cash_by_day(cursor, Span(since, before, NOW), "Europe/Amsterdam"):
        sums[day.currency][0] += day.earned
        sums[day.currency][1] += day.paid
    wanted: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for moved in cash_movements(cursor, Span(since, before, NOW)):
        wanted[moved.currency][0] += moved.earned
        wanted[moved.currency][1] += moved.paid
    assert sums == wanted
    (day,) = [
        each
        for each in cash_by_day(cursor, Span(None, None, NOW, "OP-NL"), "Europe/Amsterdam")
        if each.day.isoformat() == "2026-03-24"
    ]
    local = datetime(2026, 3, 23, 23, tzinfo=UTC)
    (moved,) = cash_movements(cursor, Span(local, local + timedelta(days=1), NOW, "OP-NL", "EUR"))
    assert (day.earned, day.paid) == (moved.earned, moved.paid)


def test_days_to_cash_are_those_that_were_measured(store: Store) -> None:
    cursor, _ = store
    found = {each.operator_id: round(each.median / DAY_S, 1) for each in days_to_cash(cursor, Span(None, None, NOW))}
    assert {name: found[name] for name in ("OP-NL", "OP-DE", "OP-GB")} == {"OP-NL": 2.6, "OP-DE": 1.8, "OP-GB": 0.7}


def test_the_parts_of_a_session_add_up_and_none_is_negative(store: Store) -> None:
    cursor, _ = store
    found = sessions_to_cash(cursor, Span(None, None, NOW))
    assert len(found) > 400
    for each in found:
        parts = [getattr(each, name) for name in PARTS]
        assert min(parts) >= 0
        assert sum(parts) == pytest.approx((each.paid_at - each.ended_at).total_seconds()) == each.seconds


def test_statistics_are_of_the_sessions_one_by_one(store: Store) -> None:
    cursor, _ = store
    span = Span(FIRST + timedelta(days=5), FIRST + timedelta(days=11), NOW)
    seconds: dict[str, list[float]] = defaultdict(list)
    for each in sessions_to_cash(cursor, span):
        assert FIRST + timedelta(days=5) <= each.paid_at < FIRST + timedelta(days=11)
        seconds[each.operator_id].append(each.seconds)
    for told in days_to_cash(cursor, span):
        own = seconds.pop(told.operator_id)
        assert told.count == len(own)
        assert told.median == pytest.approx(median(own))
        if len(own) > 1:
            assert told.p90 == pytest.approx(quantiles(own, n=10, method="inclusive")[8])
        assert told.mean == pytest.approx(sum(own) / len(own))
        assert sum(getattr(told, name) for name in PARTS) == pytest.approx(told.mean)
    assert not seconds


def test_each_session_ends_with_its_meter_and_is_paid_when_the_bank_books(store: Store) -> None:
    cursor, _ = store
    ends: dict[str, datetime | None] = dict(
        cursor.execute("SELECT session_id, (metered -> 0 ->> 0)::timestamptz FROM projection.sessions").fetchall()
    )
    booked: dict[str, datetime] = dict(
        cursor.execute("SELECT payout_id, effective_at FROM book.entry WHERE kind = 'J36'").fetchall()
    )
    for each in sessions_to_cash(cursor, Span(None, None, NOW)):
        # Of one that fell silent the meter says nothing; it ends when it is closed.
        assert each.ended_at == (ends[each.session_id] or each.ended_at)
        assert each.paid_at == booked[each.payout_id]


def test_what_was_known_earlier_is_told_as_it_was(store: Store) -> None:
    cursor, _ = store
    (end,) = cursor.execute("SELECT max(position) FROM projection.cash_steps").fetchone() or (0,)
    whole = {(m.operator_id, m.currency): m.earned for m in cash_movements(cursor, Span(None, None, NOW))}
    half = {(m.operator_id, m.currency): m.earned for m in cash_movements(cursor, Span(None, None, end // 2))}
    assert half.keys() == whole.keys()
    assert 0 < sum(half.values()) < sum(whole.values())
    assert days_to_cash(cursor, Span(None, None, 0)) == []


@pytest.mark.parametrize("seed", [3, 14, 22])
def test_invented_histories_in_any_order_and_rebuilt(engine: Engine, seed: int) -> None:
    random = Random(seed)
    events = history(random, 25)
    size = -(-len(events) // 3)
    for first in range(0, len(events), size):
        engine.feed(disordered(random, events[first : first + size]))
        engine.advance(events[min(first + size, len(events)) - 1]["time"])
        catch_up(engine.dsn)
    engine.advance(UNTIL)
    catch_up(engine.dsn)
    for _ in ("followed", "rebuilt"):
        cash = fold(engine.dsn)
        with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
            for _ in range(10):
                since = datetime(2026, 3, 24, tzinfo=UTC) + timedelta(minutes=random.randrange(20_000))
                before = since + timedelta(minutes=random.randrange(20_000))
                for moved in cash_movements(cursor, Span(since, before, NOW)):
                    wanted = cash.movement(moved.operator_id, moved.currency, since, before)
                    assert {name: getattr(moved, name) for name in NAMES} == wanted
        rebuild(engine.dsn)


def line(payment_id: str, gross: str = "12.10") -> dict[str, Any]:
    return {"payment_id": payment_id, "gross": money(gross), "fee": money("0.30")}


def settled(id_: str, at: str, *lines: dict[str, Any], settlement_id: str = "ST-1") -> dict[str, Any]:
    data = {"settlement_id": settlement_id, "provider": "acme-psp", "settled_at": at, "items": list(lines)}
    return event("payment.settled", "acme-psp", at, data | {"net": money("11.80")}, id_)


TOLD_AGAIN = [
    *session("S-1"),
    *session("S-2"),
    settled("c", "2026-03-04T06:00:00Z", line("P-S-2")),
    settled("b", "2026-03-03T06:00:00Z", line("P-S-1"), line("P-S-2")),
    settled("a", "2026-03-03T06:00:00Z", line("P-S-1")),
]
SHARED = [
    *session("S-1")[:2],
    *session("S-2")[:2],
    captured("S-1", "2026-03-02T11:01:00Z", payment_id="P"),
    captured("S-2", "2026-03-02T11:02:00Z", payment_id="P"),
    settled("one", "2026-03-03T06:00:00Z", line("P"), settlement_id="A"),
    settled("two", "2026-03-04T06:00:00Z", line("P"), settlement_id="B"),
]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("told", [TOLD_AGAIN, SHARED], ids=["told again", "shared"])
def test_what_is_settled_is_what_releases_shares_whatever_is_told_of_settlements(
    engine: Engine, told: list[dict[str, Any]], turned: bool
) -> None:
    engine.feed([operator(fund_release="ON_SETTLEMENT"), tariff()])
    for message in reversed(told) if turned else told:
        engine.feed([message])
        engine.advance("2026-03-20T00:00:00Z")
        catch_up(engine.dsn)
        released = engine.rows(
            "SELECT released_at, amount FROM intake.line WHERE released_at IS NOT NULL AND share = 'session'"
        )
        with connect(engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
            for day in (3, 4, 5):
                before = datetime(2026, 3, day, 7, tzinfo=UTC)
                found = sum(moved.settled for moved in cash_movements(cursor, Span(None, before, NOW)))
                assert found == sum(amount for at, amount in released if at < before)
