"""The posting rules: one table from booking to journal entries; those of matters stand in `matter_posting`.

Postings carry minor units, debit positive. A leg of zero is left out, and an entry without legs is not made.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias
from uuid import UUID

from domain.book.bank_posting import RULES_OF_BANKS
from domain.book.bookings import (
    AcceptedCdrCredited,
    Booking,
    CapturedSessionReRated,
    CdrAccepted,
    CdrInvoicePaid,
    DisputeFeeCorrected,
    DisputeLost,
    DisputeOpened,
    DisputeWon,
    InstantFeeCharged,
    InvoicePaid,
    PaidTwice,
    PaymentCaptured,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentWrittenOff,
    PayoutFailed,
    PayoutInitiated,
    PayoutReissued,
    PayoutReturned,
    PayoutSettled,
    PspFeeCorrected,
    PspFeeRecharged,
    ReserveHeld,
    ReserveReleased,
    ReturnCharged,
    SessionRated,
    SessionReRated,
    SettlementReceived,
    ShareMatured,
    ShareSplit,
    TaxWithheld,
)
from domain.book.closing_posting import RULES_OF_CLOSING
from domain.book.drafts import (
    ADJUSTMENTS,
    BANK,
    OUTPUT_VAT,
    Draft,
    available,
    driver_receivable,
    payable,
    vat_account,
)
from domain.book.journal import Entry, Posting
from domain.book.matter_posting import RULES_OF_MATTERS
from domain.book.roaming_posting import COMMISSION_ROAMING, RULES_OF_ROAMING
from domain.book.sale_posting import RULES_OF_SALES
from domain.book.treasury_posting import RULES_OF_THE_TREASURY
from domain.book.wallet_posting import RULES_OF_WALLETS
from domain.named_ids import named_id

COMMISSION_DIRECT = "4010"
PSP_FEE_RECHARGE = "4050"
PAYOUT_FEES = "4060"
PSP_FEES = "5010"
DISPUTE_FEES = "5040"
BANK_CHARGES = "5090"


def _earned(booking: Booking, gross: int) -> Draft:
    return ("J01", [(driver_receivable(booking), gross), (payable(booking), -gross)])


_Charging: TypeAlias = SessionRated | SessionReRated | CdrAccepted


def _commission(kind: str, revenue: str, booking: _Charging, net: int, vat: int) -> Draft:
    return (kind, [(payable(booking), net + vat), (revenue, -net), (vat_account(OUTPUT_VAT, booking.vat_at), -vat)])


def _rated(b: SessionRated) -> list[Draft]:
    return [_earned(b, b.gross), _commission("J02", COMMISSION_DIRECT, b, b.commission, b.commission_vat)]


def _re_rated(b: SessionReRated) -> list[Draft]:
    return [
        _earned(b, -b.old_gross),
        _commission("J02", COMMISSION_DIRECT, b, -b.old_commission, -b.old_commission_vat),
        _earned(b, b.gross),
        _commission("J02", COMMISSION_DIRECT, b, b.commission, b.commission_vat),
    ]


def _captured_re_rated(b: CapturedSessionReRated) -> list[Draft]:
    due, output_vat = f"2080/{b.payment_id}", vat_account(OUTPUT_VAT, b.vat_at)
    taken_back = [
        (payable(b), b.old_gross),
        (COMMISSION_DIRECT, b.old_commission),
        (output_vat, b.old_commission_vat),
        (due, -b.old_gross),
        (payable(b), -(b.old_commission + b.old_commission_vat)),
    ]
    anew = [
        (due, b.gross),
        (payable(b), b.commission + b.commission_vat),
        (payable(b), -b.gross),
        (COMMISSION_DIRECT, -b.commission),
        (output_vat, -b.commission_vat),
    ]
    return [("J59", taken_back + anew)]


def _psp_fee(provider: str, fee: int) -> Draft:
    return ("J03", [(PSP_FEES, fee), (f"1110/{provider}", -fee)])


def _captured(b: PaymentCaptured) -> list[Draft]:
    return [
        ("J01c", [(f"1110/{b.provider}", b.amount), (driver_receivable(b), -b.amount)]),
        _psp_fee(b.provider, b.fee),
    ]


def _fee_corrected(b: PspFeeCorrected) -> list[Draft]:
    return [_psp_fee(b.provider, b.fee)]


def _fee_recharged(b: PspFeeRecharged) -> list[Draft]:
    return [("J04", [(payable(b), b.fee), (PSP_FEE_RECHARGE, -b.fee)])]


def _written_off(b: PaymentWrittenOff) -> list[Draft]:
    return [("J01f", [(payable(b), b.gross), (driver_receivable(b), -b.gross)])]


def _refunded(b: PaymentRefunded | PaymentRefundFailed) -> list[Draft]:
    psp = f"1110/{b.provider}"
    output_vat = vat_account(OUTPUT_VAT, b.vat_at)
    back = b.commission_back + b.commission_vat_back
    return [
        ("J59r", [(f"2080/{b.due_payment_id}", b.from_refunds_due), (psp, -b.from_refunds_due)]),
        ("J25", [(available(b), b.by_operator), (psp, -b.by_operator)]),
        ("J25", [(ADJUSTMENTS, b.by_platform), (psp, -b.by_platform)]),
        ("J26", [(COMMISSION_DIRECT, b.commission_back), (output_vat, b.commission_vat_back), (available(b), -back)]),
        # The last, though it is used up first: places in this list are part of ids.
        ("J25x", [(driver_receivable(b), b.from_overpaid), (psp, -b.from_overpaid)]),
    ]


def _refund_failed(b: PaymentRefundFailed) -> list[Draft]:
    return [(kind, [(account, -amount) for account, amount in legs]) for kind, legs in _refunded(b)]


def _dispute_opened(b: DisputeOpened) -> list[Draft]:
    held, psp, hold = f"1250/{b.provider}", f"1110/{b.provider}", f"2030/{b.operator_id}"
    of_operator = b.amount - b.drivers_own
    return [
        ("J27", [(held, b.amount), (available(b), of_operator), (psp, -b.amount), (hold, -of_operator)]),
        _dispute_fee(b.provider, b.fee),
    ]


def _dispute_fee(provider: str, fee: int) -> Draft:
    return ("J28", [(DISPUTE_FEES, fee), (f"1110/{provider}", -fee)])


def _dispute_fee_corrected(b: DisputeFeeCorrected) -> list[Draft]:
    return [_dispute_fee(b.provider, b.fee)]


def _dispute_won(b: DisputeWon) -> list[Draft]:
    held, psp, hold = f"1250/{b.provider}", f"1110/{b.provider}", f"2030/{b.operator_id}"
    of_operator = b.amount - b.drivers_own
    return [("J29", [(psp, b.amount), (hold, of_operator), (held, -b.amount), (available(b), -of_operator)])]


def _dispute_lost(b: DisputeLost) -> list[Draft]:
    back = b.commission_back + b.commission_vat_back
    freed = b.from_overpaid + b.from_refunds_due - b.drivers_own
    legs = [
        (f"2030/{b.operator_id}", b.amount - b.drivers_own),
        (driver_receivable(b), b.from_overpaid),
        (f"2080/{b.due_payment_id}", b.from_refunds_due),
        (COMMISSION_DIRECT, b.commission_back),
        (vat_account(OUTPUT_VAT, b.vat_at), b.commission_vat_back),
        (f"1250/{b.provider}", -b.amount),
        (available(b), -(back + freed)),
    ]
    return [("J30", legs)]


def _cdr_accepted(b: CdrAccepted) -> list[Draft]:
    return [
        ("J13", [(f"1200/{b.partner}", b.gross), (payable(b), -b.gross)]),
        _commission("J14", COMMISSION_ROAMING, b, b.commission, b.commission_vat),
    ]


def _cdr_invoice_paid(b: CdrInvoicePaid) -> list[Draft]:
    return [("J16", [(f"1210/{b.partner}", b.gross), (f"1200/{b.partner}", -b.gross)])]


def _cdr_credited(b: AcceptedCdrCredited) -> list[Draft]:
    receivable = f"{'1210' if b.invoiced else '1200'}/{b.partner}"
    legs = [
        (payable(b), b.gross),
        (COMMISSION_ROAMING, b.commission),
        (vat_account(OUTPUT_VAT, b.vat_at), b.commission_vat),
        (receivable, -b.gross),
        (payable(b), -(b.commission + b.commission_vat)),
    ]
    return [("J21", legs)]


def _matured(b: ShareMatured) -> list[Draft]:
    return [("J08", [(f"2011/{b.operator_id}", b.amount), (available(b), -b.amount)])]


def _share_split(b: ShareSplit) -> list[Draft]:
    parts = [(f"{'2010' if matured else '2011'}/{payee}", -amount) for payee, amount, matured, _ in b.parts]
    return [("J07", [(payable(b), b.amount), *parts])]


def _settlement_received(b: SettlementReceived) -> list[Draft]:
    return [("J09", [(BANK, b.amount), (f"1110/{b.provider}", -b.amount)])]


def _invoice_paid(b: InvoicePaid) -> list[Draft]:
    return [("J17", [(BANK, b.amount), (f"1210/{b.partner}", -b.amount)])]


def _reserve_held(b: ReserveHeld) -> list[Draft]:
    return [("J31", [(available(b), b.amount), (f"2020/{b.operator_id}", -b.amount)])]


def _reserve_released(b: ReserveReleased) -> list[Draft]:
    return [("J32", [(f"2020/{b.operator_id}", b.amount), (available(b), -b.amount)])]


def _tax_withheld(b: TaxWithheld) -> list[Draft]:
    return [("J34", [(available(b), b.amount), (f"2120/{b.regime}", -b.amount)])]


def _instant_fee(b: InstantFeeCharged) -> list[Draft]:
    return [("J41", [(available(b), b.fee + b.fee_vat), (PAYOUT_FEES, -b.fee), (OUTPUT_VAT, -b.fee_vat)])]


def _in_transit(b: Booking) -> str:
    return f"2050/{b.payout_id}"


def _to_be_fixed(b: Booking) -> str:
    return f"2060/{b.operator_id}"


def _payout_initiated(b: PayoutInitiated) -> list[Draft]:
    return [("J35", [(available(b), b.amount), (_in_transit(b), -b.amount)])]


def _payout_reissued(b: PayoutReissued) -> list[Draft]:
    return [("J40", [(_to_be_fixed(b), b.amount), (_in_transit(b), -b.amount)])]


def _payout_settled(b: PayoutSettled) -> list[Draft]:
    return [("J36", [(_in_transit(b), b.amount), (BANK, -b.amount)])]


def _payout_failed(b: PayoutFailed) -> list[Draft]:
    return [("J38", [(_in_transit(b), b.amount), (_to_be_fixed(b), -b.amount)])]


def _payout_returned(b: PayoutReturned) -> list[Draft]:
    return [("J39", [(BANK, b.amount), (_to_be_fixed(b), -b.amount)])]


def _return_charged(b: ReturnCharged) -> list[Draft]:
    return [("J37b", [(BANK_CHARGES, b.amount), (BANK, -b.amount)])]


def _paid_twice(b: PaidTwice) -> list[Draft]:
    return [("J40x", [(available(b), b.amount), (_to_be_fixed(b), -b.amount)])]


POSTING_RULES: dict[type[Booking], Callable[[Any], list[Draft]]] = {
    SessionRated: _rated,
    SessionReRated: _re_rated,
    CapturedSessionReRated: _captured_re_rated,
    PaymentCaptured: _captured,
    PspFeeCorrected: _fee_corrected,
    PspFeeRecharged: _fee_recharged,
    PaymentWrittenOff: _written_off,
    PaymentRefunded: _refunded,
    PaymentRefundFailed: _refund_failed,
    DisputeOpened: _dispute_opened,
    DisputeFeeCorrected: _dispute_fee_corrected,
    DisputeWon: _dispute_won,
    DisputeLost: _dispute_lost,
    CdrAccepted: _cdr_accepted,
    CdrInvoicePaid: _cdr_invoice_paid,
    AcceptedCdrCredited: _cdr_credited,
    ShareMatured: _matured,
    ShareSplit: _share_split,
    SettlementReceived: _settlement_received,
    InvoicePaid: _invoice_paid,
    ReserveHeld: _reserve_held,
    ReserveReleased: _reserve_released,
    TaxWithheld: _tax_withheld,
    InstantFeeCharged: _instant_fee,
    PayoutInitiated: _payout_initiated,
    PayoutReissued: _payout_reissued,
    PayoutSettled: _payout_settled,
    PayoutFailed: _payout_failed,
    PayoutReturned: _payout_returned,
    ReturnCharged: _return_charged,
    PaidTwice: _paid_twice,
    **RULES_OF_MATTERS,
    **RULES_OF_BANKS,
    **RULES_OF_SALES,
    **RULES_OF_CLOSING,
    **RULES_OF_ROAMING,
    **RULES_OF_WALLETS,
    **RULES_OF_THE_TREASURY,
}


def entry_id(stream_id: UUID, key: str, revision: int, index: int, mirror: bool = False) -> UUID:
    """The id of an entry from business keys alone: UUIDv5 in its stream's name space."""
    return named_id(stream_id, f"{key}#{revision}#{index}{'-' if mirror else ''}")


