"""What happens is queued once for whoever subscribed to it, with its end, and nothing of before."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from domain.notice.causes import APART
from ledger.access import notices
from ledger.access.door import Door
from ledger.access.notices import ALL, ListedNotice
from ledger.database import Role, connect
from ledger.errors import MachineryFault
from ledger.login import surface_login
from projections.freshness import ON_DEMAND
from projections.notices.feed import follow
from projections.runner import catch_up
from tests.support.engine import Engine
from tests.support.events import EPOCH, event, operator, session, tariff

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
ANSWERED = "2026-03-04T14:00:00Z"


class Told:
    """A store that is followed for notices by the login of a server that may change nothing of the book."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.now = engine, NOW
        self.login = surface_login(engine.dsn, folder)
        self.door = Door(self.login)

    def follow(self) -> None:
        """Bring the read models up, and queue everything there is to tell now."""
        self.catch_up()
        self.queue()

    def catch_up(self) -> None:
        """Bring the read models up."""
        catch_up(self.engine.dsn)
        catch_up(self.engine.dsn, ON_DEMAND)

    def queue(self) -> None:
        """Queue everything there is to tell now."""
        with self.following() as connection:
            while follow(connection, self.now):
                pass

    @contextmanager
    def following(self) -> Iterator[psycopg.Connection[Any]]:
        """The connection of a follower."""
        with connect(self.login, Role.AUDITOR, autocommit=True) as connection:
            yield connection

    def all(self) -> Sequence[ListedNotice]:
        """Notices, the first first."""
        with self.door.transaction() as cursor:
            return notices.newest(cursor, 1_000, ALL)[::-1]

    def types(self) -> Counter[str]:
        """How many notices there are of each type, ends apart."""
        return Counter(f"{each.type}{' ended' if each.is_end else ''}" for each in self.all())

    def later(self, **units: float) -> None:
        """Move the clock."""
        self.now += timedelta(**units)


@pytest.fixture
def told(engine: Engine, tmp_path: Path) -> Iterator[Told]:
    made = Told(engine, tmp_path)
    yield made
    made.door.close()


def subscribed(operator_id: str = "OP-1", *events: str, time: str = EPOCH, **said: Any) -> dict[str, Any]:
    """A subscription to these types, or to everything, by a webhook."""
    data = {
        "operator_id": operator_id,
        "subscription_id": "desk",
        "events": list(events) or ["*"],
        "channel": "WEBHOOK",
        "target": "https://example.com/hook",
        "enabled": True,
        **said,
    }
    return event("operator.notify_set", f"{operator_id}/{data['subscription_id']}", time, data)


def status(value: str, at: str, evse_uid: str = "EVSE-1", operator_id: str = "OP-1") -> dict[str, Any]:
    """What an EVSE is from then on."""
    data = {"operator_id": operator_id, "location_id": "LOC-1", "evse_uid": evse_uid, "status": value, "at": at}
    return event("charging.charger.status_changed", f"{operator_id}/{evse_uid}", at, data)


def heartbeat(at: str, evse_uid: str = "EVSE-1", interval_s: int = 60) -> dict[str, Any]:
    """A sign of life."""
    data = {"operator_id": "OP-1", "location_id": "LOC-1", "evse_uid": evse_uid, "at": at, "interval_s": interval_s}
    return event("charging.charger.heartbeat", evse_uid, at, data)


def happens(engine: Engine) -> None:
    """Payouts of three operators: paid, returned and waiting; a session that nobody can bill."""
    for number in range(1, 4):
        who, session_id = f"OP-{number}", f"S-{number}"
        beginning, *others = session(session_id)
        beginning["data"] |= {"operator_id": who, "tariff_id": f"T-{number}"}
        engine.feed([operator(who, payout_requires_approval=number == 3), tariff(who, f"T-{number}")])
        engine.feed([beginning, *others])
    lost, *others = session("S-lost")
    lost["data"] |= {"tariff_id": "T-unknown"}
    engine.feed([lost, *others])
    engine.advance("2026-03-04T12:00:00Z")
    for payout_id, who in engine.rows(
        "SELECT convert_from(state, 'UTF8')::jsonb->>'payout_id', "
        "convert_from(state, 'UTF8')::jsonb->>'operator_id' "
        "FROM event_store.stored_events WHERE topic = 'PayoutCreated' ORDER BY 1"
    ):
        words = {"OP-1": ("paid", {"bank_reference": "R"}), "OP-2": ("returned", {"reason": "AC01"})}
        if who in words:
            word, more = words[who]
            data = {"payout_id": payout_id, "at": ANSWERED, **more}
            engine.feed([event(f"payout.{word}", payout_id, ANSWERED, data)])
    engine.advance("2026-03-04T18:00:00Z")


