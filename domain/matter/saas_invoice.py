"""Invoices for the platform's own service: owed at once (J42), netted where agreed (J43), earned by months (J44).

The net amount is earned at the end of each month that the period touches, by the days of the period in it; the
largest remainder makes the parts add up. What is over when the invoice comes is earned with it.
"""

from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from domain.book.findings import Finding, FindingKind
from domain.book.matter_bookings import SaasInvoiced, SaasNetted, SaasRecognised
from domain.calendar import ONE_DAY, opens_at
from domain.catalogue.parties import Operator
from domain.matter.judgement import Head, Judgement, MatterJudged, MatterKind, MatterState, Surroundings, not_known
from domain.matter.told import Told, of_types
from domain.money import format_minor, largest_remainder

KEY, NETTED_KEY = "invoiced", "netted"
# A month's part is booked while it still is that month.
_BEFORE_MIDNIGHT = timedelta(seconds=1)


def judge_saas_invoice(told: Sequence[Told], around: Surroundings) -> Judgement:
    """What should be of an invoice by all that was said of it."""
    invoice, *again = of_types(told, "saas.invoiced")
    judgement = Judgement()
    judgement.findings += [
        _without_effect(each, "was told before with other content; what was told first stands")
        for each in again
        if each.data != invoice.data
    ]
    terms = around.terms(invoice.at)
    if terms is None:
        judgement.findings.append(_without_effect(invoice, f"waits: {not_known(invoice.data['operator_id'])}"))
        judgement.judged = _judged(invoice, MatterState.WAITING, 0)
        return judgement
    net, vat = invoice.minor("net"), invoice.minor("vat")
    invoice_id = invoice.data["invoice_id"]
    head = _head(invoice, KEY, invoice.at)
    judgement.bookings.append(SaasInvoiced(**head, invoice_id=invoice_id, net=net, vat=vat))
    if invoice.data["netting"]:
        head = _head(invoice, NETTED_KEY, invoice.at)
        netted = SaasNetted(**head, share=NETTED_KEY, matured=True, invoice_id=invoice_id, amount=net + vat)
        judgement.bookings.append(netted)
    earned = 0
    for month, at, amount in _months(invoice, net, terms):
        key = f"recognised:{month}"
        if not around.has_come(key, at):
            judgement.look_again(at)
            continue
        earned += amount
        head = _head(invoice, key, at)
        judgement.bookings.append(SaasRecognised(**head, invoice_id=invoice_id, amount=amount))
    judgement.judged = _judged(invoice, MatterState.BOOKED, earned)
    return judgement


def _months(invoice: Told, net: int, terms: Operator) -> Iterator[tuple[str, datetime, int]]:
    """The months of the period: name, when its part is earned, and how much that is; parts of nothing left out."""
    first, last = (date.fromisoformat(invoice.data[name]) for name in ("period_from", "period_to"))
    ends: list[date] = []
    days: list[int] = []
    day = first
    while day <= last:
        end = min(last, day.replace(day=monthrange(day.year, day.month)[1]))
        ends.append(end)
        days.append((end - day).days + 1)
        day = end + ONE_DAY
    for end, part in zip(ends, largest_remainder(net, days), strict=True):
        over = opens_at(end + ONE_DAY, terms.time_zone, time()) - _BEFORE_MIDNIGHT
        if part:
            yield f"{end:%Y-%m}", max(over, invoice.at), part


def _head(invoice: Told, key: str, at: datetime) -> Head:
    return {
        "key": key,
        "effective_at": at,
        "currency": invoice.data["net"]["currency"],
        "operator_id": invoice.data["operator_id"],
        "session_id": None,
    }


def _without_effect(invoice: Told, why: str) -> Finding:
    data = invoice.data
    return Finding(
        FindingKind.SAAS_INVOICE_WITHOUT_EFFECT,
        f"told:{invoice.source}:{invoice.id}",
        subject=data["invoice_id"],
        operator_id=data["operator_id"],
        since=invoice.at,
        sentence=f"invoice {data['invoice_id']} to operator {data['operator_id']} {why}",
        currency=data["net"]["currency"],
        amount=invoice.minor("net") + invoice.minor("vat"),
    )


def _judged(invoice: Told, state: MatterState, earned: int) -> MatterJudged:
    data, currency = invoice.data, invoice.data["net"]["currency"]
    net, vat = invoice.minor("net"), invoice.minor("vat")
    names = ("period_from", "period_to", "netting")
    details: dict[str, Any] = {name: data[name] for name in names}
    details |= {"net": format_minor(net, currency), "vat": format_minor(vat, currency)}
    details |= {"recognised": format_minor(earned, currency)}
    return MatterJudged(
        MatterKind.SAAS_INVOICE,
        data["invoice_id"],
        data["operator_id"],
        state,
        currency,
        net + vat,
        invoice.at,
        "",
        details=details,
    )
