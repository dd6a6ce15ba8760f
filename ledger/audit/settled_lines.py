"""Lines of settlements: none is lost on its way to the session of its payment, changed or made up."""

from collections.abc import Iterator
from typing import Any

import orjson

from ledger.audit.amounts import instant, microseconds, minor_of
from ledger.audit.receipts import standing
from ledger.audit.report import Tally
from ledger.audit.settlements import LINE, MARK, lines_of
from ledger.audit.snapshot import Snapshot
from ledger.audit.spool import Spool
from ledger.audit.streams import Body, Stream

# Lines that wait for their sessions, and marks that do: what will be said of lines that sessions have.
_PARKED = "SELECT type, source, id, data FROM intake.parked WHERE type = ANY (%s) ORDER BY source, id"


class Lines:
    """Lines of settlements as they were told, and as they are with sessions or wait; compared when all is read."""

    def __init__(self, told: Spool, found: Spool) -> None:
        self._told, self._found = told, found

    def tell(self, stream: Stream) -> None:
        """Note the lines of a settlement that stand."""
        for fact in standing(stream.facts.get("payment.settled", ())):
            for number, item in enumerate(fact.data["items"], 1):
                if item.get("payment_id"):
                    data = {**fact.data, **item, "item": number}
                    self._told.add(_line(fact.source, f"{fact.id}#{number}", data))

    def find(self, stream: Stream) -> None:
        """Note the lines that a session has of what it captured: others have no effect there."""
        captures = stream.facts.get("payment.captured", ())
        captured = {(fact.data["provider"], fact.data["payment_id"]) for fact in captures}
        for line in lines_of(stream):
            if (line.data["provider"], line.data["payment_id"]) in captured:
                self._found.add(_line(line.source, line.id, line.data))

    def compare(self, snapshot: Snapshot, tally: Tally) -> None:
        """Every line that was told is with a session or waits for one, as it was told, and no other is."""
        marked: dict[tuple[str, str], Body] = {}
        for kind, source, id_, raw in snapshot.rows(_PARKED, ([LINE, MARK],)):
            data = orjson.loads(raw)
            if kind == LINE:
                self._found.add(_line(source, id_, data))
            elif marked.get((source, data["line_id"]), {"revision": 0})["revision"] < data["revision"]:
                marked[source, data["line_id"]] = data
        told = _merged(self._told)
        for key, line, others in _beside(told, _merged(self._found)):
            tally.examined += 1
            if key not in marked:
                _compare_line(key, line, others, tally)


def _line(source: str, id_: str, data: Body) -> bytes:
    """A line of a settlement by the message that told it, with all that matters of it."""
    names = ("provider", "settlement_id", "payment_id", "kind", "refund_id", "dispute_id")
    gross = minor_of(data["gross"]) if "gross" in data else None
    told = [data.get(name) for name in names]
    told += [data.get("part") or 1, microseconds(instant(data["settled_at"])), gross, minor_of(data["fee"])]
    return orjson.dumps([source, id_, [*told, data["fee"]["currency"]]])


def _merged(spool: Spool) -> Iterator[tuple[tuple[str, str], list[list[Any]]]]:
    """The lines of a spool by source and id, in that order; more than one where they were told differently."""
    key: tuple[str, str] | None = None
    some: list[list[Any]] = []
    for raw in spool.sorted():
        source, id_, told = orjson.loads(raw)
        if key is not None and key != (source, id_):
            yield key, some
            some = []
        key = (source, id_)
        if told not in some:
            some.append(told)
    if key is not None:
        yield key, some


def _sort_key(key: tuple[str, str]) -> bytes:
    return orjson.dumps(key)


def _beside(
    told: Iterator[tuple[tuple[str, str], list[list[Any]]]], found: Iterator[tuple[tuple[str, str], list[list[Any]]]]
) -> Iterator[tuple[tuple[str, str], list[Any] | None, list[list[Any]]]]:
    """What was told and what was found of each line."""
    one, other = next(told, None), next(found, None)
    while one or other:
        if one and (not other or _sort_key(one[0]) < _sort_key(other[0])):
            yield one[0], one[1][0], []
            one = next(told, None)
        elif other and (not one or _sort_key(other[0]) < _sort_key(one[0])):
            yield other[0], None, other[1]
            other = next(found, None)
        elif one and other:
            yield one[0], one[1][0], other[1]
            one, other = next(told, None), next(found, None)


_GROSS = 8


def _compare_line(key: tuple[str, str], told: list[Any] | None, found: list[list[Any]], tally: Tally) -> None:
    where = f"settlement line {key[1]}"
    if told is None:
        # Before lines were kept with what they settle, sessions got those of each time that a settlement was told.
        if any(line[_GROSS] is not None for line in found):
            tally.note(where, "nothing", found[0], f"{where} is with a session, and no settlement that stands has it")
        return
    if not found:
        tally.note(where, told, "nowhere", f"{where} of payment {told[2]} is with no session of it")
    for line in found:
        as_told = line if line[_GROSS] is not None else [*line[:_GROSS], told[_GROSS], *line[_GROSS + 1 :]]
        if as_told != told:
            tally.note(where, told, line, f"{where} is with a session otherwise than it was told: {line}, not {told}")
