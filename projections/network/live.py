"""The network as it is now: each EVSE that was published or heard of, its state since when, what charges there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.network.contacts import INTERVALS_MAX
from domain.network.moments import US_PER_SECOND, microsecond_of, moment_of
from projections.network.horizon import network_horizon
from projections.running_sessions import Running, RunningCost, running_sessions


class LiveState(StrEnum):
    """What is to be said of an EVSE at a glance.

    By its newest status, but SILENT where nothing was heard of it for more than three intervals of its heartbeats.
    """

    UP = "UP"
    BLOCKED = "BLOCKED"
    DOWN = "DOWN"
    SILENT = "SILENT"
    OUT_OF_SERVICE = "OUT_OF_SERVICE"
    NO_STATUS = "NO_STATUS"


# Published EVSEs with the most that one of their connectors gives, and those that were heard of; one that is in no
# location any more is told of as long as it was heard of.
_EVSES = f"""
WITH published AS (
    SELECT sites.operator_id, min(sites.location_id) AS location_id, connector ->> 0 AS evse_key,
           max((connector ->> 2)::numeric) AS power_w
    FROM projection.sites
    CROSS JOIN LATERAL json_array_elements(sites.powers -> -1 -> 1) AS connector
    WHERE {{sites}}
    GROUP BY sites.operator_id, connector ->> 0
), heard AS (
    SELECT * FROM projection.evses WHERE {{evses}}
), known AS (
    SELECT operator_id, coalesce(heard.location_id, published.location_id) AS location_id, evse_key,
           coalesce(heard.evse_uid, evse_key) AS evse_uid, published.power_w, heard.status, heard.status_us,
           heard.last_us, heard.interval_s,
           coalesce(%(now)s - heard.last_us > {INTERVALS_MAX * US_PER_SECOND} * heard.interval_s::bigint, false)
               AS silent
    FROM heard FULL JOIN published USING (operator_id, evse_key)
), judged AS (
    SELECT known.*, CASE
        WHEN status IN ('PLANNED', 'REMOVED') THEN 'OUT_OF_SERVICE'
        WHEN silent THEN 'SILENT'
        WHEN status IS NULL THEN 'NO_STATUS'
        WHEN status IN ('INOPERATIVE', 'OUTOFORDER', 'UNKNOWN') THEN 'DOWN'
        WHEN status = 'BLOCKED' THEN 'BLOCKED'
        ELSE 'UP'
    END AS state
    FROM known
)
"""  # noqa: S608 (constants)
_ROWS = """
SELECT operator_id, location_id, evse_uid, evse_key, power_w, state, status, status_us, last_us, interval_s,
       CASE state
           WHEN 'SILENT' THEN last_us
           WHEN 'NO_STATUS' THEN NULL
           ELSE (
               SELECT turned.at_us FROM projection.evse_statuses AS turned
               WHERE turned.operator_id = judged.operator_id AND turned.evse_key = judged.evse_key AND turned.turns
               ORDER BY turned.at_us DESC LIMIT 1
           )
       END AS since_us
FROM judged
WHERE {conditions}
ORDER BY operator_id, location_id, evse_key
LIMIT %(limit)s
"""
_COUNTS = "SELECT state, count(*)::int FROM judged GROUP BY state"
# Sessions that have begun and not ended, the last begun of each EVSE last.
_SESSIONS = """
SELECT open.operator_id, lower(use.evse_uid), open.session_id, use.started_at, use.until, use.energy_wh
FROM projection.sessions AS open
JOIN projection.network AS use USING (session_id)
WHERE open.state = 'OPEN' AND open.operator_id = ANY(%s) AND use.started_at IS NOT NULL AND use.ended_at IS NULL
  AND lower(use.evse_uid) = ANY(%s)
ORDER BY use.started_at, open.session_id
"""


@dataclass(frozen=True, slots=True)
class LiveFilter:
    """Which EVSEs are wanted: those that have all that is given."""

    operator_id: str | None = None
    location_id: str | None = None
    state: LiveState | None = None


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that runs: CHARGING or IDLE as of `until`, the last that was heard of it; energy in Wh, exact."""

    session_id: str
    started_at: datetime
    until: datetime
    is_charging: bool
    energy_wh: str
    cost: RunningCost | None