def test_what_becomes_of_payouts_and_sessions_is_told_to_their_operator_alone(told: Told) -> None:
    told.engine.feed([subscribed(f"OP-{number}") for number in range(1, 4)])
    happens(told.engine)
    told.follow()

    found = told.all()
    by_operator = {
        each: Counter(notice.type for notice in found if notice.operator_id == each and not notice.is_end)
        for each in ("OP-1", "OP-2", "OP-3")
    }
    assert by_operator["OP-1"]["payout.created"] == by_operator["OP-1"]["payout.paid"] == 1
    assert by_operator["OP-1"]["session.suspense"] == 1
    assert by_operator["OP-2"]["payout.returned"] == 1
    assert by_operator["OP-3"]["payout.awaiting_approval"] == 1
    (suspense,) = [each for each in found if each.type == "session.suspense"]
    assert (suspense.data["session_id"], suspense.is_open, suspense.severity) == ("S-lost", True, "WARNING")
    (paid,) = [each for each in found if each.type == "payout.paid"]
    assert paid.data["amount"]["currency"] == "EUR"
    assert "account" not in str(paid.data)
    (waits,) = [each for each in found if each.type == "payout.awaiting_approval"]
    assert waits.is_open
    told.follow()
    assert told.all() == found


def test_a_session_that_can_be_billed_after_all_is_over_for_whoever_was_told(told: Told) -> None:
    told.engine.feed([subscribed("OP-1", "session.*")])
    happens(told.engine)
    told.follow()
    assert told.types() == {"session.suspense": 1}

    told.later(minutes=5)
    told.engine.feed([tariff("OP-1", "T-unknown")])
    told.follow()

    assert told.types() == {"session.suspense": 1, "session.suspense ended": 1}
    begun, over = told.all()
    assert (begun.is_open, over.data["session_id"], over.occurred_at) == (False, "S-lost", begun.occurred_at)


def test_what_happened_before_anybody_subscribed_is_told_to_nobody(told: Told) -> None:
    happens(told.engine)
    told.engine.feed([status("INOPERATIVE", "2026-03-04T18:00:00Z")])
    told.follow()
    told.engine.feed(
        [subscribed("OP-1", time="2026-03-01T00:00:00Z"), subscribed("OP-2", time="2026-03-05T00:00:00Z")]
    )
    told.follow()
    # It goes on, and was told before: so nothing of it is new; and what acts before is told as late as it may come.
    told.engine.feed([status("AVAILABLE", "2026-03-04T19:00:00Z")])
    told.engine.feed([status("INOPERATIVE", "2026-03-04T20:00:00Z", "EVSE-2", "OP-2")])
    told.follow()

    assert told.types() == {}


def test_a_charger_that_goes_up_and_down_is_told_of_once_an_hour_and_once_when_it_is_over(told: Told) -> None:
    told.engine.feed([operator(), subscribed("OP-1", "charger.down"), status("AVAILABLE", "2026-03-05T11:00:00Z")])
    told.follow()
    for minute in range(0, 30, 5):
        value = "INOPERATIVE" if minute % 10 == 0 else "AVAILABLE"
        told.engine.feed([status(value, f"2026-03-05T12:{minute:02}:00Z")])
        told.follow()
        told.later(minutes=5)
    assert told.types() == {"charger.down": 1, "charger.down ended": 1}
    assert told.all()[0].data["status"] == "INOPERATIVE"

    # Down again within the hour and still so at its end: told then, with how often it was in between.
    told.engine.feed([status("OUTOFORDER", "2026-03-05T12:31:00Z")])
    told.follow()
    assert told.types()["charger.down"] == 1
    told.now = NOW + APART
    told.follow()

    again = told.all()[-1]
    assert (again.data["status"], again.data["times_before"]) == ("OUTOFORDER", 2)
    assert again.occurred_at == datetime(2026, 3, 5, 12, 31, tzinfo=UTC)
    assert again.is_open


