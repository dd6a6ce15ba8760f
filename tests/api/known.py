"""A store to which everything happened, and values that it has, by the names of the API's parameters."""

from collections.abc import Mapping
from typing import Final

import psycopg

from projections.mentions import Kind
from tests.support.settled import ids_by_kind

# Of which kind of id a parameter is.
_KINDS: Final[Mapping[str, Kind]] = {
    "session_id": Kind.SESSION,
    "payout_id": Kind.PAYOUT,
    "entry_id": Kind.ENTRY,
    "event_id": Kind.EVENT,
    "cdr_id": Kind.CDR,
    "deadletter_id": Kind.DEAD_LETTER,
    "evse_uid": Kind.EVSE,
}
# Those of the first operator, of which those come first that no other has by the same name.
_SITES = """
SELECT min(location_id) FROM projection.sites WHERE location_id <> ''
GROUP BY location_key ORDER BY count(*), min(operator_id), location_key
"""
_CATALOGUE = "SELECT operator_id, convert_from(data, 'UTF8')::jsonb->'tariff'->>'id' FROM surface.catalogue"


def known_values(dsn: str) -> Mapping[str, list[str]]:
    """Values that a store has, each a text, by the names of parameters."""
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        ids = ids_by_kind(cursor)
        rows = cursor.execute(_CATALOGUE).fetchall()
        sites = [site for (site,) in cursor.execute(_SITES)]
        numbers = [number for (number,) in cursor.execute("SELECT number FROM surface.statements ORDER BY number")]
    operators, tariffs = (sorted({each for each in column if each}) for column in zip(*rows, strict=True))
    return {
        **{name: ids[kind] for name, kind in _KINDS.items()},
        "currency": ["EUR", "GBP", "SEK"],
        "code": ["2010", "2011", "1105", "INVALID_DATA"],
        "account": ["2010/OP-1", "2011/OP-2", "1100", "2010"],
        "location_id": sites,
        "limit": ["1", "2", "200"],
        "q": [some for values in ids.values() for some in values[:3]],
        "number": numbers,
        "month": ["2026-03", "2026-04"],
        "operator_id": operators,
        "operator": operators,
        "tariff": tariffs,
        "tariff_id": tariffs,
    }
