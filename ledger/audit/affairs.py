"""Periods, sweeps and VAT returns: what two people decided, what of it is on the book, and what is kept of it."""

from collections.abc import Callable, Iterator
from typing import Any

from ledger.audit.amounts import instant, minor_of
from ledger.audit.amounts import minor as minor_units
from ledger.audit.people import folded
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.streams import PERIOD, SWEEP, VAT_RETURN, Body, Fact, Stream, read_stream

TYPES = (
    "period.closed",
    "period.reopened",
    "sweep.proposed",
    "sweep.approved",
    "sweep.executed",
    "vat.filed",
    "vat.paid",
)
_STREAMS = "SELECT DISTINCT originator_id FROM event_store.stored_events WHERE topic = ANY (%s) ORDER BY 1"
_KEPT = """
SELECT stream_id, name, due_at, currency, reserved, jurisdiction, filed_from, filed_to FROM intake.affair
ORDER BY stream_id
"""
_JUDGED = ("BookDecided", "PeriodClosed", "PeriodReopened", "SweepReserved", "VatReturnFiled")


def check_affairs(snapshot: Snapshot, tally: Tally) -> None:
    """Every affair is on the book as its people decided it, and its row says what its stream does."""
    kept = {row[0]: row[1:] for row in snapshot.rows(_KEPT)}
    for (stream_id,) in list(snapshot.rows(_STREAMS, (list(TYPES),))):
        tally.examined += 1
        stream = read_stream(snapshot, stream_id)
        _fold(stream)
        where = stream.name
        for sentence in _CHECKS[stream.kind](stream):
            tally.note(where, "as it was decided", sentence, f"{where}: {sentence}")
        row = kept.pop(stream_id, None)
        if row is None or row != _row(stream):
            sentence = f"intake.affair {stream_id} of {where} says {row}, not {_row(stream)}"
            tally.note(f"intake.affair {stream_id}", _row(stream), row, sentence)
    for stream_id, row in kept.items():
        sentence = f"intake.affair {stream_id} ({row[0]}) is of nothing that was decided"
        tally.note(f"intake.affair {stream_id}", "no row", row, sentence)


def _fold(stream: Stream) -> None:
    """What of the stream's bookings stands."""
    for _, topic, body in stream.decisions:
        if topic.startswith("Booked."):
            stream.standing[body["booking"]["key"]] = (topic.partition(".")[2], body["booking"])
        elif topic.startswith("Retracted."):
            stream.standing.pop(body["booking"]["key"], None)


def _counted(stream: Stream) -> set[tuple[str, str]]:
    """Source and id of every decision that counts."""
    return {(body["source"], body["id"]) for _, topic, body in stream.decisions if topic in _JUDGED}


def _told(stream: Stream, type_: str) -> list[Fact]:
    """The facts of a type that count, in their order."""
    counted = _counted(stream)
    facts = [fact for fact in stream.facts.get(type_, ()) if (fact.source, fact.id) in counted]
    return sorted(facts, key=lambda fact: fact.sort_key)


def _is_of(fact: Fact, body: Body) -> bool:
    return (fact.source, fact.id) == (body["source"], body["id"])


def _of_period(stream: Stream) -> Iterator[str]:
    """Each close and each reopening is the word of two people over one hash."""
    for topic, type_ in (("PeriodClosed", "period.closed"), ("PeriodReopened", "period.reopened")):
        for body in stream.decided(topic):
            last = [fact for fact in stream.facts.get(type_, ()) if _is_of(fact, body)]
            same = [each for each in _told(stream, type_) if last and _hash(each) == _hash(last[0])]
            people = {folded(each.data["by"]) for each in same if each.sort_key <= last[0].sort_key}
            if len(people) < 2 or {folded(each) for each in body["by"]} - people:
                yield f"{topic} of version {body['version']} is not what two people decided over one hash"
            elif topic == "PeriodClosed" and body["statement_hash"] != _hash(last[0]):
                yield f"version {body['version']} was closed by another hash than people named"


def _hash(fact: Fact) -> str:
    return str(fact.data["statement_hash"])


