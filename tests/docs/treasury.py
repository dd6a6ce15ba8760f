"""What the treasury is judged by in worked examples: told all at once, and folded without a store."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date
from uuid import UUID

from domain.book.bookings import Booking
from domain.book.treasury_bookings import HubFeeAccrued
from domain.calendar import ONE_DAY
from domain.catalogue.exchange import Position, moved
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.matter.judgement import Accrued, OfTreasury
from domain.matter.matter import Matter
from domain.matter.suppliers import INVOICED
from domain.matter.told import Told, of_types
from domain.matter.treasury import EXCHANGES, movement_of


def of_treasury(
    matters: Mapping[UUID, Matter], operators: Mapping[str, Versions[Operator]], booked: Iterable[Booking]
) -> dict[UUID, OfTreasury]:
    """By stream, the position before an exchange, or what was accrued of an invoice's days by all that is booked."""
    found: dict[UUID, OfTreasury] = {}
    positions: dict[str, Position] = {}
    exchanges = {each: matter for each, matter in matters.items() if matter.told[0].type in EXCHANGES}
    for stream_id, matter in sorted(exchanges.items(), key=lambda item: _first(item[1], *EXCHANGES)[:3]):
        movement = movement_of(matter.told, is_known=matter.operator_id in operators)
        if movement is not None:
            before = positions.get(movement.pair, Position())
            found[stream_id] = OfTreasury(before)
            positions[movement.pair], _ = moved(before, movement)
    fees = [booking for booking in booked if isinstance(booking, HubFeeAccrued)]
    for stream_id, matter in matters.items():
        if matter.told[0].type == INVOICED:
            found[stream_id] = OfTreasury(accrued=tuple(_accrued(_first(matter, INVOICED), fees)))
    return found


def _first(matter: Matter, *types: str) -> Told:
    return of_types(matter.told, *types)[0]


def _accrued(invoice: Told, fees: Iterable[HubFeeAccrued]) -> Iterable[Accrued]:
    first, last = (date.fromisoformat(invoice.data[name]) for name in ("from", "to"))
    for fee in fees:
        day = fee.effective_at.astimezone(UTC).date()
        if fee.hub_id == invoice.data["hub_id"] and first <= day < last + ONE_DAY:
            yield Accrued(fee.vat_code, fee.fee, fee.fee_vat)
