"""Sessions that are not over: whether each charges, and what it costs so far, ended at its last good register.

By the same rules as what roaming partners are told while it runs (`domain.session.session_objects`). Of sessions by a
token of a registered partner only those see it who see partners, since their prices may be the partner's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.vat_ids import is_vat_id
from domain.catalogue.catalogue import POWER_MAX_KW, PUBLISHERS, Catalogue
from domain.exact import Exact
from domain.session.assessment import SessionState, assess
from domain.session.facts import FACT_PARSERS, parse_fact
from domain.session.orphans import estimated_end
from domain.session.session import Session, session_stream
from ledger.events.codec import read_body
from ledger.intake.catalogue import bank_calendar

_FACTS = sorted(type_ for type_ in FACT_PARSERS if type_.startswith("charging.session."))
_EVENTS = """
SELECT stream_id, topic, state FROM surface.events
WHERE stream_id = ANY(%s) AND topic = ANY(%s)
ORDER BY stream_id, version
"""
# Of locations only those that are asked about: an operator may have thousands.
_PUBLISHED = """
SELECT type, source, id, event_time, data FROM surface.catalogue
WHERE operator_id = ANY(%(operators)s) AND type = ANY(%(types)s)
UNION ALL
SELECT type, source, id, event_time, data FROM surface.catalogue
WHERE operator_id = ANY(%(operators)s) AND type = 'location.published'
  AND lower(convert_from(data, 'UTF8')::jsonb #>> '{location,id}') = ANY(%(locations)s)
UNION ALL
SELECT type, source, id, event_time, data FROM surface.catalogue WHERE type = 'partner.registered'
"""
_TYPES = ["operator.registered", "operator.changed", "tariff.published", "tariff.rerating_ordered"]


@dataclass(frozen=True, slots=True)
class RunningCost:
    """What a session costs so far, in minor units of `currency`, and its energy in Wh."""

    currency: str
    net: int
    gross: int
    energy_wh: Exact


@dataclass(frozen=True, slots=True)
class Running:
    """Whether a session's last state is CHARGING, in which each begins, and its cost where it can be priced."""

    is_charging: bool
    cost: RunningCost | None


def running_sessions(
    cursor: Cursor[TupleRow], session_ids: Sequence[str], power_max_kw: int = POWER_MAX_KW
) -> Mapping[str, Running]:
    """By session, of those that have begun, how it stands by what is known and seen."""
    sessions = {id_: each for id_, each in _sessions(cursor, session_ids).items() if each.meter.starts}
    starts = [start for session in sessions.values() for start in session.meter.starts]
    if not starts:
        return {}
    catalogue = Catalogue(calendars=bank_calendar, vat_ids=is_vat_id, power_max_w=power_max_kw * 1000)
    asked = {
        "operators": sorted({start.operator_id for start in starts}),
        "locations": sorted({start.location_id.casefold() for start in starts}),
        "types": _TYPES,
    }
    for type_, source, id_, time, data in cursor.execute(_PUBLISHED, asked):
        if type_ in PUBLISHERS:
            catalogue.publish(type_, source, id_, time, orjson.loads(bytes(data)))
    sees_all = cursor.execute("SELECT surface.sees_all()").fetchone() == (True,)
    return {
        id_: Running(_is_charging(each), _cost(each, catalogue) if sees_all or not _by_token(each) else None)
        for id_, each in sessions.items()
    }


def _sessions(cursor: Cursor[TupleRow], session_ids: Sequence[str]) -> dict[str, Session]:
    by_stream = {session_stream(each): Session(each) for each in session_ids}
    for stream_id, topic, state in cursor.execute(_EVENTS, (list(by_stream), _FACTS)):
        body = read_body(topic, bytes(state))
        by_stream[stream_id].learn(parse_fact(topic, body["data"], body["source"], body["id"]))
    return {session.session_id: session for session in by_stream.values()}


def _is_charging(session: Session) -> bool:
    states = sorted(session.meter.states, key=lambda fact: (fact.at, fact.source, fact.id))
    return not states or states[-1].state == "CHARGING"


def _by_token(session: Session) -> bool:
    """Whether a roaming partner's prices may rule it."""
    return any(start.partner is not None for start in session.meter.starts)


def _cost(session: Session, catalogue: Catalogue) -> RunningCost | None:
    facts = session.meter
    end = estimated_end(facts)
    so_far = assess(replace(facts, ends=[end]) if end else facts, catalogue)
    bill = so_far.changes[-1].bill if so_far.state is SessionState.RATED else None
    if bill is None or so_far.contract is None:
        return None
    return RunningCost(so_far.contract.operator.currency, bill.net, bill.gross, bill.energy_wh)