def test_late_and_doubled_statuses_change_nothing_of_what_is_told(told: Told) -> None:
    down = status("INOPERATIVE", "2026-03-05T11:30:00Z")
    told.engine.feed([operator(), subscribed("OP-1", "charger.*"), down])
    told.follow()
    told.engine.feed([status("AVAILABLE", "2026-03-05T11:00:00Z"), down, status("UNKNOWN", "2026-03-05T10:00:00Z")])
    told.follow()

    assert told.types() == {"charger.down": 1}


def test_an_evse_that_says_nothing_any_more_is_told_of_until_it_speaks(told: Told) -> None:
    told.engine.feed([operator(), subscribed("OP-1", "charger.silent"), heartbeat("2026-03-05T11:50:00Z")])
    # Who subscribes behind the last sign of life, before it is silence, hears of it; who comes later does not.
    told.engine.feed([subscribed("OP-1", "*", time="2026-03-05T11:52:00Z", subscription_id="in time")])
    told.follow()
    told.engine.feed([heartbeat("2026-03-05T11:52:59Z", "EVSE-2")])
    told.later(minutes=1)
    told.follow()
    assert told.types() == {}

    told.engine.feed([subscribed("OP-1", "*", time="2026-03-05T11:53:01Z", subscription_id="late")])
    told.later(minutes=1)
    told.follow()
    assert {each.subscription_id for each in told.all()} == {"desk", "in time"}
    assert {(each.type, each.data["evse_uid"]) for each in told.all()} == {("charger.silent", "EVSE-1")}

    # Whoever was told that it began is told that it is over, though she hears of something else now.
    told.engine.feed([heartbeat("2026-03-05T11:55:00Z"), subscribed("OP-1", "payout.*", time="2026-03-05T11:55:00Z")])
    told.later(minutes=1)
    told.follow()
    assert told.types() == {"charger.silent": 2, "charger.silent ended": 2}


def test_a_follower_that_is_killed_leaves_nothing_half_done_and_the_next_one_does_all(told: Told) -> None:
    told.engine.feed([subscribed(f"OP-{number}") for number in range(1, 4)])
    happens(told.engine)
    told.catch_up()
    with psycopg.connect(told.engine.dsn, autocommit=True) as server:
        server.execute(
            "CREATE FUNCTION public.gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
            "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END'"
        )
        # The follower's session is gone once it has written there, and at the end of all that it writes.
        for table in ("notice_target", "notice_cause", "notice", "notice_delivery", "notice_position"):
            on = f"ON access.{table}"
            server.execute(f"CREATE TRIGGER gone AFTER INSERT OR UPDATE {on} EXECUTE FUNCTION public.gone()".encode())
            with pytest.raises(MachineryFault):
                told.queue()
            assert told.all() == []
            server.execute(f"DROP TRIGGER gone ON access.{table}".encode())
    told.follow()

    types = told.types()
    assert types["payout.created"] == 3
    assert types["session.suspense"] == types["payout.paid"] == types["payout.returned"] == 1


def test_of_two_followers_one_does_it(told: Told) -> None:
    told.engine.feed([subscribed()])
    happens(told.engine)
    told.catch_up()
    with told.following() as first, told.following() as second:
        with first.transaction():
            first.execute("SET LOCAL ROLE wattledger_door")
            first.execute("SELECT FROM access.notice_position FOR UPDATE")
            assert not follow(second, told.now)
        assert told.all() == []
    told.follow()
    assert told.types()["payout.created"] == 1