def _of_sweep(stream: Stream) -> Iterator[str]:
    """What was swept was proposed by one, approved by another within the cover, and carried out."""
    proposed, executed = _told(stream, "sweep.proposed"), _told(stream, "sweep.executed")
    reserved = stream.decided("SweepReserved")
    for body in reserved:
        by = [fact for fact in stream.facts.get("sweep.approved", ()) if _is_of(fact, body)]
        if not proposed or not by or folded(by[0].data["by"]) == folded(proposed[0].data["by"]):
            yield "it is reserved, and two people did not agree on it"
        elif (body["currency"], body["amount"]) != _swept(by[0]):
            yield f"{body['amount']} {body['currency']} is reserved, and another amount was approved"
        if body["amount"] > body["free"]:
            yield f"{body['amount']} is reserved where {body['free']} was free above what is owed"
    wanted = [(executed[0].at, *_swept(executed[0]))] if reserved and executed else []
    found = [(instant(b["effective_at"]), b["currency"], b["amount"]) for b in stream.bookings("OwnFundsSwept")]
    if wanted != found or len(stream.standing) != len(found):
        yield f"J57 should stand as {wanted} and does as {found}"


def _swept(fact: Fact) -> tuple[str, int]:
    return fact.data["currency"], minor_units(fact.data["amount"], fact.data["currency"])


def _of_return(stream: Stream) -> Iterator[str]:
    """A return was filed as its accounts stood, and paid as it was filed."""
    filed = stream.decided("VatReturnFiled")
    for body in filed:
        for fact in [each for each in stream.facts.get("vat.filed", ()) if _is_of(each, body)]:
            sums = (-_sum(body, "2110"), _sum(body, "1310"))
            said = (minor_of(fact.data["output"]), minor_of(fact.data["input"]))
            if sums != said:
                yield f"it says {said} of output and input, and its accounts say {sums}"
    paid = _told(stream, "vat.paid")
    wanted: list[Any] = []
    if filed and paid:
        wanted = [(paid[0].at, filed[0]["currency"], filed[0]["accounts"], minor_of(paid[0].data["amount"]))]
        if -sum(amount for _, amount in filed[0]["accounts"]) != wanted[0][3]:
            yield f"{wanted[0][3]} was paid of a return that comes to something else"
    found = [
        (instant(b["effective_at"]), b["currency"], b["accounts"], b["amount"]) for b in stream.bookings("VatPaid")
    ]
    if wanted != found or len(stream.standing) != len(found):
        yield f"J58 should stand as {wanted} and does as {found}"


def _sum(body: Body, code: str) -> int:
    return sum(amount for account, amount in body["accounts"] if account.partition("/")[0] == code)


_CHECKS: dict[str, Callable[[Stream], Iterator[str]]] = {
    PERIOD: _of_period,
    SWEEP: _of_sweep,
    VAT_RETURN: _of_return,
}


def _row(stream: Stream) -> tuple[Any, ...]:
    """What the row of an affair has to say."""
    reserved, filed = stream.decided("SweepReserved"), stream.decided("VatReturnFiled")
    row: tuple[Any, ...] = (None, None, None, None, None)
    if reserved and not stream.standing:
        row = (reserved[0]["currency"], reserved[0]["amount"], None, None, None)
    if filed:
        facts = [fact for fact in stream.facts["vat.filed"] if _is_of(fact, filed[0])]
        jurisdiction = facts[0].data["jurisdiction"] if facts else None
        row = (None, None, jurisdiction, filed[0]["first_period"], filed[0]["last_period"])
    return (stream.name, _due(stream), *row)


def _due(stream: Stream) -> Any:
    """The time of the decision that is to be judged next: nothing was said of it, or it waits for what came since."""
    said: dict[tuple[str, str], int] = {}
    for version, topic, body in stream.decisions:
        if topic in (*_JUDGED, "DecisionRefused"):
            said[body["source"], body["id"]] = version
    facts = [fact for facts in stream.facts.values() for fact in facts]
    last = max((fact.version for fact in facts), default=0)
    open_now = [
        fact.at
        for fact in facts
        if (fact.source, fact.id) not in said or _waits(stream, fact, said[fact.source, fact.id], last)
    ]
    return min(open_now, default=None)


def _waits(stream: Stream, fact: Fact, version: int, last: int) -> bool:
    """Whether a decision was refused for want of what was told later, so that it is judged again."""
    if version > last or (fact.source, fact.id) in _counted(stream):
        return False
    sentences = [
        body["sentence"] for at, topic, body in stream.decisions if topic == "DecisionRefused" and at == version
    ]
    return any(sentence.endswith("it counts once it is") for sentence in sentences)