@dataclass(frozen=True, slots=True)
class LiveEvse:
    """An EVSE: `power_w` is the most that one of its published connectors gives, None where none is published.

    `since` is when its state began, None where no status was told; `last_sign_at` when it was last heard of.
    """

    operator_id: str
    location_id: str
    evse_uid: str
    evse_key: str
    power_w: str | None
    state: LiveState
    since: datetime | None
    status: str | None
    status_at: datetime | None
    last_sign_at: datetime | None
    interval_s: int | None
    session: LiveSession | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        """Where it stands in the list."""
        return (self.operator_id, self.location_id, self.evse_key)


@dataclass(frozen=True, slots=True)
class LiveNetwork:
    """EVSEs in their order, as of the moment up to which messages have come; None where none has."""

    evses: tuple[LiveEvse, ...]
    at: datetime | None
    counts: Mapping[LiveState, int]


def live_network(
    cursor: Cursor[TupleRow],
    wanted: LiveFilter,
    *,
    limit: int,
    after: tuple[str, str, str] | None = None,
) -> LiveNetwork:
    """Up to `limit` EVSEs behind one, by operator, location and EVSE, with what charges there; counts are of all."""
    at = network_horizon(cursor)
    parameters: dict[str, object] = {
        "operator_id": wanted.operator_id,
        "location_key": wanted.location_id.casefold() if wanted.location_id else None,
        "state": wanted.state,
        "now": microsecond_of(at) if at is not None else None,
        "limit": limit,
    }
    known = _EVSES.format(sites=_where(wanted, "sites"), evses=_where(wanted, "evses"))
    conditions = "true" if wanted.state is None else "state = %(state)s"
    if after is not None:
        conditions += " AND (operator_id, location_id, evse_key) > (%(operator)s, %(location)s, %(evse)s)"
        parameters |= dict(zip(("operator", "location", "evse"), after, strict=True))
    rows = cursor.execute((known + _ROWS.format(conditions=conditions)).encode(), parameters).fetchall()
    counted = cursor.execute((known + _COUNTS).encode(), parameters).fetchall()
    sessions = _sessions(cursor, rows)
    evses = tuple(_evse(row, sessions.get((row[0], row[3]))) for row in rows)
    return LiveNetwork(evses, at, {LiveState(state): count for state, count in counted})


def _where(wanted: LiveFilter, view: str) -> str:
    """What a filter asks of a view; operators and locations are named by both."""
    conditions = ["true"]
    if wanted.operator_id is not None:
        conditions.append(f"{view}.operator_id = %(operator_id)s")
    if wanted.location_id is not None:
        conditions.append(f"lower({view}.location_id) = %(location_key)s")
    return " AND ".join(conditions)


def _sessions(cursor: Cursor[TupleRow], rows: Sequence[TupleRow]) -> Mapping[tuple[str, str], LiveSession]:
    """What runs at each EVSE, by operator and key: of several the one that began last."""
    asked = (sorted({row[0] for row in rows}), sorted({row[3] for row in rows}))
    begun = {(row[0], row[1]): row[2:] for row in cursor.execute(_SESSIONS, asked).fetchall()}
    running = running_sessions(cursor, [row[0] for row in begun.values()])
    return {evse: _session(row, running[row[0]]) for evse, row in begun.items() if row[0] in running}


def _session(row: Sequence[Any], running: Running) -> LiveSession:
    session_id, started_at, until, energy_wh = row
    return LiveSession(session_id, started_at, until, running.is_charging, energy_wh, running.cost)


def _evse(row: TupleRow, session: LiveSession | None) -> LiveEvse:
    operator_id, location_id, evse_uid, evse_key, power_w, state, status, status_us, last_us, interval_s, since_us = (
        row
    )
    return LiveEvse(
        operator_id,
        location_id,
        evse_uid,
        evse_key,
        None if power_w is None else str(power_w),
        LiveState(state),
        _moment(since_us),
        status,
        _moment(status_us),
        _moment(last_us),
        interval_s,
        session,
    )


def _moment(microsecond: int | None) -> datetime | None:
    return None if microsecond is None else moment_of(microsecond)
