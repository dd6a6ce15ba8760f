"""The files of an export that say when money comes: days to cash, what is not collected by cause, runways.

Whoever writes files sees nothing of what is shown outside, from which terms and lines are read: another role does.
"""

from collections.abc import Iterator

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.database import Role, acting_as
from projections.as_of import AsOf
from projections.documents.network_cash import causes_document, days_to_cash_document
from projections.documents.network_runway import runway_document
from projections.network.asked import Asked
from projections.network.not_collected import not_collected
from projections.network.runways import runways
from projections.network.to_cash import to_cash
from projections.operators import operators_of

_EVERYTHING = 2**62
_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS
# Operators and currencies of `balances.json`.
_OWED = "SELECT operator_id, currency FROM projection.operator_balances"


def days_to_cash_file(cursor: Cursor[TupleRow]) -> Iterator[bytes]:
    """{operator: {handed|paid: {sessions, median_s, mean_s, amount}}}, in the currency of its terms in effect."""
    with acting_as(cursor, Role.AUDITOR):
        found = to_cash(cursor, Asked())
        terms = operators_of(cursor, sorted({each.operator_id for each in found}))
    currencies = {each.operator_id: str(each.in_effect().terms["currency"]) for each in terms}
    yield orjson.dumps(days_to_cash_document(found, currencies), option=_OPTIONS)


def cash_by_cause_file(cursor: Cursor[TupleRow]) -> Iterator[bytes]:
    """{operator: {currency: {cause: amount}}}: as `balances.json`, whose sums the causes come to."""
    with acting_as(cursor, Role.AUDITOR):
        owed = set(cursor.execute(_OWED).fetchall())
        found = not_collected(cursor, AsOf(None, None, _EVERYTHING))
    document: dict[str, dict[str, dict[str, str]]] = {}
    for each in found:
        if (each.operator_id, each.currency) in owed:
            document.setdefault(each.operator_id, {})[each.currency] = causes_document(each)
    yield orjson.dumps(document, option=_OPTIONS)


def runway_file(cursor: Cursor[TupleRow]) -> Iterator[bytes]:
    """{operator: {currency: the declaration, the runways in days, the days on which what is left changes}}."""
    document: dict[str, dict[str, object]] = {}
    with acting_as(cursor, Role.AUDITOR):
        found = [*runways(cursor)]
    for each in found:
        told = runway_document(each)
        del told["operator_id"], told["currency"]
        moved = [number for number, day in enumerate(each.runway.days) if day.inflow or day.cost or not number]
        told["days"] = [told["days"][number] for number in moved]
        document[each.operator_id] = {each.currency: told}
    yield orjson.dumps(document, option=_OPTIONS)


CASH_FILES = {
    "days_to_cash.json": days_to_cash_file,
    "cash_by_cause.json": cash_by_cause_file,
    "runway.json": runway_file,
}