def entries_of(booking: Booking, stream_id: UUID, revision: int, cause: UUID) -> list[Entry]:
    """The journal entries a booking gives by the table; `revision` counts the times its key was booked."""
    made = []
    for index, (kind, legs) in enumerate(POSTING_RULES[type(booking)](booking)):
        postings = tuple([Posting(account, amount) for account, amount in legs if amount])
        if postings:
            made.append(
                _entry(entry_id(stream_id, booking.key, revision, index), kind, booking, postings, cause, None)
            )
    return made


def mirrors_of(booking: Booking, stream_id: UUID, revision: int, cause: UUID) -> list[Entry]:
    """The entries that take a booking back: the same accounts and times with the signs turned."""
    made = []
    for index, (kind, legs) in enumerate(POSTING_RULES[type(booking)](booking)):
        postings = tuple([Posting(account, -amount) for account, amount in legs if amount])
        if postings:
            mirror_id = entry_id(stream_id, booking.key, revision, index, mirror=True)
            original = entry_id(stream_id, booking.key, revision, index)
            made.append(_entry(mirror_id, kind, booking, postings, cause, original))
    return made


def _entry(
    id_: UUID, kind: str, booking: Booking, postings: tuple[Posting, ...], cause: UUID, reverses: UUID | None
) -> Entry:
    return Entry(
        id_,
        kind,
        booking.effective_at,
        booking.currency,
        postings,
        cause,
        booking.session_id,
        booking.payout_id,
        reverses,
    )


