"""What golden files mean: streams keep their names, and engine and audit agree on when a fact acts."""

import pytest

from contracts.messages import MESSAGE_TYPES, Kind, items_of
from domain.calendar import instant
from domain.fact import Fact, RecordedFact
from domain.matter.told import Told, told_of
from domain.payout.answers import parse_payout_fact
from domain.session.facts import FACT_PARSERS, parse_fact
from domain.wallet.balance import Move, move_of
from ledger.audit.streams import FACT_TYPES, NOT_READ
from tests.contracts.builders import Golden, accepted, inbound_golden

STREAMS = {
    "bank.entry_booked/v1-receipt": "bank-entry:BE-2BUKB4YJXLFWV3PVDXY73RYT",
    "bank.notice_given/v1-account-changed": "bank-notice:BN-CLXXTFQBONAPLINJYBBPRDBP",
    "bank.receipt_allocated/v1-whole": "bank-entry:BE-2BUKB4YJXLFWV3PVDXY73RYT",
    "bank.statement_told/v1-whole": "bank-statement:NL91ABNA0417164300:2026-064",
    "charging.charger.status_changed/v1-out-of-order": "evse:OP-1:EVSE-7-1",
    "charging.charger.heartbeat/v1-counted": "evse:OP-1:EVSE-7-1:2026-03-01",
    "charging.charger.outage_explained/v1-maintenance": "evse:OP-1:EVSE-7-1",
    "charging.charger.profile_answered/v1-accepted": "profile:2f5c1f0e-6f6f-5b7e-9a49-0a8f1f7f3f11",
    "site.limit_set/v1-two-circuits": "location:OP-1:loc-7",
    "site.load_measured/v1-import": "location:OP-1:loc-7:2026-03-01",
    "operator.cost_declared/v1-energy": "operator:OP-1",
    "operator.cash_declared/v1-balance": "operator:OP-1",
    "operator.notify_set/v1-mail": "operator:OP-1",
    "operator.notify_set/v1-webhook": "operator:OP-1",
    "adjustment.proposed/v1-credit": "adjustment:ADJ-1",
    "adjustment.approved/v1-plain": "adjustment:ADJ-1",
    "adjustment.rejected/v1-with-reason": "adjustment:ADJ-2",
    "write_off.proposed/v1-operator": "write_off:WO-1",
    "write_off.approved/v1-plain": "write_off:WO-1",
    "write_off.rejected/v1-with-reason": "write_off:WO-2",
    "reserve.held/v1-until": "hold:HOLD-1",
    "reserve.released/v1-part": "hold:HOLD-1",
    "operator.balance_funded/v1-plain": "balance_funded:OP-1:FUND-2026-03",
    "operator.balance_collected/v1-plain": "balance_collected:OP-1:RF18539007547034",
    "saas.invoiced/v1-netted": "saas_invoice:OP-1:SI-2026-0301",
    "fx.rate_published/v1-sek-eur": "fx_rate:SEK:EUR:2026-03-02",
    "fx.converted/v1-sek-eur": "fx_conversion:FX-2026-0007",
    "fx.executed/v1-sek-eur": "fx_deal:DEAL-4711",
    "supplier.paid/v1-foreign-operator": "supplier_payment:2220/FR-CPO:F-2026-118",
    "hub.invoiced/v1-month": "hub_invoice:HUB-1:H-2026-03",
    "period.closed/v1-waived": "period:2026-03",
    "period.reopened/v1-with-reason": "period:2026-03",
    "sweep.proposed/v1-plain": "sweep:SW-1",
    "sweep.approved/v1-plain": "sweep:SW-1",
    "sweep.executed/v1-plain": "sweep:SW-1",
    "vat.filed/v1-quarter": "vat_return:VAT-2026-1-DE",
    "vat.paid/v1-owed": "vat_return:VAT-2026-1-DE",
    "location.published/v1-two-chargers": "location:OP-1:loc-7",
    "operator.changed/v1-commission": "operator:OP-1",
    "operator.registered/v1-routing-code": "operator:OP-2",
    "partner.registered/v1-pay-when-paid": "PARTNER:DE-ABC",
    "payment.settled/v1-two-payments": "settlement:acme-psp:ST-1",
    "payment.settled/v1-second-part": "settlement:acme-psp:ST-2\t2",
    "operator.payouts_held/v1-account-holder": "operator:OP-1",
    "operator.payouts_released/v1-account-holder": "operator:OP-1",
    "bank_account.proposed/v1-iban": "operator:OP-1",
    "bank_account.confirmed/v1-iban": "operator:OP-1",
    "payee.verified/v1-no-match": "payee:OP-1",
    "finding.assigned/v1-with-note": "finding:5b0f3a4e-5f6c-5d0b-8f5e-3c1f9a7d2b60",
    "payee_checks.opted_out/v1-bulk": "payee-checks",
    "payee_checks.opted_in/v1-again": "payee-checks",
    "payouts.stopped/v1-gateway": "payouts",
    "payouts.resumed/v1-gateway": "payouts",
    "payout.instant_requested/v1-all-there-is": "operator:OP-1",
    "payout.instant_requested/v1-an-amount": "operator:OP-1",
    "payouts.reopened/v1-one-operator": "operator:OP-1",
    "payouts.reopened/v1-all-operators": "payouts",
    "roaming.invoice_paid/v1-one-cdr": "invoice:DE-ABC:I-2026-03",
    "roaming.invoice_issued/v1-one-cdr": "invoice-issued:DE-ABC:I-2026-03",
    "roaming.cdr_disputed/v1-in-part": "cdr-dispute:DE-ABC:DSP-1",
    "roaming.cdr_received/v1-foreign-operator": "received_cdr:FR-CPO:FR-CPO-4711",
    "roaming.dispute_closed/v1-lost": "cdr-dispute:DE-ABC:DSP-1",
    "tariff.published/v1-energy": "tariff:OP-1:t-day",
    "discount.published/v1-fixed": "discount:OP-1:D-WELCOME",
    "wallet.topped_up/v1-card": "wallet:W-1",
    "wallet.charged/v1-session": "wallet:W-1",
    "wallet.refunded/v1-part": "wallet:W-1",
    "wallet.closed/v1-rest": "wallet:W-1",
    "tariff.published/v1-partner-and-taxes": "tariff:OP-5:t-qc:DE-ABC",
    "tariff.rerating_ordered/v1-one-tariff": "rerating:OP-1:RO-2",
}


