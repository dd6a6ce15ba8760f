"""The part of `network` that keeps use by day: which EVSEs were heard, and what sessions leave in their days."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import zone
from domain.network.session_use import SessionUse
from domain.network.use import DayPart, Money, day_parts, stay_of
from domain.session.decisions import SessionAssessed
from ledger.arrays import array, columns
from projections.network.batch import Batch
from projections.network.day_parts import Evse, replace_parts
from projections.network.drivers import TABLE as DRIVERS
from projections.network.drivers import place_drivers
from projections.network.first_heard import HEARTBEAT, STATUS, hear_evses
from projections.network.session_uses import USE_COLUMNS, use_of
from projections.network.sites import CHANGED, PUBLISHED, REGISTERED, Site

_UTC = "UTC"
# Sessions of a site that are dated anew at once.
_SESSIONS_AT_ONCE = 5_000

# By which zone the days of sites are dated, and by which they should be.
_ZONES = """
SELECT site.operator_id, site.location_key, kept.time_zone, coalesce(own.time_zone, operators.time_zone, 'UTC')
FROM unnest(%(operators)s::text[], %(locations)s::text[]) AS site (operator_id, location_key)
LEFT JOIN projection.site_zone_row AS kept
    ON kept.generation = %(generation)s
    AND (kept.operator_id, kept.location_key) = (site.operator_id, site.location_key)
LEFT JOIN projection.site_row AS own
    ON own.generation = %(generation)s
    AND (own.operator_id, own.location_key) = (site.operator_id, site.location_key)
LEFT JOIN projection.site_row AS operators
    ON operators.generation = %(generation)s
    AND (operators.operator_id, operators.location_key) = (site.operator_id, '')
"""
_PUT_ZONES = """
INSERT INTO projection.site_zone_row AS kept (generation, operator_id, location_key, time_zone)
SELECT %s, new.* FROM unnest(%s::text[], %s::text[], %s::text[]) AS new
ON CONFLICT (generation, operator_id, location_key) DO UPDATE SET time_zone = excluded.time_zone
"""
_SITES_OF = """
SELECT operator_id, location_key FROM projection.site_zone_row WHERE generation = %s AND operator_id = ANY(%s)
"""
_SESSIONS_OF = f"""
SELECT {USE_COLUMNS} FROM projection.session_use_row
WHERE generation = %s AND (operator_id, location_key) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""  # noqa: S608 (a constant)
_PUT_MONEY = """
INSERT INTO projection.session_money_row AS kept (generation, session_id, operator_id, currency, net, share)
SELECT %s, new.* FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[]) AS new
ON CONFLICT (generation, session_id) DO UPDATE
SET operator_id = excluded.operator_id, currency = excluded.currency, net = excluded.net, share = excluded.share
"""
_FORGET_MONEY = "DELETE FROM projection.session_money_row WHERE generation = %s AND session_id = ANY(%s)"
_MONEY_OF = """
SELECT session_id, currency, net, share FROM projection.session_money_row
WHERE generation = %s AND session_id = ANY(%s)
"""


