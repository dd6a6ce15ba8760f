"""Sessions are followed event by event: whatever the order and whoever follows, they end in the same."""

from datetime import datetime
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.database import Role, connect
from projections.roaming.feed import RoamingFeed, make_all_visible
from projections.roaming.sessions import SessionObjects
from tests.ocpi.test_locations import location, status
from tests.support.anew import make_anew
from tests.support.engine import Engine
from tests.support.events import corrected, session
from tests.support.roaming_sessions import DAY, LATER, Seen, at, begun, reviewed, state, whole


def test_one_that_goes_on_following_sees_what_one_that_begins_sees(seen: Seen) -> None:
    """What is kept in memory from event to event comes to what the streams say; made anew nothing changes."""
    feed = RoamingFeed()
    now = datetime.fromisoformat(LATER)
    events = [each for number in range(80, 84) for each in whole(f"S-{number}", tariff_id="T-ALL")]
    events += [corrected("S-81", at(300), 12_500), reviewed("S-82", "VOID"), *session("S-84", DAY)]
    with connect(seen.engine.dsn, Role.PROJECTOR, autocommit=True) as connection:
        feed.catch_up(connection, now)
        for each in events:
            seen.engine.feed([each])
            feed.catch_up(connection, now)
        followed = [seen.documents(f"S-{number}") for number in range(80, 84)]
        make_anew(seen.engine.dsn)
        assert feed.catch_up(connection, now) == 0
        seen.engine.rows("DELETE FROM roaming.object WHERE object_id = 's-81' RETURNING object_id")
        make_anew(seen.engine.dsn)
        assert feed.catch_up(connection, now) == 1
    make_anew(seen.engine.dsn)
    assert make_all_visible(seen.engine.dsn, now) == 0
    assert [seen.documents(f"S-{number}") for number in range(80, 84)] == followed
    assert [each[0]["status"] for each in followed if each] == ["COMPLETED", "COMPLETED", "INVALID", "COMPLETED"]


def all_of(session_id: str) -> list[Any]:
    """A session with all that may be told of one, and a correction of its end."""
    changes = [state(session_id, at(minute), value) for minute, value in ((25, "IDLE"), (35, "CHARGING"))]
    return [*whole(session_id, tariff_id="T-ALL"), *changes, corrected(session_id, at(61), 12_400)]


@pytest.fixture(scope="module")
def told_in_order(sessions_store: Engine) -> Any:
    seen = Seen(sessions_store)
    seen.told(all_of("S-99"))
    return seen.documents("S-99")


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_the_order_it_ends_in_the_same(seen: Seen, told_in_order: Any, data: st.DataObject) -> None:
    """Late, doubled and shuffled events, followed in one go or one by one, by one that goes on or begins anew."""
    session_id = f"S-{next(_numbers)}"
    events = data.draw(st.permutations([*all_of(session_id), *data.draw(st.sampled_from([[], all_of(session_id)]))]))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(events) - 1), max_size=4)))
    now, feed = datetime.fromisoformat(LATER), RoamingFeed()
    with connect(seen.engine.dsn, Role.PROJECTOR, autocommit=True) as connection:
        for first, last in pairwise([0, *cuts, len(events)]):
            seen.engine.feed(events[first:last])
            feed = data.draw(st.sampled_from([feed, RoamingFeed()]))
            feed.catch_up(connection, now)
    names = {"id": "S-99", "evse_uid": "EVSE-99"}
    found = seen.documents(session_id)
    assert found is not None
    assert tuple(each | names for each in found) == told_in_order


_numbers = count(1_000)


def test_a_status_waits_for_no_more_than_a_piece_of_sessions(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told of sessions is much and dear to make: a status that comes meanwhile is seen before their end."""
    seen.told([location("LOC-9")])
    begins = [begun(f"S-{2_000 + number}") for number in range(600)]
    seen.engine.feed(begins)
    made: list[bool] = []
    take = SessionObjects.take

    def taking(self: SessionObjects, *given: Any) -> Any:
        if not made:
            seen.engine.feed([status("LOC-9-E1", "CHARGING", at(1), location_id="LOC-9")])
        visible = seen.engine.rows("SELECT FROM roaming.evse_status WHERE evse_uid = 'loc-9-e1'")
        made.append(bool(visible))
        return take(self, *given)

    monkeypatch.setattr(SessionObjects, "take", taking)
    make_all_visible(seen.engine.dsn, datetime.fromisoformat(LATER))
    assert made[:2] == [False, True]
    assert len(made) >= 3


def test_two_that_follow_in_turn_miss_nothing_of_what_the_other_took(seen: Seen) -> None:
    """As while one process takes over from another: what one keeps in memory lacks what the other was told."""
    feeds, now = (RoamingFeed(), RoamingFeed()), datetime.fromisoformat(LATER)
    with connect(seen.engine.dsn, Role.PROJECTOR, autocommit=True) as connection:
        for place, each in enumerate(all_of("S-98")):
            seen.engine.feed([each])
            feeds[place % 2].catch_up(connection, now)
            # What is about no session moves whoever follows on as well.
            seen.engine.feed([location(f"LOC-{100 + place}")])
            feeds[place % 2].catch_up(connection, now)
    followed = seen.documents("S-98")
    make_anew(seen.engine.dsn)
    make_all_visible(seen.engine.dsn, now)
    assert seen.documents("S-98") == followed
