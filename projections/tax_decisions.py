"""How each supply of each rated session is taxed, for the file `tax_decisions.jsonl`; only where terms tell taxes.

Made of the stored facts by the rules of the domain, in sets of some hundred sessions: nothing is kept of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.vat_ids import is_vat_id
from domain.catalogue.catalogue import POWER_MAX_KW, PUBLISHERS, Catalogue
from domain.session.assessment import Assessment, Bill
from domain.session.decisions import OrphanClosed
from domain.session.facts import FACT_PARSERS, parse_fact
from domain.session.session import Session, session_stream
from domain.session.supplies import supplies_of
from domain.session.tax_decisions import tax_decisions
from ledger.events.codec import decode, read_body
from ledger.intake.catalogue import bank_calendar

TAX_DECISIONS = "tax_decisions.jsonl"
_SET = 500
_FACTS = sorted(type_ for type_ in FACT_PARSERS if type_.startswith("charging.session."))
# Operators of whom any version tells taxes.
_TAXED = """
SELECT DISTINCT convert_from(data, 'UTF8')::json ->> 'operator_id' FROM intake.catalogue
WHERE type IN ('operator.registered', 'operator.changed')
  AND json_typeof(convert_from(data, 'UTF8')::json -> 'tax') = 'object'
"""
_PUBLISHED = "SELECT type, source, id, event_time, data FROM intake.catalogue WHERE type = ANY(%s) ORDER BY seq"
_TYPES = [
    "operator.registered",
    "operator.changed",
    "tariff.published",
    "tariff.rerating_ordered",
    "location.published",
    "partner.registered",
]
_SESSIONS = """
SELECT session_id, net, gross, commission, commission_vat FROM projection.sessions
WHERE operator_id = ANY(%s) AND state = 'RATED' AND session_id > %s
ORDER BY session_id LIMIT %s
"""
_EVENTS = """
SELECT originator_id, topic, state FROM event_store.stored_events
WHERE originator_id = ANY(%s) AND topic = ANY(%s)
ORDER BY originator_id, originator_version
"""


class _Rated(NamedTuple):
    """A session as it was rated, in minor units."""

    session_id: str
    net: int
    gross: int
    commission: int
    commission_vat: int


def taxed_operators(cursor: Cursor[TupleRow]) -> list[str]:
    """The operators whose terms have ever told taxes."""
    return sorted(operator_id for (operator_id,) in cursor.execute(_TAXED))


def tax_decision_lines(
    cursor: Cursor[TupleRow], operators: Sequence[str], power_max_kw: int = POWER_MAX_KW
) -> Iterator[Mapping[str, Any]]:
    """A document for each supply and rate, by session and then in the order of its supplies."""
    catalogue = Catalogue(calendars=bank_calendar, vat_ids=is_vat_id, power_max_w=power_max_kw * 1000)
    for type_, source, id_, time, data in cursor.execute(_PUBLISHED, (_TYPES,)).fetchall():
        if type_ in PUBLISHERS:
            _publish(catalogue, type_, source, id_, time, bytes(data))
    after = ""
    while True:
        rated = [_Rated(*row) for row in cursor.execute(_SESSIONS, (list(operators), after, _SET))]
        if not rated:
            return
        sessions = _sessions(cursor, [each.session_id for each in rated])
        for each in rated:
            yield from _decisions(each, sessions[each.session_id], catalogue)
        after = rated[-1].session_id


def _publish(catalogue: Catalogue, type_: str, source: str, id_: str, time: datetime, data: bytes) -> None:
    catalogue.publish(type_, source, id_, time, orjson.loads(data))


def _sessions(cursor: Cursor[TupleRow], session_ids: Sequence[str]) -> dict[str, Session]:
    by_stream = {session_stream(each): Session(each) for each in session_ids}
    topics = [*_FACTS, OrphanClosed.__name__]
    for stream_id, topic, state in cursor.execute(_EVENTS, (list(by_stream), topics)):
        if topic == OrphanClosed.__name__:
            by_stream[stream_id].evolve(decode(topic, bytes(state)))
            continue
        body = read_body(topic, bytes(state))
        by_stream[stream_id].learn(parse_fact(topic, body["data"], body["source"], body["id"]))
    return {session.session_id: session for session in by_stream.values()}


def _decisions(rated: _Rated, session: Session, catalogue: Catalogue) -> Sequence[Mapping[str, Any]]:
    assessment = session.assess(catalogue)
    bill = _charged(rated, assessment)
    if bill is None or assessment.contract is None:
        return ()
    return tax_decisions(rated.session_id, assessment.contract, bill)


def _charged(rated: _Rated, assessment: Assessment) -> Bill | None:
    """The bill that the session is charged: the one of its amounts; of a part of one, as much of the last."""
    bills = [change.bill for change in assessment.changes if change.bill is not None]
    for bill in reversed(bills):
        if (bill.net, bill.gross, bill.commission) == (rated.net, rated.gross, rated.commission):
            return bill
    supplies = supplies_of(assessment.contract) if assessment.contract is not None else None
    if not bills or supplies is None:
        return None
    dealt = supplies.dealt_like(bills[-1].dealt, rated.net, rated.gross, rated.commission)
    amounts = {name: getattr(rated, name) for name in ("net", "gross", "commission", "commission_vat")}
    return replace(bills[-1], dealt=dealt, **amounts)
