"""Files of what a network does, which an export writes beside those of the money: by name what writes each."""

from collections.abc import Callable, Iterator, Mapping
from typing import LiteralString

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow, tuple_row

from domain.calendar import utc_text
from domain.network.moments import quarter_start
from projections.documents.load import energy_text
from projections.documents.uptime import by_evse
from projections.documents.use import use_line
from projections.network.asked import Asked
from projections.network.cash_files import CASH_FILES
from projections.network.cost_files import demand_lines, margin_lines
from projections.network.horizon import network_horizon
from projections.network.uptime import uptimes
from projections.network.use_file import use_by_day

_ROWS_PER_FETCH = 5_000

# Sites of one id, of whichever operator, are one.
_LOAD: LiteralString = """
SELECT location_id, quarter, sum(energy_wh)
FROM projection.site_load JOIN projection.sites USING (operator_id, location_key)
GROUP BY location_id, quarter ORDER BY location_id, quarter
"""


def _load_lines(cursor: Cursor[TupleRow]) -> Iterator[bytes]:
    """Energy of sessions by site and quarter hour, in Wh."""
    with cursor.connection.cursor("network_files", row_factory=tuple_row) as rows:
        rows.itersize = _ROWS_PER_FETCH
        for location_id, quarter, energy_wh in rows.execute(_LOAD, binary=True):
            start = utc_text(quarter_start(quarter))
            document = {"location_id": location_id, "start": start, "energy_wh": energy_text(energy_wh)}
            yield orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def _uptime_document(cursor: Cursor[TupleRow]) -> Iterator[bytes]:
    """Uptime by EVSE, from the first message of each up to the horizon."""
    until = network_horizon(cursor)
    found = uptimes(cursor, Asked(), until) if until is not None else []
    yield orjson.dumps(by_evse(found), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _use_lines(cursor: Cursor[TupleRow]) -> Iterator[bytes]:
    """Use of each EVSE on each of its local dates."""
    for found in use_by_day(cursor, network_horizon(cursor)):
        yield orjson.dumps(use_line(found), option=orjson.OPT_APPEND_NEWLINE)


# Each file with what writes it, line by line, from the snapshot of a cursor.
NETWORK_FILES: Mapping[str, Callable[[Cursor[TupleRow]], Iterator[bytes]]] = {
    "load.jsonl": _load_lines,
    "uptime.json": _uptime_document,
    "demand.jsonl": demand_lines,
    "margin.jsonl": margin_lines,
    "use.jsonl": _use_lines,
    **CASH_FILES,
}