def test_the_digest_of_a_day_says_how_the_operator_stands(told: Told) -> None:
    said = {"digest": "DAILY", "subscription_id": "day"}
    told.engine.feed([subscribed("OP-1", "payout.*", "session.*", **said), subscribed("OP-3", "payout.*", **said)])
    told.now = datetime(2026, 3, 1, 16, tzinfo=UTC)
    told.follow()
    told.now = datetime(2026, 3, 5, 16, 59, tzinfo=UTC)
    happens(told.engine)
    told.engine.feed([status("OUTOFORDER", "2026-03-04T18:30:00Z")])
    told.follow()
    # One for the four days that nobody followed; what is bundled since is for the next one.
    assert {each.status for each in told.all() if each.type != "digest"} == {"BUNDLED"}
    earlier = [each for each in told.all() if each.type == "digest"]
    assert [each.data["notices"] for each in earlier] == [0, 0]
    assert [each.data["report"]["came_in"][0]["paid"] for each in earlier if each.operator_id == "OP-1"] != ["0.00"]

    # It is 18:00 in Amsterdam.
    told.now = datetime(2026, 3, 5, 17, tzinfo=UTC)
    told.follow()

    digests = {each.operator_id: each for each in told.all() if each.type == "digest"}
    assert digests.keys() == {"OP-1", "OP-3"}
    first = digests["OP-1"].data
    assert {each["type"]: each["count"] for each in first["causes"]} == {
        "payout.created": 1,
        "payout.paid": 1,
        "session.suspense": 1,
    }
    assert first["report"]["evses_down"]["count"] == 1
    assert first["report"]["came_in"] == []
    assert [each["for"] for each in first["report"]["waits"]] == ["OPERATOR"]
    assert [each["for"] for each in digests["OP-3"].data["report"]["waits"]] == ["APPROVERS"]
    bundled = [each for each in told.all() if each.status == "BUNDLED"]
    assert {each.digest_id for each in bundled} == {each.notice_id for each in digests.values()}

    told.follow()
    assert len([each for each in told.all() if each.type == "digest"]) == 4
    told.later(hours=24)
    told.follow()
    third = [each for each in told.all() if each.type == "digest"][-1]
    assert (third.data["notices"], third.data["causes"]) == (0, [])


def test_what_is_known_at_a_moment_is_told_alike_in_whatever_order_it_came(told: Told) -> None:
    said = [("AVAILABLE", "11:00"), ("INOPERATIVE", "11:10"), ("AVAILABLE", "11:20"), ("OUTOFORDER", "11:30")]
    orders = list(permutations(said))
    who = [f"OP-{number}" for number in range(len(orders))]
    told.engine.feed([subscribed(each, "charger.*") for each in who])
    told.follow()
    for each, order in zip(who, orders, strict=True):
        told.engine.feed([status(value, f"2026-03-05T{at}:00Z", operator_id=each) for value, at in order])
    told.follow()

    found = {each.operator_id: (each.type, each.data["status"], each.occurred_at) for each in told.all()}
    assert found == dict.fromkeys(who, ("charger.down", "OUTOFORDER", datetime(2026, 3, 5, 11, 30, tzinfo=UTC)))
    assert len(told.all()) == len(who)


