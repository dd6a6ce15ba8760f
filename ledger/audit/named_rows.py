"""What should be kept beside what is: two sorted lists, and the rows of tables column by column."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.spool import Spool


def compare_sorted(told: Iterator[bytes], kept: Iterator[bytes]) -> Iterator[tuple[str, bool]]:
    """What is in one of two sorted lists only, and whether that is the second; how often it is there is all one."""
    one, other = next(told, None), next(kept, None)
    while one is not None or other is not None:
        if one == other:
            last = one
        elif other is None or (one is not None and one < other):
            last = one
            yield str(one, "utf-8") if one is not None else "", False
        else:
            last = other
            yield other.decode(), True
        while one is not None and one == last:
            one = next(told, None)
        while other is not None and other == last:
            other = next(kept, None)


class Table(NamedTuple):
    """A table whose rows follow from what is stored: its keys, and those of its other columns that do."""

    name: str
    keys: Sequence[str]
    columns: Sequence[str]


class NamedRows:
    """Rows as they should be, told in any order, and as they are; compared when all is read, in flat memory."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def tell(self, table: Table, keys: Sequence[Any], says: Mapping[str, Any]) -> None:
        """Note a row that there should be; columns that it says nothing of are not compared."""
        self._add(table, keys, "told", {name: _plain(value) for name, value in says.items()})

    def compare(self, snapshot: Snapshot, tables: Sequence[Table], tally: Tally) -> None:
        """Compare what was told with what is kept: no row more or less, and each column."""
        for table in tables:
            names = [*table.keys, *table.columns]
            query = f"SELECT {', '.join(names)} FROM {table.name}"  # noqa: S608 - names of ours
            for row in snapshot.rows(query):
                values = dict(zip(table.columns, map(_plain, row[len(table.keys) :]), strict=True))
                self._add(table, row[: len(table.keys)], "kept", values)
        for key, lines in groupby(self._spool.sorted(), key=lambda line: line.partition(b"\0")[0]):
            tally.examined += 1
            table_name, keys = orjson.loads(key)
            found = [orjson.loads(line.partition(b"\0")[2]) for line in lines]
            kept = next((says for kind, says in found if kind == "kept"), None)
            told = next((says for kind, says in found if kind == "told"), None)
            where = " ".join([table_name, *map(str, keys)])
            if told is None:
                tally.note(where, "nothing", kept, f"{where} is kept, and nothing that was stored gives it")
            elif kept is None:
                tally.note(where, told, "nothing", f"{where} is not kept, and what was stored gives it")
            else:
                for name, value in told.items():
                    tally.compare(where, value, kept[name], f"its {name}")

    def _add(self, table: Table, keys: Sequence[Any], kind: str, says: Mapping[str, Any]) -> None:
        self._spool.add(orjson.dumps([table.name, list(map(_plain, keys))]) + b"\0" + orjson.dumps([kind, says]))


def _plain(value: Any) -> Any:
    """A value as JSON has it, the same for what is told and what is kept."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, date | Decimal | UUID) else value