class UseDays:
    """Keeps what each session leaves in each local day of its EVSE, and what the days come to."""

    topics = frozenset({SessionAssessed.__name__, STATUS, HEARTBEAT, PUBLISHED, REGISTERED, CHANGED})
    tables = (
        "evse_place_row",
        "site_zone_row",
        "session_money_row",
        "session_day_row",
        "evse_day_row",
        "evse_day_money_row",
        "site_day_row",
        DRIVERS,
    )

    def apply(self, cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
        """Fold a set, in any order: behind the parts that know sites and sessions."""
        hear_evses(cursor, generation, batch)
        _take_money(cursor, generation, batch)
        uses = {change.after.session_id: change.after for change in batch.changes}
        zones, moved = _zones(cursor, generation, batch, uses.values())
        money = _money_of(cursor, generation, uses)
        placed: dict[str, tuple[Evse, Mapping[date, DayPart]] | None] = {
            session_id: _placed(use, zones, money.get(session_id)) for session_id, use in uses.items()
        }
        _place(cursor, generation, uses, placed)
        if moved:
            _date_anew(cursor, generation, moved, zones)


def _place(
    cursor: Cursor[TupleRow],
    generation: int,
    uses: Mapping[str, SessionUse],
    placed: Mapping[str, tuple[Evse, Mapping[date, DayPart]] | None],
) -> None:
    """Put sessions into their days, and under their drivers on the day on which they start."""
    replace_parts(cursor, generation, placed)
    days = {session_id: min(left[1]) for session_id, left in placed.items() if left is not None}
    place_drivers(cursor, generation, uses, days)


def _placed(
    use: SessionUse, zones: Mapping[Site, str], money: Money | None
) -> tuple[Evse, Mapping[date, DayPart]] | None:
    stay = stay_of(use, money)
    if stay is None:
        return None
    evse = Evse(use.operator_id, use.location_id.casefold(), use.evse_uid.casefold())
    return evse, day_parts(stay, zone(zones.get(evse[:2], _UTC)))


# Zones -----------------------------------------------------------------------------------------------------------


def _zones(
    cursor: Cursor[TupleRow], generation: int, batch: Batch, uses: Iterable[SessionUse]
) -> tuple[dict[Site, str], list[Site]]:
    """The zones of the sites that a set is about, and the sites that had another one before."""
    sites = {(use.operator_id, use.location_id.casefold()) for use in uses if use.operator_id}
    for event in batch.of(PUBLISHED):
        data = event.body["data"]
        sites.add((data["operator_id"], str(data["location"]["id"]).casefold()))
    operators = {event.body["data"]["operator_id"] for event in batch.of(REGISTERED, CHANGED)}
    if operators:
        sites.update(cursor.execute(_SITES_OF, (generation, array(operators))))
    if not sites:
        return {}, []
    wanted = sorted(sites)
    asked = {
        "operators": array([operator_id for operator_id, _ in wanted]),
        "locations": array([location_key for _, location_key in wanted]),
        "generation": generation,
    }
    zones: dict[Site, str] = {}
    changed, moved = [], []
    for operator_id, location_key, before, now in cursor.execute(_ZONES, asked):
        site = (operator_id, location_key)
        zones[site] = now
        if before != now:
            changed.append((*site, now))
            if before is not None:
                moved.append(site)
    if changed:
        cursor.execute(_PUT_ZONES, (generation, *columns(sorted(changed))))
    return zones, moved


def _date_anew(cursor: Cursor[TupleRow], generation: int, sites: Sequence[Site], zones: Mapping[Site, str]) -> None:
    """Put all sessions of some sites into the days that they have in their zone now."""
    rows = cursor.execute(_SESSIONS_OF, (generation, *columns(sites))).fetchall()
    for first in range(0, len(rows), _SESSIONS_AT_ONCE):
        uses = [use_of(row) for row in rows[first : first + _SESSIONS_AT_ONCE]]
        money = _money_of(cursor, generation, [use.session_id for use in uses])
        placed = {use.session_id: _placed(use, zones, money.get(use.session_id)) for use in uses}
        _place(cursor, generation, {use.session_id: use for use in uses}, placed)


# Money -----------------------------------------------------------------------------------------------------------


def _take_money(cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
    """Keep what sessions come to by their last assessments; all that were assessed are among the changes of a set."""
    latest = {event.body["session_id"]: event.body for event in batch.of(SessionAssessed.__name__)}
    rows, gone = [], []
    for session_id in sorted(latest):
        outcome = latest[session_id]
        if outcome.get("net") is None or not outcome.get("currency"):
            gone.append(session_id)
        else:
            share = outcome.get("operator_share") or 0
            rows.append((session_id, outcome["operator_id"], outcome["currency"], outcome["net"], share))
    if rows:
        cursor.execute(_PUT_MONEY, (generation, *columns(rows)))
    if gone:
        cursor.execute(_FORGET_MONEY, (generation, array(gone)))


def _money_of(cursor: Cursor[TupleRow], generation: int, sessions: Iterable[str]) -> dict[str, Money]:
    wanted = list(sessions)
    if not wanted:
        return {}
    rows = cursor.execute(_MONEY_OF, (generation, array(wanted)), binary=True)
    return {session_id: Money(currency, net, share) for session_id, currency, net, share in rows}