def payable_gain(booking: Booking, operator_id: str) -> int:
    """What a booking adds to an operator's payable (2010 and 2011), in minor units."""
    accounts = (f"2010/{operator_id}", f"2011/{operator_id}")
    legs = [leg for _, legs in POSTING_RULES[type(booking)](booking) for leg in legs]
    return -sum([amount for account, amount in legs if account in accounts])


def payable_effect(entry: Entry, operator_id: str) -> int:
    """What an entry adds to the operator's payable (2010 and 2011), in minor units; maturing adds nothing."""
    accounts = (f"2010/{operator_id}", f"2011/{operator_id}")
    return -sum([posting.amount_minor for posting in entry.postings if posting.account in accounts])


def shares_of(booking: Booking) -> list[tuple[str, str]]:
    """Whose payable a booking moves, each with the share that its lines follow ("" for none)."""
    if isinstance(booking, ShareSplit):
        return [(booking.operator_id, booking.share), *((payee, share) for payee, _, _, share in booking.parts)]
    return [(booking.operator_id, booking.share)] if booking.operator_id else []


def payable_effects(entries: Iterable[Entry], operator_id: str) -> list[tuple[Entry, int]]:
    """The entries that change an operator's payable, each with by how much."""
    effects = [(entry, payable_effect(entry, operator_id)) for entry in entries]
    return [(entry, amount) for entry, amount in effects if amount]