@pytest.mark.parametrize(("name", "stream"), STREAMS.items())
def test_a_stored_stream_keeps_its_name_for_ever(name: str, stream: str) -> None:
    message = accepted(next(golden.raw for golden in inbound_golden() if str(golden) == name))
    named = MESSAGE_TYPES[message.type].stream
    assert named is not None
    assert named(message.data) == stream


def test_every_stream_has_its_name_here() -> None:
    assert {name.partition("/")[0] for name in STREAMS} == {
        type_ for type_, row in MESSAGE_TYPES.items() if row.stream is not None
    }


def facts(golden: Golden) -> list[tuple[str, object, Fact | Told | Move]]:
    """The facts in a golden file as the engine reads them: type, data and fact."""
    message = accepted(golden.raw)
    if message.type not in MESSAGE_TYPES:
        return []  # A guard names it.
    items = list(items_of(message.type, message.id, message.data))
    found: list[tuple[str, object, Fact | Told | Move]] = [
        (item.type, item.data, parse_fact(item.type, item.data, message.source, item.id)) for item in items
    ]
    if message.type in FACT_PARSERS:
        found.append((message.type, message.data, parse_fact(message.type, message.data, message.source, message.id)))
    if MESSAGE_TYPES[message.type].kind in (Kind.OPERATOR_MATTER, Kind.BOOK_DECISION):
        recorded = RecordedFact(message.type, message.source, message.id, message.time, message.data)
        found.append((message.type, message.data, told_of(recorded)))
    if MESSAGE_TYPES[message.type].kind is Kind.WALLET:
        recorded = RecordedFact(message.type, message.source, message.id, message.time, message.data)
        found.append((message.type, message.data, move_of(recorded)))
    if MESSAGE_TYPES[message.type].kind is Kind.PAYOUT_FACT:
        found.append(
            (message.type, message.data, parse_payout_fact(message.type, message.data, message.source, message.id))
        )
    return found


FACTS = [
    pytest.param(type_, data, fact, id=f"{golden}-{fact.id}")
    for golden in inbound_golden()
    for type_, data, fact in facts(golden)
    if type_ not in NOT_READ
]


@pytest.mark.parametrize(("type_", "data", "fact"), FACTS)
def test_a_fact_acts_for_the_audit_when_it_does_for_the_engine(
    type_: str, data: dict[str, str], fact: Fact | Told | Move
) -> None:
    assert type_ in FACT_TYPES, f"{type_} has no time for the audit: mend ledger/audit/streams.py"
    assert instant(data[FACT_TYPES[type_].acts_at]) == fact.at
