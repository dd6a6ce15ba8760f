"""The treasury as stored: what exchanges and invoices of hubs are judged by beside what was said of them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import ONE_DAY, instant
from domain.catalogue.exchange import Position
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.fact import RecordedFact
from domain.matter.judgement import OfTreasury
from domain.matter.matter import Matter
from domain.matter.suppliers import INVOICED
from domain.matter.told import of_types
from domain.matter.treasury import EXCHANGES, movement_of
from ledger.intake.treasury import (
    HubBill,
    KeptRate,
    Move,
    hold_treasury,
    keep_hub_invoices,
    keep_moves,
    keep_rates,
    last_rate,
)


def take_rates(cursor: Cursor[TupleRow], facts: Iterable[RecordedFact]) -> None:
    """Keep rates that were published; their streams are written with those of other publications."""
    rates = []
    for fact in facts:
        base, quote, at, rate = (fact.data[name] for name in ("base", "quote", "at", "rate"))
        rates.append(KeptRate(base, quote, instant(at), fact.source, fact.id, rate))
    keep_rates(cursor, rates)


def surroundings(
    cursor: Cursor[TupleRow], matters: Mapping[UUID, Matter], operators: Mapping[str, Versions[Operator]]
) -> dict[UUID, OfTreasury]:
    """What those of the matters that are the treasury's are judged by; nobody else judges by it meanwhile."""
    exchanges = {each: matter for each, matter in matters.items() if matter.told[0].type in EXCHANGES}
    invoices = {each: matter for each, matter in matters.items() if matter.told[0].type == INVOICED}
    if not exchanges and not invoices:
        return {}
    hold_treasury(cursor)
    moves = [move for each, matter in exchanges.items() if (move := _move(each, matter, operators)) is not None]
    positions = keep_moves(cursor, moves)
    found = {}
    for move in moves:
        last = last_rate(cursor, move.sold_currency, move.bought_currency, move.at) if move.sold > 0 else None
        found[move.stream_id] = OfTreasury(
            positions.get(move.stream_id, Position()), last_rate=last[1] if last is not None else None
        )
    accrued = keep_hub_invoices(cursor, [_bill(each, matter) for each, matter in invoices.items()])
    return found | {stream_id: OfTreasury(accrued=each) for stream_id, each in accrued.items()}


def _move(stream_id: UUID, matter: Matter, operators: Mapping[str, Versions[Operator]]) -> Move | None:
    """An exchange as it changes the position; None while its operator is not known."""
    first = of_types(matter.told, *EXCHANGES)[0]
    movement = movement_of(matter.told, is_known=bool(operators.get(matter.operator_id)))
    if movement is None:
        return None
    return Move(
        stream_id,
        movement.sold_currency,
        movement.bought_currency,
        first.at,
        first.source,
        first.id,
        matter.operator_id,
        movement.sold,
        movement.bought,
    )


def _bill(stream_id: UUID, matter: Matter) -> HubBill:
    first = of_types(matter.told, INVOICED)[0]
    data = first.data
    since, until = _midnight(data["from"]), _midnight(data["to"]) + ONE_DAY
    return HubBill(stream_id, data["hub_id"], data["net"]["currency"], since, until, first.at, first.source, first.id)


def _midnight(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(), UTC)
