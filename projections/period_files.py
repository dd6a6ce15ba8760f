"""Files of closed periods: what was issued, byte for byte, and what is known of them now."""

from collections.abc import Iterator

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.book.periods import turns
from projections.documents.periods import restated_document
from projections.periods import period_report

FOLDER = "periods"


def period_files(cursor: Cursor[TupleRow]) -> Iterator[tuple[str, bytes]]:
    """Name below the folder, and content, of every file of every close, in their order; none while none was made.

    Of a period that was closed again the files of the versions before have their number in their names.
    """
    told = turns(cursor)
    newest = {turn.period: turn.version for turn in told if turn.kind == "CLOSED"}
    for turn in told:
        if turn.kind != "CLOSED":
            continue
        is_newest = newest[turn.period] == turn.version
        suffix = "" if is_newest else f".v{turn.version}"
        for name, text in (
            ("issued", turn.issued),
            ("balance_sheet", turn.balance_sheet),
            ("checklist", turn.checklist),
        ):
            yield f"{turn.period}/{name}{suffix}.json", (text or "").encode()
        if is_newest:
            document = restated_document(turn, period_report(cursor, turn))
            yield (
                f"{turn.period}/restated.json",
                orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
            )
