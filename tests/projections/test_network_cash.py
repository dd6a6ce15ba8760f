"""What is not collected and days to cash, of histories in which much goes wrong: against the book and the messages.

Causes are the balances to the cent, at any moment and as it was known. Days to cash are walked payout by payout.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import pytest
from psycopg import Cursor

from domain.calendar import instant
from domain.network.cash_causes import PENDING, Cause
from ledger.database import Role, connect
from ledger.events.codec import read_body
from projections.as_of import AsOf
from projections.balances_at import operator_balances_at
from projections.export import export
from projections.network.asked import Asked
from projections.network.cause_parts import TOLD, cause_parts
from projections.network.not_collected import not_collected
from projections.network.to_cash import By, Came, to_cash
from projections.rebuild import rebuild
from projections.registry import KEPT_UP
from projections.runner import catch_up
from tests.conftest import Stores
from tests.projections.builders import PLATFORM
from tests.support.engine import Engine
from tests.support.histories import DAYS, FIRST_DAY, UNTIL, disordered, history

WAITING = (*(Cause(place.value) for place in PENDING), Cause.ROAMING_NOT_ACCEPTED)
AVAILABLE = (Cause.AWAITING_RUN, Cause.BELOW_MINIMUM, Cause.AWAITING_APPROVAL)
EVERYTHING = 2**60

Rows: TypeAlias = Cursor[tuple[Any, ...]]
# By payout and session: when the session ended, what the payout pays of it, when it was handed over and paid.
Paid: TypeAlias = dict[tuple[str, str], tuple[datetime, int, datetime, datetime | None]]


@pytest.fixture(scope="module", params=[1, 2])
def store(request: pytest.FixtureRequest, stores: Stores) -> Iterator[tuple[str, Random]]:
    """A store that was told a history in three calls, in any order, some of it twice; seed 1 has terms of runs."""
    random = Random(request.param)
    events = history(random, 40, run_terms=request.param == 1)
    size = -(-len(events) // 3)
    with stores() as dsn:
        engine = Engine(dsn)
        for first in range(0, len(events), size):
            engine.feed(disordered(random, events[first : first + size]))
            engine.advance(events[min(first + size, len(events)) - 1]["time"])
            catch_up(dsn, [*KEPT_UP, "network"])
        engine.advance(UNTIL)
        engine.close()
        catch_up(dsn, [*KEPT_UP, "network"])
        yield dsn, random


@pytest.fixture
def cursor(store: tuple[str, Random]) -> Iterator[Rows]:
    with connect(store[0], Role.AUDITOR) as connection, connection.cursor() as cursor:
        yield cursor


def moments(random: Random, count: int) -> list[datetime | None]:
    """All there is, and so many moments before, within and after the history."""
    span = timedelta(days=DAYS + 18)
    return [None, *(FIRST_DAY - timedelta(days=1) + span * random.random() for _ in range(count))]


def test_causes_add_up_to_the_balances_at_any_moment_as_known_at_any(store: tuple[str, Random], cursor: Rows) -> None:
    random = store[1]
    (end,) = cursor.execute("SELECT max(position) FROM projection.account_lines").fetchone() or (0,)
    for moment in moments(random, 20):
        for position in (EVERYTHING, random.randrange(end)):
            asked = AsOf(moment, None, position)
            found = {(each.operator_id, each.currency): each.amounts for each in not_collected(cursor, asked)}
            for owed in operator_balances_at(cursor, asked):
                amounts = found[owed.operator_id, owed.currency]
                assert sum(amounts[cause] for cause in WAITING) == owed.pending
                assert sum(amounts[cause] for cause in AVAILABLE) == owed.available
                assert amounts[Cause.RESERVED] == owed.reserved
                assert amounts[Cause.DISPUTED] == owed.disputed
                assert amounts[Cause.IN_TRANSIT] + amounts[Cause.RETURNED] == owed.in_transit


def test_the_parts_of_a_cause_add_up_to_it(store: tuple[str, Random], cursor: Rows) -> None:
    told = 0
    for moment in moments(store[1], 3):
        asked = AsOf(moment, None, EVERYTHING)
        for each in not_collected(cursor, asked):
            for cause in TOLD:
                of = (each.operator_id, each.currency, cause)
                parts = cause_parts(cursor, of, asked)
                assert sum(part.amount for part in parts) == each.amounts[cause]
                assert all(part.amount for part in parts)
                told += len(parts)
                if len(parts) > 1:
                    assert cause_parts(cursor, of, asked, 1, parts[0].subject) == parts[1:2]
    assert told > 20


def test_days_to_cash_are_those_of_payouts_walked_one_by_one(cursor: Rows) -> None:
    paid = walked(cursor)
    rows = cursor.execute(
        "SELECT payout_id, session_id, ended_at, amount, handed_at, paid_at FROM projection.session_cash"
    )
    kept = {(payout, session): tuple(rest) for payout, session, *rest in rows if rest[2] is not None}
    assert kept == paid
    assert len(paid) > 10
    wanted: dict[tuple[str, str], list[tuple[timedelta, int]]] = defaultdict(list)
    owners: dict[str, str] = dict(cursor.execute("SELECT payout_id, operator_id FROM projection.payouts").fetchall())
    for (payout, _), (ended, amount, handed, arrived) in paid.items():
        wanted[owners[payout], "handed"].append((handed - ended, amount))
        if arrived is not None:
            wanted[owners[payout], "paid"].append((arrived - ended, amount))
    found = {}
    for each in to_cash(cursor, Asked()):
        found[each.operator_id, "handed"] = each.handed
        if each.paid is not None:
            found[each.operator_id, "paid"] = each.paid
    assert found == {key: weighed(came) for key, came in wanted.items()}


def test_groups_add_up_to_their_operator(cursor: Rows) -> None:
    whole = {(each.operator_id, each.currency): each.handed for each in to_cash(cursor, Asked())}
    for by in (By.SITE, By.EVSE, By.CHANNEL, By.DAY):
        sums: dict[tuple[str, str], list[Fraction | int]] = defaultdict(lambda: [0, 0, 0])
        for each in to_cash(cursor, Asked(), by):
            of = sums[each.operator_id, each.currency]
            of[0] += each.handed.sessions
            of[1] += each.handed.amount
            of[2] += each.handed.amount * each.handed.mean_us
        assert {
            key: (count, amount, Fraction(weighed, amount)) for key, (count, amount, weighed) in sums.items()
        } == {key: (came.sessions, came.amount, came.mean_us) for key, came in whole.items()}


def test_the_files_are_of_the_balances_and_of_the_rows(
    store: tuple[str, Random], cursor: Rows, tmp_path: Path
) -> None:
    export(store[0], tmp_path, PLATFORM, network=True)
    files = ("balances", "cash_by_cause", "days_to_cash", "runway")
    owed, causes, days, runways = (json.loads((tmp_path / f"{name}.json").read_bytes()) for name in files)
    assert {name: sorted(of) for name, of in owed.items()} == {name: sorted(of) for name, of in causes.items()}
    for operator_id, of in owed.items():
        for currency, amounts in of.items():
            told = causes[operator_id][currency]
            assert set(told) == {cause.value for cause in Cause}
            places = ("pending", "available", "reserved", "disputed", "in_transit")
            assert sum(map(Decimal, told.values())) == sum(Decimal(amounts[place]) for place in places)
    asked = {each.operator_id: each for each in to_cash(cursor, Asked())}
    assert days.keys() == asked.keys()
    for operator_id, steps in days.items():
        came = asked[operator_id].handed
        assert steps["handed"]["sessions"] == came.sessions
        assert Decimal(steps["handed"]["median_s"]) * 10**6 == came.median_us
        assert abs(Decimal(steps["handed"]["mean_s"]) * 10**6 - Decimal(round(came.mean_us))) <= 1
    assert runways.keys() == owed.keys()


def test_a_rebuild_gives_the_same_rows(store: tuple[str, Random], cursor: Rows) -> None:
    queries = [
        "SELECT * FROM projection.cash_causes ORDER BY 1, 2, 3, 4, 5, 6",
        "SELECT * FROM projection.cash_cause_days ORDER BY 1, 2, 3, 4",
        "SELECT * FROM projection.session_cash ORDER BY 1, 2",
    ]
    followed = [cursor.execute(query.encode()).fetchall() for query in queries]
    cursor.connection.rollback()
    rebuild(store[0], ["network"])
    assert [cursor.execute(query.encode()).fetchall() for query in queries] == followed


def walked(cursor: Rows) -> Paid:
    """What each payout pays of each session, and when, from the journal and the messages."""
    ends = ends_of_sessions(cursor)
    first_of: dict[str, str] = {}
    payouts = cursor.execute(
        "SELECT payout_id, reissue_of, entry_ids FROM projection.payouts ORDER BY attempt"
    ).fetchall()
    for payout_id, reissue_of, _ in payouts:
        first_of[payout_id] = first_of[reissue_of] if reissue_of else payout_id
    booked: dict[str, dict[str, dict[datetime, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for payout_id, kind, at, amount in cursor.execute(
        "SELECT payout_id, kind, effective_at, amount_minor FROM book.entry JOIN book.posting USING (entry_id) "
        "WHERE (kind, left(account, 4)) IN (('J35', '2050'), ('J36', '2050'), ('J39', '2060'))"
    ).fetchall():
        booked[payout_id][kind][at] += amount
    found: Paid = {}
    for payout_id, reissue_of, entry_ids in payouts:
        standing = [at for at, amount in booked[payout_id]["J35"].items() if amount]
        if reissue_of or not standing:
            continue
        arrived = []
        for attempt, first in first_of.items():
            if first == payout_id and not any(booked[attempt]["J39"].values()):
                arrived += [at for at, amount in booked[attempt]["J36"].items() if amount]
        for session_id, priced_at, amount in cursor.execute(
            "SELECT session_id, min(effective_at), -sum(amount_minor) "
            "FROM book.entry JOIN book.posting USING (entry_id) "
            "WHERE entry_id = ANY(%s) AND session_id IS NOT NULL AND left(account, 4) IN ('2010', '2011') "
            "GROUP BY session_id HAVING sum(amount_minor) < 0",
            (entry_ids,),
        ).fetchall():
            ended = ends.get(session_id) or priced_at
            found[payout_id, session_id] = (ended, int(amount), min(standing), min(arrived, default=None))
    return found


def ends_of_sessions(cursor: Rows) -> dict[str, datetime]:
    """When each session ended, by what was reported: the latest correction that says so, else its end."""
    told: dict[str, list[tuple[Any, datetime]]] = defaultdict(list)
    for topic, state in cursor.execute(
        "SELECT topic, state FROM event_store.stored_events "
        "WHERE topic IN ('charging.session.ended', 'charging.session.meter_corrected')"
    ).fetchall():
        body = read_body(topic, bytes(state))
        data = body["data"]
        if data.get("ended_at"):
            order = (data.get("corrected_at", ""), body["source"], body["id"])
            told[data["session_id"]].append((order, instant(data["ended_at"])))
    return {session_id: max(ends)[1] for session_id, ends in told.items()}


def weighed(came: list[tuple[timedelta, int]]) -> Came:
    """The amount-weighted median and mean, cent by cent in the order of time."""
    cents = [took for took, amount in sorted(came) for _ in range(amount)]
    half = cents[(len(cents) + 1) // 2 - 1]
    total = sum((took * amount for took, amount in came), timedelta())
    microsecond = timedelta(microseconds=1)
    return Came(len(came), len(cents), half // microsecond, Fraction(total // microsecond, len(cents)))
