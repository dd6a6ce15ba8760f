"""Sessions in time: a row each, which keeps what was told of it, so that a set reads no other session's row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.exact import Exact
from domain.network.session_use import SessionUse, UseFacts, session_use
from domain.network.spread import Interval
from domain.session.decisions import SessionAssessed
from ledger.arrays import array
from projections.network.batch import Batch, UseChange
from projections.network.kept_facts import FACTS, dump_facts, learn, load_facts
from projections.network.sites import Powers, powers_of, rejudged

_ASSESSED = SessionAssessed.__name__

USE_COLUMNS = """session_id, operator_id, location_id, evse_uid, connector_id, party, driver, partner, started_at,
    ended_at, until, charging, energy_wh, quarters, quarter_wh, left_out"""
# Sessions as they are known by now, with their facts.
_KNOWN = f"""
SELECT {USE_COLUMNS}, facts FROM projection.session_use_row WHERE generation = %s AND session_id = ANY(%s)
"""  # noqa: S608 (a constant)
_PUT = """
INSERT INTO projection.session_use_row (generation, session_id, operator_id, location_id, location_key, evse_uid,
    connector_id, party, driver, partner, started_at, ended_at, until, charging, energy_wh, quarters, quarter_wh,
    left_out, facts)
SELECT %s, session_id, operator_id, location_id, location_key, evse_uid, connector_id, party, driver, partner,
       started_at, ended_at, until, charging::bigint[], energy_wh, quarters::integer[], quarter_wh::text[], left_out,
       facts
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
            %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::text[],
            %s::text[], %s::text[], %b::bytea[])
    AS sent (session_id, operator_id, location_id, location_key, evse_uid, connector_id, party, driver, partner,
             started_at, ended_at, until, charging, energy_wh, quarters, quarter_wh, left_out, facts)
ON CONFLICT (generation, session_id) DO UPDATE
SET operator_id = excluded.operator_id, location_id = excluded.location_id, location_key = excluded.location_key,
    evse_uid = excluded.evse_uid, connector_id = excluded.connector_id, party = excluded.party,
    driver = excluded.driver, partner = excluded.partner, started_at = excluded.started_at,
    ended_at = excluded.ended_at, until = excluded.until, charging = excluded.charging,
    energy_wh = excluded.energy_wh, quarters = excluded.quarters, quarter_wh = excluded.quarter_wh,
    left_out = excluded.left_out, facts = excluded.facts
"""


@dataclass(frozen=True, slots=True)
class SessionUses:
    """Keeps each session's use of time and energy, and tells the parts behind it which of them a set changes."""

    topics: frozenset[str] = frozenset({*FACTS, _ASSESSED})
    tables: tuple[str, ...] = ("session_use_row",)

    def apply(self, cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
        """Add what a set tells of sessions to what is known of them, and make their uses anew."""
        told: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        for topic in FACTS:
            for event in batch.of(topic):
                told.setdefault(event.body["data"]["session_id"], []).append((topic, event.body))
        payers = {event.body["session_id"]: event.body.get("partner") for event in batch.of(_ASSESSED)}
        touched = {*told, *payers, *rejudged(cursor, generation, batch.sites)}
        if not touched:
            return
        known = known_uses(cursor, generation, touched)
        everything: list[UseFacts] = []
        for session_id in sorted(touched):
            facts = known[session_id][1] if session_id in known else UseFacts(session_id)
            for topic, body in told.get(session_id, ()):
                learn(facts, topic, body)
            if session_id in payers:
                facts.payer = payers[session_id]
            everything.append(facts)
        powers = powers_of(cursor, generation, everything)
        changes = [_change(facts, powers, known) for facts in everything]
        _put(cursor, generation, changes, everything)
        batch.changes += changes


def _change(facts: UseFacts, powers: Powers, known: Mapping[str, tuple[SessionUse, UseFacts]]) -> UseChange:
    before = known[facts.session_id][0] if facts.session_id in known else None
    return UseChange(before, session_use(facts, powers.of(facts)), facts)


def known_uses(
    cursor: Cursor[TupleRow], generation: int, session_ids: Iterable[str]
) -> dict[str, tuple[SessionUse, UseFacts]]:
    """The uses of these sessions as they are stored, each with the facts it was made of."""
    rows = cursor.execute(_KNOWN, (generation, list(session_ids)), binary=True).fetchall()
    return {row[0]: (use_of(row), load_facts(row[0], row[-1])) for row in rows}


def use_of(row: Sequence[Any]) -> SessionUse:
    """The use that a row of USE_COLUMNS has, whatever stands behind them."""
    charging, energy_wh, quarters, quarter_wh, left_out = row[11:16]
    session_id, operator_id, location_id, evse_uid, connector_id, party, driver, partner, *times = row[:11]
    started_at, ended_at, until = times
    return SessionUse(
        session_id,
        operator_id,
        location_id,
        evse_uid,
        connector_id,
        party,
        driver,
        partner,
        started_at,
        ended_at,
        until,
        tuple(zip(charging[::2], charging[1::2], strict=True)),
        exactly(energy_wh),
        tuple([(quarter, *_quotient(wh)) for quarter, wh in zip(quarters, quarter_wh, strict=True)]),
        left_out,
    )


def _quotient(text: str) -> tuple[int, int]:
    numerator, _, denominator = text.partition("/")
    return int(numerator), int(denominator) if denominator else 1


def exactly(text: str) -> Exact:
    """A number as rows keep it: whole, or NUMERATOR/DENOMINATOR."""
    numerator, _, denominator = text.partition("/")
    return Fraction(int(numerator), int(denominator)) if denominator else int(numerator)


def _put(
    cursor: Cursor[TupleRow], generation: int, changes: Sequence[UseChange], everything: Sequence[UseFacts]
) -> None:
    uses = [change.after for change in changes]
    cursor.execute(
        _PUT,
        (
            generation,
            array([use.session_id for use in uses]),
            array([use.operator_id for use in uses]),
            array([use.location_id for use in uses]),
            array([use.location_id.casefold() for use in uses]),
            array([use.evse_uid for use in uses]),
            array([use.connector_id for use in uses]),
            array([use.party for use in uses]),
            array([use.driver for use in uses]),
            array([use.partner for use in uses]),
            array([use.started_at for use in uses]),
            array([use.ended_at for use in uses]),
            array([use.until for use in uses]),
            array([_moments(use.charging) for use in uses]),
            array([str(use.energy_wh) for use in uses]),
            array([f"{{{','.join([str(quarter) for quarter, _, _ in use.parts])}}}" for use in uses]),
            array(
                [
                    f"{{{','.join([f'{wh}/{per}' if per != 1 else str(wh) for _, wh, per in use.parts])}}}"
                    for use in uses
                ]
            ),
            array([use.left_out for use in uses]),
            [dump_facts(facts) for facts in everything],
        ),
    )


def _moments(charging: Sequence[Interval]) -> str:
    return f"{{{','.join([f'{start},{end}' for start, end in charging])}}}"
