"""What the platform owes to suppliers of its own, and pays with its own money: hubs, and foreign operators.

A hub's fees are accrued with each CDR (J15). Its invoice posts by how much it differs from what was accrued of its
days, and people are told of that; what is paid is J24p.
"""

from collections.abc import Sequence

from domain.book.findings import Finding, FindingKind
from domain.book.treasury_bookings import HubInvoiced, SupplierPaid
from domain.matter.judgement import Head, Judgement, Surroundings
from domain.matter.told import Told, of_types
from domain.matter.treasury import told_otherwise
from domain.money import format_minor

PAID, INVOICED = "supplier.paid", "hub.invoiced"
PAID_KEY, INVOICED_KEY = "paid", "invoiced"


def judge_supplier_payment(told: Sequence[Told], _: Surroundings) -> Judgement:
    """What should be of an invoice that was paid: J24p, once."""
    first, *again = of_types(told, PAID)
    judgement = Judgement()
    judgement.findings += told_otherwise(first, again, "invoice_id")
    about = {"account": first.data["account"], "invoice_id": first.data["invoice_id"]}
    head = _head(PAID_KEY, first, first.data["amount"]["currency"])
    judgement.bookings.append(SupplierPaid(**head, **about, amount=first.minor()))
    return judgement


def judge_hub_invoice(told: Sequence[Told], around: Surroundings) -> Judgement:
    """What should be of a hub's invoice: J15 for what it is more, or less, than what was accrued of its days."""
    first, *again = of_types(told, INVOICED)
    data, judgement = first.data, Judgement()
    judgement.findings += told_otherwise(first, again, "invoice_id")
    currency, accrued = data["net"]["currency"], around.treasury.accrued
    fee = first.minor("net") - sum(each.fee for each in accrued)
    fee_vat = first.minor("vat") - sum(each.fee_vat for each in accrued)
    if not fee and not fee_vat:
        return judgement
    about = {"hub_id": data["hub_id"], "invoice_id": data["invoice_id"]}
    vat_code = accrued[0].vat_code if accrued else ""
    head = _head(INVOICED_KEY, first, currency)
    judgement.bookings.append(HubInvoiced(**head, **about, vat_code=vat_code, fee=fee, fee_vat=fee_vat))
    much = f"{format_minor(abs(fee + fee_vat), currency)} {currency} {'more' if fee + fee_vat > 0 else 'less'}"
    judgement.findings.append(
        Finding(
            FindingKind.HUB_INVOICE_DIFFERS,
            "differs",
            subject=data["invoice_id"],
            operator_id="",
            since=first.at,
            sentence=f"invoice {data['invoice_id']} of hub {data['hub_id']} is {much} than the fees accrued "
            f"from {data['from']} to {data['to']} (net {format_minor(fee, currency)}, "
            f"VAT {format_minor(fee_vat, currency)})",
            currency=currency,
            amount=fee + fee_vat,
        )
    )
    return judgement


def _head(key: str, first: Told, currency: str) -> Head:
    return {"key": key, "effective_at": first.at, "currency": currency, "operator_id": "", "session_id": None}
