"""Uptime as it is read from the store: by every order of arrival what a look at every second finds."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from contracts.messages import stream_of
from domain.fact import RecordedFact
from domain.network.moments import US_PER_SECOND
from domain.session.session import session_stream
from ledger.events.codec import encode
from projections.documents.gaps import gap_document
from projections.documents.nevi import nevi_document
from projections.documents.success import success_documents
from projections.feed import Place
from projections.movements import EventSet
from projections.network.asked import Asked
from projections.network.attempts import attempts_of
from projections.network.gaps import gaps
from projections.network.network import Network
from projections.network.nevi import port_months
from projections.network.uptime import EvseUptime, uptimes
from projections.rebuild import rebuild
from projections.runner import catch_up
from tests.projections.builders import Recorder
from tests.support.examples import examples

# Half an hour before a midnight of UTC: what goes on is in two of its days.
BEGIN = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
_SPAN = 3_600
_DOWN, _OUT = {"INOPERATIVE", "OUTOFORDER", "UNKNOWN"}, {"PLANNED", "REMOVED"}
_STATUSES = ("AVAILABLE", "CHARGING", "BLOCKED", *sorted(_DOWN | _OUT))
TABLES = (
    *("evse_row", "evse_status_row", "evse_contact_row", "evse_explanation_row"),
    *("plug_session_row", "reading_gap_row"),
)


def at(second: int) -> str:
    """A second after BEGIN as a message says it."""
    return (BEGIN + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")


def told(type_: str, number: int, evse_uid: str = "EVSE-1", **data: Any) -> RecordedFact:
    """A message of a charger, with its place."""
    place = {"operator_id": "OP-1", "location_id": "LOC-1", "evse_uid": evse_uid}
    return RecordedFact(f"charging.charger.{type_}", "gw", f"m-{number:04}", BEGIN, place | data)


def session(number: int, started: int, readings: Sequence[int], ended: int | None) -> list[RecordedFact]:
    """The messages of a session at EVSE-1."""
    id_ = f"S-{number}"
    start = {"operator_id": "OP-1", "location_id": "LOC-1", "evse_uid": "evse-1", "connector_id": "1"}
    more = {"tariff_id": "T-1", "auth_method": "WHITELIST", "started_at": at(started), "meter_start_wh": 0}
    found = [("started", start | more)]
    found += [("metered", {"read_at": at(each), "register_wh": each - started}) for each in readings]
    if ended is not None:
        found.append(("ended", {"ended_at": at(ended), "meter_stop_wh": ended - started}))
    return [
        RecordedFact(f"charging.session.{kind}", "gw", f"{id_}-{n}", BEGIN, {"session_id": id_} | data)
        for n, (kind, data) in enumerate(found)
    ]


def record(recorder: Recorder, facts: Iterable[RecordedFact]) -> None:
    """Store facts in their streams."""
    pairs = []
    for fact in facts:
        session_id = fact.data.get("session_id")
        pairs.append((session_stream(session_id) if session_id else stream_of(fact.type, fact.data), fact))
    recorder.record_all(pairs)


def everything(connection: Connection[TupleRow], generation: int | None = None) -> dict[str, list[TupleRow]]:
    """All rows of a generation (by default the live one), without its number."""
    live = "SELECT generation FROM projection.generation WHERE live AND name = 'network'"
    wanted = generation or connection.execute(live).fetchone()[0]  # type: ignore[index]
    return {
        table: sorted(
            (
                row[1:]
                for row in connection.execute(f"SELECT * FROM projection.{table} WHERE generation = %s", (wanted,))
            ),
            key=repr,
        )
        for table in TABLES
    }


def of_store(connection: Connection[TupleRow], until: int, **asked: Any) -> list[EvseUptime]:
    """Uptimes as they are read at a second after BEGIN."""
    with connection.transaction(), connection.cursor() as cursor:
        return uptimes(cursor, Asked(**asked), BEGIN + timedelta(seconds=until))


_second = st.integers(0, _SPAN - 1)
_histories = st.tuples(
    st.lists(st.tuples(_second, st.sampled_from(_STATUSES)), max_size=8),
    st.lists(st.tuples(_second, st.integers(20, 400)), max_size=8),
    st.lists(st.tuples(_second, _second, st.sampled_from(["UTILITY", "VANDALISM"])), max_size=3),
    st.lists(st.tuples(_second, st.lists(st.integers(1, 900), max_size=4), st.booleans()), max_size=3),
)
_History = tuple[
    list[tuple[int, str]], list[tuple[int, int]], list[tuple[int, int, str]], list[tuple[int, list[int], bool]]
]


def facts_of(history: _History) -> list[RecordedFact]:
    """The messages of one EVSE, with an id of its own each."""
    statuses, beats, explained, sessions = history
    facts = [told("status_changed", n, at=at(second), status=status) for n, (second, status) in enumerate(statuses)]
    facts += [told("heartbeat", 100 + n, at=at(second), interval_s=each) for n, (second, each) in enumerate(beats)]
    facts += [
        told("outage_explained", 200 + n, **{"from": at(begin), "to": at(end)}, cause=cause)
        for n, (begin, end, cause) in enumerate(explained)
        if begin <= end
    ]
    for number, (started, after, is_over) in enumerate(sessions):
        readings = sorted({started + each for each in after})
        facts += session(number, started, readings, max([started, *readings]) + 5 if is_over else None)
    return facts


def seconds_of(history: _History, until: int, since: int) -> tuple[int, int, int]:
    """In service, down, and down without an explanation: how many seconds, each looked at by itself."""
    statuses, beats, explained, sessions = history
    heard = {second for second, _ in (*statuses, *beats)}
    for started, after, is_over in sessions:
        heard |= {started, *(started + each for each in after)}
        heard |= {max([started, *(started + each for each in after)]) + 5} if is_over else set()
    heard = {second for second in heard if second < until}
    in_service = down = unexplained = 0
    for second in range(max(since, min(heard, default=until)), until):
        ruling = [(each, f"m-{n:04}", status) for n, (each, status) in enumerate(statuses) if each <= second]
        status = max(ruling)[2] if ruling else "AVAILABLE"
        if status in _OUT:
            continue
        in_service += 1
        last = max(each for each in heard if each <= second)
        intervals = [(each, interval) for each, interval in beats if each <= last]
        following = min((each for each in heard if each > second), default=until)
        if status in _DOWN or (intervals and following - last > 3 * max(intervals)[1]):
            down += 1
            unexplained += not any(begin <= second < end for begin, end, _ in explained)
    return in_service, down, unexplained


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=_histories, random=st.randoms(use_true_random=False), window=st.tuples(_second, _second))
def test_uptime_of_the_store_is_what_a_look_at_every_second_finds_in_any_order(
    projector: Connection[TupleRow], history: _History, random: Random, window: tuple[int, int]
) -> None:
    facts = facts_of(history)
    with projector.transaction(force_rollback=True), projector.cursor() as cursor:
        for generation, size in ((1, len(facts) or 1), (2, random.randint(1, 5))):
            events = [event_of(fact, number) for number, fact in enumerate(facts)]
            for place in range(0, len(events), size):
                pairs, places = zip(*events[place : place + size], strict=True)
                Network().apply(cursor, generation, EventSet(pairs, places))
            random.shuffle(facts)
        assert everything(projector, 1) == everything(projector, 2)
        since, until = window
        moment = BEGIN + timedelta(seconds=since)
        found = uptimes(cursor, Asked(since=moment), BEGIN + timedelta(seconds=until))
    expected = seconds_of(history, until, since)
    if not found:
        assert expected[0] == 0
        return
    figures = found[0].uptime
    assert (figures.in_service_us, figures.outage_us) == (expected[0] * US_PER_SECOND, expected[1] * US_PER_SECOND)
    assert figures.outage_us - figures.excluded_us == expected[2] * US_PER_SECOND


def event_of(fact: RecordedFact, number: int) -> tuple[tuple[str, bytes], Place]:
    """A stored event, in the order of its number."""
    return encode(fact), Place(number + 1, session_stream("any"), number + 1)


def used(
    number: int, started: int, ended: int, registers: tuple[int, int], readings: dict[int, int]
) -> list[RecordedFact]:
    """A session at EVSE-1 with registers at both ends and in between."""
    id_ = f"U-{number}"
    place = {"operator_id": "OP-1", "location_id": "LOC-1", "evse_uid": "EVSE-1", "connector_id": "1"}
    more = {"tariff_id": "T-1", "auth_method": "WHITELIST", "started_at": at(started), "meter_start_wh": registers[0]}
    found = [("started", place | more)]
    found += [("metered", {"read_at": at(each), "register_wh": wh}) for each, wh in readings.items()]
    found.append(("ended", {"ended_at": at(ended), "meter_stop_wh": registers[1]}))
    return [
        RecordedFact(f"charging.session.{kind}", "gw", f"{id_}-{n}", BEGIN, {"session_id": id_} | data)
        for n, (kind, data) in enumerate(found)
    ]


def test_gaps_success_and_the_quarterly_report_of_a_small_history(
    store: str, recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    site = {"id": "LOC-1", "time_zone": "Europe/Amsterdam", "evses": []}
    published = {"operator_id": "OP-1", "location": site}
    facts = [
        RecordedFact("location.published", "api", "l-1", BEGIN, published),
        *(told("heartbeat", n, at=at(60 * n), interval_s=60, seq=n if n < 5 else n + 2) for n in range(60)),
        told("status_changed", 900, at=at(600), status="OUTOFORDER", error_code="GroundFailure"),
        told("status_changed", 901, at=at(1_200), status="AVAILABLE"),
        # Nothing came through; then, soon after, it did: one visit, and not at the first attempt.
        *used(1, 100, 130, (1_000, 1_000), {}),
        *used(2, 200, 500, (1_000, 1_900), {220: 1_050, 240: 1_100, 260: 1_150, 460: 1_700, 480: 1_800}),
        # The register had moved on by 100 Wh before the next one began.
        *used(3, 2_000, 2_300, (2_000, 3_000), {}),
    ]
    Random(5).shuffle(facts)
    for place in range(0, len(facts), 20):
        record(recorder, facts[place : place + 20])
        catch_up(projector, ("network",))
    first = everything(projector)
    rebuild(store, ["network"])
    assert everything(projector) == first

    until = BEGIN + timedelta(seconds=_SPAN)
    with projector.transaction(), projector.cursor() as cursor:
        found = [gap_document(each) for each in gaps(cursor, Asked(), until)]
        attempts = attempts_of(cursor, Asked())
        (month,) = [nevi_document(each) for each in port_months(cursor, Asked(since=date(2026, 3, 1)), until)]
    listed = [(each["kind"], each["from"], each["to"], each["risk_kwh"], each["messages"]) for each in found]
    assert listed == [
        ("MISSING_MESSAGES", at(240), at(300), "0.06", 2),
        ("READINGS_STOP", at(260), at(460), "0.55", None),
        ("REGISTER_JUMP", at(500), at(2_000), "0.1", None),
    ]
    (sums,) = success_documents(attempts, "operator")
    figures = ("attempts", "succeeded", "success_rate", "visits", "first_time", "first_time_rate")
    assert [sums[name] for name in figures] == [3, 2, "0.666667", 2, 1, "0.5"]
    assert sums["thresholds"] == {"energy_wh": 500, "charging_s": 60, "visit_gap_s": 600}
    # Where the site is the day has begun when it has not in UTC: all of it is in March there.
    assert (month["month"], month["sessions"], month["sessions_with_errors"]) == ("2026-03", 3, 1)
    assert (month["uptime_percent"], month["month_outage_min"], month["outages_min"]) == (None, "10", "10")
    assert (month["error_codes"], month["energy_kwh"]) == ("GroundFailure", "1.9")