def test_cash_that_will_not_last_or_does_not_come_and_chargers_below_the_rule_are_told_once(told: Told) -> None:
    lease = {
        "operator_id": "OP-1",
        "cost_id": "lease",
        "effective_from": "2026-01-01T00:00:00Z",
        "kind": "LEASE",
        "amount": {"amount": "5000.00", "currency": "EUR"},
        "every": "MONTH",
        "due_day": 20,
    }
    declared = {
        "operator_id": "OP-1",
        "at": "2026-03-04T00:00:00Z",
        "amount": {"amount": "100.00", "currency": "EUR"},
    }
    begun = "2026-01-01T00:00:00Z"
    unpaid = [each for each in session(day="2026-01-10") if each["type"] != "payment.captured"]
    told.engine.feed(
        [
            operator(time=begun),
            tariff(time=begun),
            *unpaid,
            subscribed("OP-1", "cash.*", "charger.uptime_below", time=begun),
            status("AVAILABLE", begun),
            status("INOPERATIVE", "2026-02-20T00:00:00Z"),
            event("operator.cost_declared", "OP-1", begun, lease),
            event("operator.cash_declared", "OP-1", "2026-03-05T12:00:00Z", declared),
        ]
    )
    told.follow()

    found = {each.type: each for each in told.all()}
    assert found.keys() == {"cash.runway_short", "cash.not_collected_old", "charger.uptime_below"}
    assert found["cash.runway_short"].data["below_zero_on"] == "2026-03-20"
    assert found["cash.runway_short"].severity == "WARNING"
    assert found["cash.not_collected_old"].data["cause"] == "NOT_CAPTURED"
    assert found["charger.uptime_below"].data["uptime_percent"] == "78.74"

    # The same is more urgent once less than a week is left.
    told.later(days=9)
    told.engine.feed([subscribed("OP-1", "nothing", time="2026-03-14T12:00:00Z", subscription_id="news")])
    told.follow()
    urgent = [each for each in told.all() if each.type == "cash.runway_short"]
    assert [each.severity for each in urgent] == ["WARNING", "CRITICAL"]
    assert urgent[1].data["runway_days"] < 7

    richer = {**declared, "at": "2026-03-05T13:00:00Z", "amount": {"amount": "90000.00", "currency": "EUR"}}
    told.engine.feed([event("operator.cash_declared", "OP-1", "2026-03-05T13:00:00Z", richer)])
    told.later(hours=1)
    told.follow()
    assert told.types()["cash.runway_short ended"] == 1
    assert told.types()["cash.not_collected_old"] == 1
    told.later(hours=24)
    told.follow()
    assert sum(told.types().values()) == 5
    assert not [each for each in told.all() if each.type == "cash.runway_short" and each.is_open]


def test_limits_that_are_missed_and_peaks_that_come_near_are_told_with_their_end(told: Told) -> None:
    told.engine.feed([operator(), subscribed("OP-1", "load.*"), subscribed("OP-2", "payout.*")])
    near = {"foreseen_w": 9, "peak_w": 8}
    alert(told.engine, "load.limit_missed", "2026-03-01T00:00:01Z", "2026-03-01T00:10:00Z", {"over_w": 10}, "OP-2")
    alert(told.engine, "load.limit_missed", "2026-03-05T11:50:00Z", None, {"over_a": 32, "over_w": 0})
    alert(told.engine, "load.peak_near", "2026-03-05T11:45:00Z", "2026-03-05T12:00:30Z", near)
    told.follow()
    told.follow()

    found = {each.type: each for each in told.all()}
    assert {type_: each.severity for type_, each in found.items()} == {
        "load.limit_missed": "CRITICAL",
        "load.peak_near": "WARNING",
    }
    assert len(told.all()) == 2
    assert (found["load.limit_missed"].data["over_a"], found["load.limit_missed"].is_open) == ("3.2", True)

    # A reading below it; and another quarter hour that is no nearer to the peak than the last one was.
    told.engine.rows(
        "UPDATE load.alert SET to_at = '2026-03-05T11:59:00Z', seq = nextval('load.alert_seq') "
        "WHERE operator_id = 'OP-1' AND to_at IS NULL RETURNING seq"
    )
    alert(told.engine, "load.peak_near", "2026-03-05T12:00:30Z", "2026-03-05T12:15:00Z", near)
    told.later(minutes=1)
    told.follow()
    assert told.types() == {"load.limit_missed": 1, "load.limit_missed ended": 1, "load.peak_near": 1}

    told.later(minutes=15)
    told.follow()
    assert told.types()["load.peak_near ended"] == 1
    assert not [each for each in told.all() if each.is_open]


def alert(
    engine: Engine, kind: str, since: str, until: str | None, data: dict[str, int], operator_id: str = "OP-1"
) -> None:
    """What the load service finds at a site."""
    engine.rows(
        "INSERT INTO load.alert (kind, operator_id, location_key, location_id, subject, from_at, to_at, data) "
        "VALUES (%s, %s, 'loc-1', 'LOC-1', 'main', %s, %s, %s) RETURNING seq",
        *(kind, operator_id, since, until, Jsonb(data)),
    )
