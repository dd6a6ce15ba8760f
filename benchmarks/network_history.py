"""Writes what a network of 1,000 chargers tells over days straight into an event store, in the order of time."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from random import Random
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from contracts.messages import stream_of
from domain.calendar import utc_text
from domain.fact import RecordedFact
from domain.session.assessment import SessionState
from domain.session.decisions import SessionAssessed
from domain.session.session import session_stream
from ledger.events.codec import encode
from ledger.events.store import StoredEvent, append

SITES, EVSES_A_SITE, OPERATORS = 100, 10, 10
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
# A session's readings, one each quarter hour, and how long its charger waits for the next car.
_READINGS, _PAUSE_S = 7, 10_000
_SET = 5_000


def operator_of(site: int) -> str:
    """The operator of a site."""
    return f"OP-{site % OPERATORS}"


def location_of(site: int) -> str:
    """The id of a site."""
    return f"LOC-{site:03d}"


def write_history(connection: Connection[TupleRow], events: int, begin: datetime = BEGIN, mark: str = "") -> datetime:
    """Append about so many events from a moment on; when the last of them was.

    Sessions of chargers go on side by side; each has a start, readings, two states, an end and an outcome. `mark` is
    in the names of its sessions, so that several histories go one behind the other.
    """
    versions: dict[Any, int] = {}
    told = islice(merge(*(_of_evse(number, begin, mark) for number in range(SITES * EVSES_A_SITE))), events)
    last = begin
    rows: list[StoredEvent] = []
    for last, _, stream, event in told:  # noqa: B007 (the last one is told)
        versions[stream] = versions.get(stream, 0) + 1
        rows.append(StoredEvent(stream, versions[stream], *encode(event)))
        if isinstance(event, SessionAssessed):
            del versions[stream]
        if len(rows) == _SET:
            _write(connection, rows)
            rows = []
    _write(connection, rows)
    return last


def write_sites(connection: Connection[TupleRow]) -> None:
    """Publish the sites, each with its chargers of 22 kW."""
    rows = []
    for site in range(SITES):
        connectors = [{"id": "1", "max_electric_power": 22_000}]
        evses = [{"uid": f"{location_of(site)}*{number}", "connectors": connectors} for number in range(EVSES_A_SITE)]
        location = {"id": location_of(site), "time_zone": "Europe/Amsterdam", "evses": evses}
        data = {"operator_id": operator_of(site), "location": location, "effective_from": utc_text(BEGIN)}
        fact = RecordedFact("location.published", "bench", location_of(site), BEGIN, data)
        rows.append(StoredEvent(stream_of(fact.type, data), 1, *encode(fact)))
    _write(connection, rows)


def _write(connection: Connection[TupleRow], rows: Sequence[StoredEvent]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        append(cursor, rows)


def _of_evse(number: int, begin: datetime, mark: str) -> Iterator[tuple[datetime, int, Any, Any]]:
    """What one charger tells, in order of time: (when, a number, stream, event); without an end."""
    random = Random(number)
    site, place = divmod(number, EVSES_A_SITE)
    at, session = begin + timedelta(seconds=random.randrange(_PAUSE_S)), 0
    while True:
        session += 1
        for when, event in _session(f"S{mark}-{number}-{session}", site, place, at, random):
            yield when, number, session_stream(f"S{mark}-{number}-{session}"), event
            at = when
        at += timedelta(seconds=random.randrange(60, _PAUSE_S))


def _session(
    session_id: str, site: int, place: int, begin: datetime, random: Random
) -> Iterator[tuple[datetime, Any]]:
    def fact(number: int, type_: str, moment: datetime, **data: Any) -> tuple[datetime, RecordedFact]:
        return moment, RecordedFact(
            type_, "bench", f"{session_id}-{number}", moment, {"session_id": session_id, **data}
        )

    register = random.randrange(10_000_000)
    where = {"location_id": location_of(site), "evse_uid": f"{location_of(site)}*{place}", "connector_id": "1"}
    how = {"tariff_id": "T-1", "auth_method": "WHITELIST", "operator_id": operator_of(site)}
    yield fact(
        0, "charging.session.started", begin, started_at=utc_text(begin), meter_start_wh=register, **where, **how
    )
    at = begin
    for number in range(1, _READINGS + 1):
        at += timedelta(seconds=900 + random.randrange(-20, 20))
        register += random.randrange(1_000, 5_000)
        yield fact(number, "charging.session.metered", at, read_at=utc_text(at), register_wh=register)
    idle = at + timedelta(seconds=300)
    yield fact(8, "charging.session.state_changed", idle, at=utc_text(idle), state="IDLE")
    end = idle + timedelta(seconds=random.randrange(60, 7_200))
    yield fact(9, "charging.session.ended", end, ended_at=utc_text(end), meter_stop_wh=register + 500)
    partner = "DE-ABC" if place % 3 == 0 else None
    told: Any = {"energy_wh": "20000", "currency": "EUR", "net": 800, "vat": 168, "gross": 968, "commission": 40}
    more: Any = {"commission_vat": 8, "operator_share": 920, "partner": partner, "evse_uid": where["evse_uid"]}
    yield end, SessionAssessed(session_id, operator_of(site), SessionState.RATED, "", **told, **more)
