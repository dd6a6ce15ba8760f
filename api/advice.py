"""Remittance advice as a tagged PDF: the same payout in the same state gives the same bytes."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from api.typesetting import Part, as_shown, column, day_text, moment_text, money, part, pdf_of, when_text
from contracts.bank.names import creditor_reference
from domain.calendar import zone
from domain.payout.events import PayoutStatus
from projections.documents.payout_explained import LABELS, SENTENCES
from projections.payout_excluded import Reason
from projections.remittance import Remittance

_STATES: Mapping[str, str] = {
    PayoutStatus.AWAITING_APPROVAL: "Awaits approval, not sent",
    PayoutStatus.IN_TRANSIT: "On its way",
    PayoutStatus.PAID: "Paid",
    PayoutStatus.FAILED: "Failed, not paid",
    PayoutStatus.RETURNED: "Came back",
}
_KINDS = {
    "J01": "Card session",
    "J01f": "Payment failed",
    "J02": "Commission",
    "J04": "Payment fee",
    "J06": "Charging session",
    "J06r": "Charging session",
    "J13": "Roaming session",
    "J14": "Commission",
    "J18": "Roaming dispute",
    "J19": "Roaming dispute won",
    "J20": "Roaming dispute lost",
    "J21": "Correction",
    "J24h": "Home charging",
    "J25": "Refund",
    "J26": "Refund",
    "J27": "Chargeback",
    "J28r": "Chargeback fee",
    "J29": "Chargeback won",
    "J30": "Chargeback fee",
    "J31": "Reserve held",
    "J32": "Reserve given back",
    "J45": "Adjustment",
    "J46": "Adjustment",
    "J59": "Correction",
}


def advice_pdf(found: Remittance, platform: str) -> bytes:
    """The PDF. Raises NotTypeset."""
    return pdf_of(advice(found, platform))


def advice(found: Remittance, platform: str) -> dict[str, Any]:
    """What the template is given: every text as it is to stand there."""
    payout, payee = found.payout, found.payee
    local = zone(payee.time_zone)
    amount = f"{money(payout.amount, payout.currency)} {payout.currency}"
    day = day_text(payout.business_date)
    state = _STATES.get(payout.status, payout.status.capitalize())
    told: dict[str, Any] = as_shown(
        {
            "title": f"Remittance advice {payout.payout_id}",
            "platform": platform,
            "keywords": [payout.payout_id, payout.operator_id],
            "status": state,
            "heading": "Remittance advice",
            "sentence": f"To {found.operator_name}, for the business date {day}",
            "amount": {"label": f"{state}, {when_text(payee.status_at, local)}", "value": amount},
            "facts": [_payee_facts(found), _payment_facts(found, local)],
            "parts": [_waterfall(found), *_taxes(found), _owed(found), *_late(found), _lines(found, local)],
            "footer": f"Payout {payout.payout_id} of {payout.operator_id}, {day}, {amount}",
        }
    )
    return told


def _payee_facts(found: Remittance) -> list[tuple[str, str]]:
    payee = found.payee
    return [
        ("Operator", f"{found.operator_name} ({found.payout.operator_id})"),
        ("Account holder", payee.holder),
        ("Account", payee.account),
        ("Payment on", day_text(payee.execution_date)),
    ]


def _payment_facts(found: Remittance, local: ZoneInfo) -> list[tuple[str, str]]:
    payout = found.payout
    attempt = {1: "First attempt"}.get(payout.attempt, f"Attempt {payout.attempt}, instead of {payout.reissue_of}")
    facts = [
        ("Payout", payout.payout_id),
        ("Reference at the bank (EndToEndId)", payout.payout_id.replace("-", "")),
        ("Creditor reference (ISO 11649)", creditor_reference(payout.payout_id)),
        ("Hash of its content (SHA-256)", found.payee.content_hash),
        ("Run", when_text(payout.fired_at, local)),
        ("Attempt", attempt),
    ]
    if found.payee.reason:
        facts.append(("The bank's reason", found.payee.reason))
    return facts


def _waterfall(found: Remittance) -> Part:
    currency = found.payout.currency
    rows = [
        [LABELS[step.code], str(step.entries) if step.entries else "", money(step.amount, currency)]
        for step in found.waterfall.steps
    ]
    total = ["Amount of the payout", "", money(found.payout.amount, currency)]
    columns = [column("Step", wide=True), column("Entries", right=True), column(f"Amount, {currency}", right=True)]
    return part("From gross to net", columns, rows, total=total)


def _taxes(found: Remittance) -> list[Part]:
    if found.taxes is None:
        note = (
            "The VAT of these sessions is on their CDRs: some were rated anew, or are paid in more than one payout."
        )
        return [part("Taxes within", note=note)]
    currency = found.payout.currency
    rows = [
        ["VAT within the gross of the sessions", money(found.taxes.of_gross, currency)],
        ["VAT within the commission", money(-found.taxes.of_commission, currency)],
    ]
    return [part("Taxes within", [column("Of what", wide=True), column(f"Amount, {currency}", right=True)], rows)]


def _owed(found: Remittance) -> Part:
    """What was owed when the run fired, less what this payout leaves out and keeps, is what it pays."""
    payout, currency = found.payout, found.payout.currency
    rows = [["Owed when the run fired", "", "", money(found.excluded.payable_before, currency)]]
    for each in found.excluded.excluded:
        with_ = day_text(each.available_on) if each.available_on else each.set_aside_for or ""
        rows.append([_not_in_it(each.reason), str(each.entries), with_, money(-each.amount, currency)])
    if payout.reserve:
        rows.append(["Kept as reserve", "", "", money(-payout.reserve, currency)])
    columns = [
        column("What was owed, and what is carried to later payouts", wide=True),
        column("Entries", right=True),
        column("Comes with"),
        column(f"Amount, {currency}", right=True),
    ]
    total = ["Amount of the payout", "", "", money(payout.amount, currency)]
    note = None
    if found.carried is not None and found.carried.entries:
        note = (
            f"Of this, {money(found.carried.amount, currency)} {currency} ({_entries(found.carried.entries)}) "
            f"was owed already when the run for {day_text(found.carried.since)} fired, and carried over."
        )
    return part("Carried in and out", columns, rows, total, note)


def _not_in_it(reason: Reason) -> str:
    sentence = SENTENCES[reason]
    return sentence if reason is Reason.PAID_AGAIN else f"Not in it: {sentence[0].lower()}{sentence[1:]}"


def _late(found: Remittance) -> list[Part]:
    late, currency = found.excluded.late, found.payout.currency
    if not late:
        return []
    sum_ = money(sum(each.amount for each in late), currency)
    note = (
        f"Told after this run though effective before it: {_entries(len(late))}, {sum_} {currency}, for a later run."
    )
    return [part("Told later", note=note)]


def _lines(found: Remittance, local: ZoneInfo) -> Part:
    payout, currency = found.payout, found.payout.currency
    rows = [
        [
            moment_text(line.effective_at, local),
            _KINDS.get(line.kind, "Other"),
            line.kind,
            line.session_id or "",
            money(line.amount, currency),
        ]
        for line in sorted(found.lines, key=lambda line: (line.effective_at, line.session_id or "", line.kind))
    ]
    shown = sum(line.amount for line in found.lines)
    rest = payout.entries - len([line for line in found.lines if line.entry_id])
    if rest > 0:
        rows.append([f"{_entries(rest)} more", "", "", "", money(payout.amount - shown, currency)])
    columns = [
        column("Time"),
        column("What"),
        column("Kind"),
        column("Session", wide=True, code=True),
        column(f"Amount, {currency}", right=True),
    ]
    note = f"Times are those of {local.key}."
    if rest > 0:
        note += f" The first {len(found.lines):,} of {payout.entries:,}; all are in the list of the payout's lines."
    return part("Entries", columns, rows, ["Sum", "", "", "", money(payout.amount, currency)], note)


def _entries(count: int) -> str:
    return f"{count:,} {'entry' if count == 1 else 'entries'}"
