"""The posting rules where the platform sells in its own name: its sales, what it buys them for, what it bears."""

from collections.abc import Callable
from typing import Any, TypeAlias

from domain.book.drafts import (
    INPUT_VAT,
    OUTPUT_VAT,
    Draft,
    Leg,
    available,
    driver_receivable,
    payable,
    vat_account,
)
from domain.book.sale_bookings import (
    CapturedChargeReSold,
    CdrSold,
    ChargeReSold,
    ChargeSold,
    DisputeFeeRecharged,
    PaymentLost,
    Sale,
    SaleDisputeLost,
    SaleRefunded,
    SaleRefundFailed,
    SaleReturn,
    SoldCdrCredited,
)

CHARGING_REVENUE = "4040"
COST_OF_CHARGING = "5030"
BAD_DEBT = "5050"
FEE_RECHARGE = "4050"

_Dims: TypeAlias = tuple[str, ...]
_Parts: TypeAlias = tuple[int, ...]


def _revenue(net: int, vat_at: _Dims, vat: _Parts, sign: int) -> list[Leg]:
    """Net and VAT of a sale: credited with the sign -1, given back with 1."""
    legs = [(vat_account(OUTPUT_VAT, at), sign * part) for at, part in zip(vat_at, vat, strict=True)]
    return [(CHARGING_REVENUE, sign * net), *legs]


def _sale(kind: str, receivable: str, net: int, vat_at: _Dims, vat: _Parts, sign: int = 1) -> Draft:
    return (kind, [(receivable, sign * (net + sum(vat))), *_revenue(net, vat_at, vat, -sign)])


def _purchase(b: Sale, net: int, vat: int, owed_to: str, sign: int = 1) -> list[Draft]:
    """J06, and J06r by reverse charge: one of the two is of nothing, since places in these lists are part of ids."""
    input_vat, output_vat = vat_account(INPUT_VAT, b.purchase_at), vat_account(OUTPUT_VAT, b.purchase_at)
    here, reversed_ = (0, sign) if b.is_reversed else (sign, 0)
    return [
        ("J06", [(COST_OF_CHARGING, here * net), (input_vat, here * vat), (owed_to, -here * (net + vat))]),
        (
            "J06r",
            [
                (COST_OF_CHARGING, reversed_ * net),
                (input_vat, reversed_ * vat),
                (output_vat, -reversed_ * vat),
                (owed_to, -reversed_ * net),
            ],
        ),
    ]


def _sold(b: ChargeSold) -> list[Draft]:
    return [
        _sale("J05", driver_receivable(b), b.net, b.vat_at, b.vat),
        *_purchase(b, b.purchase, b.purchase_vat, payable(b)),
    ]


def _re_sold(b: ChargeReSold) -> list[Draft]:
    return [
        _sale("J05", driver_receivable(b), b.old_net, b.old_vat_at, b.old_vat, -1),
        *_purchase(b, b.old_purchase, b.old_purchase_vat, payable(b), -1),
        _sale("J05", driver_receivable(b), b.net, b.vat_at, b.vat),
        *_purchase(b, b.purchase, b.purchase_vat, payable(b)),
    ]


def _captured_re_sold(b: CapturedChargeReSold) -> list[Draft]:
    due = f"2080/{b.payment_id}"
    _, taken_back = _sale("J59", due, b.old_net, b.old_vat_at, b.old_vat, -1)
    _, anew = _sale("J59", due, b.net, b.vat_at, b.vat)
    return [
        ("J59", taken_back + anew),
        *_purchase(b, b.old_purchase, b.old_purchase_vat, payable(b), -1),
        *_purchase(b, b.purchase, b.purchase_vat, payable(b)),
    ]


def _lost(b: PaymentLost) -> list[Draft]:
    return [("J01f", [(BAD_DEBT, b.gross), (driver_receivable(b), -b.gross)])]


def _refunded(b: SaleReturn) -> list[Draft]:
    psp = f"1110/{b.provider}"
    return [
        ("J59r", [(f"2080/{b.due_payment_id}", b.from_refunds_due), (psp, -b.from_refunds_due)]),
        _sale("J25", psp, b.net, b.vat_at, b.vat, -1),
        *_purchase(b, b.purchase, b.purchase_vat, available(b), -1),
        ("J25x", [(driver_receivable(b), b.from_overpaid), (psp, -b.from_overpaid)]),
    ]


def _refund_failed(b: SaleRefundFailed) -> list[Draft]:
    return [(kind, [(account, -amount) for account, amount in legs]) for kind, legs in _refunded(b)]


def _dispute_lost(b: SaleDisputeLost) -> list[Draft]:
    legs = [
        (BAD_DEBT, b.amount - b.from_overpaid - b.from_refunds_due),
        (driver_receivable(b), b.from_overpaid),
        (f"2080/{b.due_payment_id}", b.from_refunds_due),
        (f"1250/{b.provider}", -b.amount),
    ]
    return [("J30", legs)]


def _fee_recharged(b: DisputeFeeRecharged) -> list[Draft]:
    return [("J28r", [(available(b), b.fee), (FEE_RECHARGE, -b.fee)])]


def _cdr_sold(b: CdrSold) -> list[Draft]:
    return [
        _sale("J13p", f"1200/{b.partner}", b.net, b.vat_at, b.vat),
        *_purchase(b, b.purchase, b.purchase_vat, payable(b)),
    ]


def _cdr_credited(b: SoldCdrCredited) -> list[Draft]:
    receivable = f"{'1210' if b.invoiced else '1200'}/{b.partner}"
    return [
        _sale("J21", receivable, b.net, b.vat_at, b.vat, -1),
        *_purchase(b, b.purchase, b.purchase_vat, payable(b), -1),
    ]


RULES_OF_SALES: dict[type, Callable[[Any], list[Draft]]] = {
    ChargeSold: _sold,
    ChargeReSold: _re_sold,
    CapturedChargeReSold: _captured_re_sold,
    PaymentLost: _lost,
    SaleRefunded: _refunded,
    SaleRefundFailed: _refund_failed,
    SaleDisputeLost: _dispute_lost,
    DisputeFeeRecharged: _fee_recharged,
    CdrSold: _cdr_sold,
    SoldCdrCredited: _cdr_credited,
}
