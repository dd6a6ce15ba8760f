"""The files of costs that `export` writes: who bears demand charges, and the margin of each session."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.documents.network_costs import margin_document, share_documents
from projections.network.demand_months import DemandFilter, DemandKey, demand_keys, demand_months
from projections.network.margins import MarginFilter, session_margins
from projections.network.site_month import SiteMonths

# What a line of demand.jsonl has of a share.
_OF_DEMAND = ("location_id", "month", "session_id", "coincident", "energy", "ladder")


def demand_lines(cursor: Cursor[TupleRow]) -> Iterator[bytes]:
    """What each session bears of each month's charge by three methods, by site, month and session.

    Months without a charge have none. The share of other load, which makes the lines of a month add up, is in
    `/v1/demand`.
    """
    months = SiteMonths(cursor, None)

    def place(key: DemandKey) -> tuple[str, str]:
        return months.site(key.operator_id, key.location_key).location_id, str(key.month)

    keys = sorted(demand_keys(cursor, months, DemandFilter()), key=lambda key: (*place(key), key))
    for _, of_month in groupby(keys, key=place):
        charged = [month for month in demand_months(months, list(of_month)) if month.shared is not None]
        rows = [row for month in charged for row in share_documents(month)]
        for row in sorted(rows, key=lambda row: str(row["session_id"])):
            yield _line({name: row[name] for name in _OF_DEMAND})


def margin_lines(cursor: Cursor[TupleRow]) -> Iterator[bytes]:
    """The margin of each rated session, by id."""
    months = SiteMonths(cursor, None)
    for found in session_margins(cursor, months, MarginFilter()):
        yield _line(margin_document(found))


def _line(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
