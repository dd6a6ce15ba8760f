"""What golden files mean: streams keep their names, and engine and audit agree on when a fact acts."""

import pytest

from contracts.messages import MESSAGE_TYPES, Kind, items_of
from domain.calendar import instant
from domain.fact import Fact
from domain.payout.answers import parse_payout_fact
from domain.session.facts import FACT_PARSERS, parse_fact
from ledger.audit.streams import FACT_TYPES, NOT_READ
from tests.contracts.builders import Golden, accepted, inbound_golden

STREAMS = {
    "charging.charger.status_changed/v1-out-of-order": "evse:OP-1:EVSE-7-1",
    "location.published/v1-two-chargers": "location:OP-1:loc-7",
    "operator.changed/v1-commission": "operator:OP-1",
    "operator.registered/v1-routing-code": "operator:OP-2",
    "partner.registered/v1-pay-when-paid": "PARTNER:DE-ABC",
    "payment.settled/v1-two-payments": "settlement:acme-psp:ST-1",
    "payment.settled/v1-second-part": "settlement:acme-psp:ST-2\t2",
    "payouts.reopened/v1-one-operator": "operator:OP-1",
    "payouts.reopened/v1-all-operators": "payouts",
    "roaming.invoice_paid/v1-one-cdr": "invoice:DE-ABC:I-2026-03",
    "tariff.published/v1-energy": "tariff:OP-1:t-day",
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


def facts(golden: Golden) -> list[tuple[str, object, Fact]]:
    """The facts in a golden file as the engine reads them: type, data and fact."""
    message = accepted(golden.raw)
    if message.type not in MESSAGE_TYPES:
        return []  # A guard names it.
    items = list(items_of(message.type, message.id, message.data))
    found: list[tuple[str, object, Fact]] = [
        (item.type, item.data, parse_fact(item.type, item.data, message.source, item.id)) for item in items
    ]
    if message.type in FACT_PARSERS:
        found.append((message.type, message.data, parse_fact(message.type, message.data, message.source, message.id)))
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
def test_a_fact_acts_for_the_audit_when_it_does_for_the_engine(type_: str, data: dict[str, str], fact: Fact) -> None:
    assert type_ in FACT_TYPES, f"{type_} has no time for the audit: mend ledger/audit/streams.py"
    assert instant(data[FACT_TYPES[type_].acts_at]) == fact.at
