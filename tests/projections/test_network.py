"""Load of sites equals what a reference finds second by second, however the events of sessions and sites arrive."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import count
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import TupleRow

from contracts.messages import stream_of
from domain.fact import RecordedFact
from domain.network.moments import quarter_start
from domain.session.assessment import SessionState
from domain.session.decisions import SessionAssessed
from domain.session.session import session_stream
from projections.rebuild import rebuild
from projections.runner import catch_up
from tests.network.told import BEGIN, Told, at, messages, second_by_second, sessions
from tests.projections.builders import Recorder
from tests.support.examples import examples

SITES = count(1)
LOAD = "SELECT operator_id, location_key, quarter, energy_wh, sessions FROM projection.site_load ORDER BY 1, 2, 3"
EVERYTHING = (
    "SELECT * FROM projection.network ORDER BY session_id",
    LOAD,
    "SELECT operator_id, location_key, location_id, time_zone, powers::text FROM projection.sites ORDER BY 1, 2",
)


def facts(told: Iterable[tuple[str, dict[str, Any]]]) -> list[RecordedFact]:
    """Messages as facts, each by an id of its own."""
    return [RecordedFact(type_, "gw", f"m-{n:04d}", BEGIN, data) for n, (type_, data) in enumerate(told)]


def record(recorder: Recorder, told: Iterable[RecordedFact]) -> None:
    """Store facts in their streams."""
    pairs = []
    for fact in told:
        session_id = fact.data.get("session_id")
        stream = session_stream(session_id) if session_id else stream_of(fact.type, fact.data)
        pairs.append((stream, fact))
    recorder.record_all(pairs)


def published(power_w: int, second: int, location_id: str = "LOC-1") -> tuple[str, dict[str, Any]]:
    """A site whose connectors give so much from a second on."""
    connector = {"id": "1", "max_electric_power": power_w}
    evses = [{"uid": f"EVSE-{number}", "connectors": [connector]} for number in (1, 2)]
    location = {"id": location_id, "time_zone": "Europe/Amsterdam", "evses": evses}
    return "location.published", {"operator_id": "OP-1", "location": location, "effective_from": at(second)}


def loads(projector: Connection[TupleRow]) -> Mapping[tuple[str, str, datetime], Fraction]:
    """Wh by operator, site and quarter hour, as stored."""
    rows = projector.execute(LOAD).fetchall()
    return {(operator_id, key, quarter_start(quarter)): Fraction(wh) for operator_id, key, quarter, wh, _ in rows}


def everything(projector: Connection[TupleRow]) -> list[list[TupleRow]]:
    return [projector.execute(query).fetchall() for query in EVERYTHING]


def is_near(found: Mapping[Any, Fraction], expected: Mapping[Any, Fraction]) -> bool:
    """Whether two loads are equal but for what is rounded at the 30th place of each session."""
    if found.keys() != expected.keys():
        return False
    return all(abs(found[key] - expected[key]) < Fraction(1, 10**25) for key in expected)


@settings(max_examples=examples(6), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2, 6).flatmap(lambda n: st.tuples(*map(sessions, range(n)))), st.randoms(use_true_random=False))
def test_load_is_that_of_the_seconds_in_any_order_and_in_any_sets(
    store: str, recorder: Recorder, projector: Connection[TupleRow], told: tuple[Told, ...], random: Random
) -> None:
    # Of each example a site of its own, since all are in one store.
    site = f"Site-{next(SITES)}"
    sent = facts(
        (type_, {**data, "session_id": f"{site}/{data['session_id']}"})
        for each in told
        for type_, data in messages(each, location_id=site)
    )
    random.shuffle(sent)
    while sent:
        cut = random.randint(1, len(sent))
        record(recorder, sent[:cut])
        catch_up(projector, ["network"])
        sent = sent[cut:]
    expected: dict[Any, Fraction] = defaultdict(Fraction)
    for each in told:
        for quarter, energy in second_by_second(each).items():
            expected["OP-1", site.casefold(), quarter] += energy
    found = {key: wh for key, wh in loads(projector).items() if key[1] == site.casefold()}
    assert is_near(found, expected)
    before = everything(projector)
    rebuild(store, ["network"])
    assert everything(projector) == before


def test_a_correction_replaces_the_quarters_of_its_session_alone(
    recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    both = [Told(f"S-{number}", 1, 0, 3600, [(3600, 100_000)]) for number in (1, 2)]
    record(recorder, facts(message for each in both for message in messages(each)))
    catch_up(projector, ["network"])
    assert sum(loads(projector).values()) == 20_000
    moved = {"session_id": "S-2", "corrected_at": at(7200), "ended_at": at(300), "meter_stop_wh": 1000}
    record(recorder, [RecordedFact("charging.session.meter_corrected", "gw", "c-1", BEGIN, moved)])
    catch_up(projector, ["network"])
    expected = dict(second_by_second(both[0]))
    expected[BEGIN - timedelta(minutes=5)] += 1000
    assert is_near(loads(projector), {("OP-1", "loc-1", quarter): energy for quarter, energy in expected.items()})
    record(
        recorder,
        [
            RecordedFact(
                "charging.session.reviewed",
                "gw",
                "r-1",
                BEGIN,
                {"session_id": "S-1", "at": at(9000), "verdict": "VOID"},
            )
        ],
    )
    catch_up(projector, ["network"])
    assert loads(projector) == {("OP-1", "loc-1", BEGIN - timedelta(minutes=5)): 1000}


def test_a_power_that_is_published_later_leaves_out_what_it_does_not_allow_and_takes_it_in_again(
    store: str, recorder: Recorder, projector: Connection[TupleRow]
) -> None:
    record(recorder, facts(messages(Told("S-1", 1, 0, 3600, [(3600, 100_000)]))))
    catch_up(projector, ["network"])
    assert sum(loads(projector).values()) == 10_000

    def publish(number: int, power_w: int, second: int) -> None:
        type_, data = published(power_w, second)
        record(recorder, [RecordedFact(type_, "gw", f"l-{number}", BEGIN - timedelta(days=9 - number), data)])
        catch_up(projector, ["network"])

    publish(1, 5_000, -7200)
    assert (loads(projector), left_out(projector)) == ({}, {"S-1": "POWER_ABOVE_CONNECTOR"})
    # In effect after the session began: it says nothing of it; one that was in effect before does.
    publish(2, 22_000, 1)
    assert loads(projector) == {}
    publish(3, 22_000, -3600)
    assert (sum(loads(projector).values()), left_out(projector)) == (10_000, {})
    before = everything(projector)
    rebuild(store, ["network"])
    assert everything(projector) == before


def left_out(projector: Connection[TupleRow]) -> dict[str, str]:
    found = projector.execute("SELECT session_id, left_out FROM projection.network WHERE left_out IS NOT NULL")
    return dict(found.fetchall())


def test_who_pays_is_whom_the_latest_assessment_names(recorder: Recorder, projector: Connection[TupleRow]) -> None:
    record(recorder, facts(messages(Told("S-1", 1, 0, 3600, [(3600, 100_000)]))))
    stream = session_stream("S-1")
    for partner in (None, "DE-ABC"):
        recorder.record(stream, SessionAssessed("S-1", "OP-1", SessionState.SUSPENSE, "", partner=partner))
    catch_up(projector, ["network"])
    assert projector.execute("SELECT session_id, partner FROM projection.network").fetchall() == [("S-1", "DE-ABC")]
