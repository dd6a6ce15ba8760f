"""The operators that are known: their contracts as they were published, and whether an id is one of them."""

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.vat_ids import is_vat_id
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from ledger.intake.catalogue import bank_calendar

# What was published of operators, without tariffs and locations, which are many more.
_PUBLISHED = """
SELECT type, source, id, event_time, data FROM intake.catalogue
WHERE type IN ('operator.registered', 'operator.changed') ORDER BY seq
"""
# Sessions may name an operator before it is registered.
_NAMED = "SELECT EXISTS (SELECT FROM intake.session_head WHERE operator_id = %s)"


def known_operators(cursor: Cursor[TupleRow]) -> dict[str, Versions[Operator]]:
    """The contracts of all operators that were registered, by id."""
    catalogue = Catalogue(calendars=bank_calendar, vat_ids=is_vat_id)
    for type_, source, id_, event_time, data in cursor.execute(_PUBLISHED):
        catalogue.publish(type_, source, id_, event_time, orjson.loads(data))
    return catalogue.operators


def is_named_by_sessions(cursor: Cursor[TupleRow], operator_id: str) -> bool:
    """Whether any session is of this operator, registered or not."""
    row = cursor.execute(_NAMED, (operator_id,)).fetchone()
    return bool(row and row[0])
