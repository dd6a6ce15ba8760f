"""Steering on a store: what is told is stored before, told again under the same ids, and read back."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pytest

from consumers.load import partition_of
from contracts.decode import Message, decode
from contracts.messages import TOPIC_OF
from contracts.outgoing import OUTBOUND_MODEL_OF
from domain.load.messages import moment
from engine.load.book import Book
from engine.load.steering import LostSites, Outcome, Read, Sending, Steering
from ledger.database import Role, connect
from projections.load.alerts import LIMIT_MISSED, PEAK_NEAR, AlertFilter, alerts, changed_since
from projections.load.profiles import ProfileFilter, profiles, site_now
from tests.support.events import event

DAY = "2026-03-02T"


class Site:
    """A process that steers all sites, in time that goes by as messages say, and the log that it reads."""

    def __init__(self, dsn: str) -> None:
        self.dsn, self.offset = dsn, 0
        self.steering = Steering(dsn, by_events=True)
        self.begin()

    def begin(self) -> Sequence[Sending]:
        """As after a start: what may not have been told."""
        return self.steering.own([0], 1, lambda *_: 0)[1]

    def killed(self) -> Sequence[Sending]:
        """Another process in place of one that did not come to say that all was told."""
        self.steering.close()
        self.steering = Steering(self.dsn, by_events=True)
        return self.begin()

    def read(self, *events: dict[str, Any]) -> Outcome:
        reads = []
        for each in events:
            reads.append(Read(f"{TOPIC_OF[each['type']]}/0", self.offset, orjson.dumps(each), ()))
            self.offset += 1
        return self.steering.take(reads)


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    """A site on an empty store."""
    made = Site(database_url)
    yield made
    made.steering.close()


def limit(max_a: int = 40, time: str = "08:00:00", **more: Any) -> dict[str, Any]:
    evses = [{"evse_uid": f"E{number}", "phases": 3} for number in (1, 2)]
    data = {
        "operator_id": "OP-1",
        "location_id": "Loc",
        "effective_from": f"{DAY}{time}Z",
        "circuits": [{"circuit_id": "site", "max_a": max_a, "evse_uids": evses}],
        "mode": "MAX_MIN",
        "reason": "GRID",
    }
    return event("site.limit_set", "Loc", f"{DAY}{time}Z", data | more)


def started(number: int, time: str) -> dict[str, Any]:
    data = {
        "session_id": f"S{number}",
        "operator_id": "OP-1",
        "location_id": "LOC",
        "evse_uid": f"E{number}",
        "connector_id": "1",
        "started_at": f"{DAY}{time}Z",
        "meter_start_wh": 1000,
        "tariff_id": "T",
        "auth_method": "WHITELIST",
    }
    return event("charging.session.started", f"S{number}", f"{DAY}{time}Z", data)


def answered(command: dict[str, Any], time: str, status: str = "ACCEPTED") -> dict[str, Any]:
    data = {
        "command_id": command["command_id"],
        "evse_uid": command["evse_uid"],
        "at": f"{DAY}{time}Z",
        "status": status,
    }
    return event("charging.charger.profile_answered", command["evse_uid"], f"{DAY}{time}Z", data)


def measured(time: str, import_wh: int, *phases: float) -> dict[str, Any]:
    data = {"operator_id": "OP-1", "location_id": "Loc", "read_at": f"{DAY}{time}Z", "import_wh": import_wh}
    return event("site.load_measured", "Loc", f"{DAY}{time}Z", data | ({"phase_a": phases} if phases else {}))


def told(records: Sequence[Sending], type_: str = "charging.profile.requested") -> list[dict[str, Any]]:
    """The data of what is told, each checked as its schema says."""
    found = []
    for each in records:
        document = orjson.loads(each.value)
        OUTBOUND_MODEL_OF[document["type"]].model_validate_json(each.value)
        assert each.topic == "settlement.profiles"
        assert each.key.decode() == document["data"]["evse_uid"]
        if document["type"] == type_:
            found.append(document["data"])
    return found


def test_a_car_is_told_its_limit_at_the_moment_of_its_start_and_nobody_a_second_time(site: Site) -> None:
    outcome = site.read(limit())
    stations = told(outcome.records, "charging.profile.fallback_requested")
    assert [(each["evse_uid"], each["limit_a"]) for each in stations] == [("E1", 20), ("E2", 20)]
    (command,) = told(site.read(started(1, "08:01:00")).records)
    assert {name: command[name] for name in ("session_id", "limit_a", "phases", "min_a", "valid_from", "why")} == {
        "session_id": "S1",
        "limit_a": 32,
        "phases": 3,
        "min_a": 6,
        "valid_from": "2026-03-02T08:01:00Z",
        "why": "MAXIMUM",
    }
    assert command["charging_profile"]["charging_profile_period"] == [{"start_period": 0, "limit": 32}]
    assert site.read(started(1, "08:01:00")).records == []


def test_what_was_stored_and_may_not_have_left_is_told_again_under_the_same_ids(site: Site) -> None:
    before = site.read(limit(), started(1, "08:01:00"), started(2, "08:02:00")).records
    assert {each["session_id"] for each in told(before)} == {"S1", "S2"}
    assert site.killed() == before
    site.steering.sent()
    accepted = [answered(each, "08:02:05") for each in told(before)]
    site.read(*accepted)
    site.steering.sent()
    site.read(measured("08:03:00", 0, 10, 10, 10))
    # It goes on from what it knew: what was read before is not read again, and nothing is told anew.
    site.offset = 0
    site.killed()
    assert site.read(limit(), started(1, "08:01:00"), started(2, "08:02:00"), *accepted).records == []
    assert site.offset == 5


def test_who_lost_the_sites_to_another_writes_nothing(site: Site, database_url: str) -> None:
    other = Steering(database_url, by_events=True)
    other.own([0], 1, lambda *_: 0)
    with pytest.raises(LostSites):
        site.read(limit(), started(1, "08:01:00"))
    other.close()
    with connect(database_url, Role.AUDITOR) as connection:
        assert connection.execute("SELECT count(*) FROM load.profile").fetchone() == (0,)


def test_commands_their_answers_and_who_gets_what_are_read_back(site: Site, database_url: str) -> None:
    first, second = told(site.read(limit(), started(1, "08:01:00"), started(2, "08:01:00")).records)
    site.read(
        answered(first, "08:01:02"), answered(second, "08:01:03", "REJECTED"), measured("08:02:00", 5, 1, 1, 0.5)
    )
    with connect(database_url, Role.READER) as connection, connection.cursor() as cursor:
        now = site_now(cursor, "OP-1", "loc")
        assert now is not None
        assert (now.location_id, now.measured_a, now.measured_w) == ("Loc", [10, 10, 5], 575)
        assert [(each.session_id, each.answer, each.why, each.limit_a) for each in now.cars] == [
            ("S1", "WAITING", "LIMITED:site", 70),
            ("S2", "REJECTED", "LIMITED:site", 200),
        ]
        # Who refused goes on with 32 A, and 1 A is not ours: 7 A are left for the other.
        known = profiles(cursor, ProfileFilter("OP-1", "LOC", session_id="S2"))
        assert [(each.command_id, each.limit_a, each.answer) for each in known] == [
            (second["command_id"], 200, "REJECTED")
        ]
        assert site_now(cursor, "OP-1", "elsewhere") is None


def test_limits_that_are_missed_begin_and_end_and_peaks_come_near(site: Site, database_url: str) -> None:
    site.read(limit(), measured("08:00:00", 0, 41, 0, 0), measured("08:01:00", 300, 42, 0, 0))
    with connect(database_url, Role.READER) as connection, connection.cursor() as cursor:
        (missed,) = changed_since(cursor, 0)
        assert (missed.kind, missed.subject, missed.to_at, missed.data["over_a"]) == (LIMIT_MISSED, "site", None, 20)
        assert alerts(cursor, AlertFilter("OP-1", "LOC", is_open=False)) == []
    site.read(measured("08:02:00", 600, 40, 0, 0), measured("08:15:00", 4_500, 10, 0, 0), measured("08:24:00", 7_200))
    with connect(database_url, Role.READER) as connection, connection.cursor() as cursor:
        over, near = changed_since(cursor, missed.seq)
        assert over.to_at is not None
        assert (near.kind, near.data) == (PEAK_NEAR, {"foreseen_w": 18_000, "peak_w": 18_000})
        assert [each.kind for each in alerts(cursor, AlertFilter("OP-1"))] == [PEAK_NEAR, LIMIT_MISSED]


def test_an_evse_gives_no_more_than_was_published_of_it(site: Site, database_url: str) -> None:
    powers = [[0, [["e1", "1", "11040"], ["e1", "2", "3680"]]]]
    with connect(database_url, Role.PROJECTOR) as connection:
        connection.execute(
            "INSERT INTO projection.site_row (generation, operator_id, location_key, location_id, powers) "
            "SELECT generation, 'OP-1', 'loc', 'Loc', %s FROM projection.generation WHERE live AND name = 'network'",
            (orjson.dumps(powers).decode(),),
        )
    site.read(limit())
    told_ = told(site.read(measured("08:05:00", 0), started(1, "08:05:00"), started(2, "08:05:00")).records)
    assert {each["session_id"]: each["limit_a"] for each in told_} == {"S1": 16, "S2": 24}


def test_what_comes_before_its_start_waits_for_it_and_what_comes_after_its_end_begins_nothing(site: Site) -> None:
    declared = event(
        "charging.session.intent_declared",
        "S1",
        f"{DAY}08:00:30Z",
        {"session_id": "S1", "at": f"{DAY}08:00:30Z", "max_a": 10},
    )
    (command,) = told(site.read(limit(), declared, started(1, "08:01:00")).records)
    assert command["limit_a"] == 10
    ended = {"session_id": "S1", "ended_at": f"{DAY}08:05:00Z", "meter_stop_wh": 2000, "reason": "EV_DISCONNECTED"}
    site.read(event("charging.session.ended", "S1", f"{DAY}08:05:00Z", ended))
    assert told(site.read(started(1, "08:01:00"), started(2, "08:06:00")).records)[0]["session_id"] == "S2"


def test_a_session_that_never_ended_gives_way_to_the_next_on_its_evse(site: Site) -> None:
    site.read(limit())
    first = started(1, "08:10:00")
    site.read(first, started(2, "08:10:00"))
    again = {**first["data"], "session_id": "S9", "started_at": f"{DAY}09:00:00Z"}
    commands = told(site.read(event("charging.session.started", "S9", f"{DAY}09:00:00Z", again)).records)
    assert "S9" in {each["session_id"] for each in commands}
    # Told late, one that began before is over as soon as it is told of.
    before = {**first["data"], "session_id": "S5", "started_at": f"{DAY}08:30:00Z"}
    site.read(event("charging.session.started", "S5", f"{DAY}08:30:00Z", before))
    site.killed()
    commands = told(site.read(limit(max_a=30, time="09:10:00")).records)
    assert {each["session_id"] for each in commands} == {"S2", "S9"}


def test_a_meter_whose_clock_is_ahead_a_little_is_read_and_one_of_another_day_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    book, now = Book(0, {}), moment(f"{DAY}08:00:00Z")
    for each in (limit(), started(1, "08:00:00"), measured("08:00:20", 1_000, 30, 0, 0)):
        message = decode(orjson.dumps(each), ())
        assert isinstance(message, Message)
        book.take(message, now)
    # 40 A less the 30 A of others, and none of the tenth that is held back when nobody measures.
    assert [each.a for _, each in book.decide(now).commands if each.session_id] == [100]
    message = decode(orjson.dumps(measured("23:00:00", 9_000, 0, 0, 0)), ())
    assert isinstance(message, Message)
    book.take(message, now)
    assert "Loc" in caplog.text
    assert book.decide(now).commands == []


def test_a_location_is_steered_by_one_owner_in_whatever_case_its_id_is_written() -> None:
    names = [f"Loc-{number}" for number in range(20)]
    assert [partition_of(each.upper(), 12) for each in names] == [partition_of(each.lower(), 12) for each in names]
