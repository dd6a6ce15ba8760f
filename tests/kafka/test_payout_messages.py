"""Payouts as they leave: all that is needed to pay them, in records that a broker takes, however many entries."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5
from xml.etree import ElementTree

import pytest

from consumers.outgoing import all_outgoing
from consumers.relay import drain
from contracts.outgoing import OUTBOUND_MODEL_OF
from domain.payout.content import content_hash
from domain.payout.events import PayoutCreated, PayoutKey
from ledger.events.codec import encode
from ledger.intake.outbox import PendingEvent
from projections.bank_file import NAMESPACE
from projections.export import export
from tests.kafka.reading import read_new
from tests.projections.builders import ACH_ACCOUNT, PLATFORM, created, payout_key
from tests.support.engine import Engine
from tests.support.events import captured, ended, event, operator, started, tariff
from wattledger.processor.errors import OrderRefused
from wattledger.processor.orders import Order, order_of, read

STREAM = UUID("00000000-0000-4000-8000-000000000007")
HALF_A_MEBIBYTE = 512 * 1024


def batch(entries: int, **others: Any) -> PayoutCreated:
    """A payout of so many entries."""
    ids = tuple(sorted(str(uuid5(STREAM, f"{number}")) for number in range(entries)))
    return replace(created(payout_key(), **others), entry_ids=ids)


def sent(payout: PayoutCreated) -> list[bytes]:
    """The records of a payout, each held against its contract."""
    pending = PendingEvent(1, "settlement.batches", "OP-1", STREAM, 1, *encode(payout), None)
    records = all_outgoing(pending)
    assert [each.value for each in all_outgoing(pending)] == [each.value for each in records]
    assert {(each.topic, each.key) for each in records} == {("settlement.batches", b"OP-1")}
    for each in records:
        told = json.loads(each.value)
        OUTBOUND_MODEL_OF[told["type"]].model_validate_json(each.value)
    return [each.value for each in records]


def read_by_a_processor(values: Iterable[bytes], **changed: Any) -> Order:
    """What a payout processor makes of the records of a payout, whose order somebody may have changed."""
    bodies = {told.part: told.body for told in map(read, values) if told is not None}
    return order_of(bodies.pop(0) | changed, list(bodies.values()))


@pytest.mark.parametrize(("entries", "records"), [(0, 1), (1, 1), (5_000, 1), (5_001, 2), (10_001, 3), (200_000, 21)])
def test_a_payout_of_any_number_of_entries_leaves_in_records_that_a_broker_takes(entries: int, records: int) -> None:
    payout = batch(entries)
    values = sent(payout)
    assert len(values) == records
    assert max(map(len, values)) < HALF_A_MEBIBYTE
    assert len({json.loads(value)["id"] for value in values}) == records
    assert read_by_a_processor(reversed(values)).entry_ids == payout.entry_ids


def test_a_payout_that_somebody_changed_on_the_way_is_seen() -> None:
    values = sent(batch(5_001))
    for name, changed in (("amount", {"amount": "99999.00", "currency": "EUR"}), ("execution_date", "2031-01-01")):
        with pytest.raises(OrderRefused, match="content_hash"):
            read_by_a_processor(values, **{name: changed})
    part = json.loads(values[1])
    part["data"]["entry_ids"].append(str(uuid4()))
    with pytest.raises(OrderRefused, match="content_hash"):
        read_by_a_processor([values[0], json.dumps(part).encode()])


def test_the_hash_tells_everything_that_an_approver_looks_at() -> None:
    payout = batch(3)
    others = [
        replace(payout, amount=payout.amount + 1),
        replace(payout, currency="SEK"),
        replace(payout, operator_id="OP-2"),
        replace(payout, entry_ids=payout.entry_ids[:2]),
        replace(payout, bank_account={**payout.bank_account, "iban": "NL02ABNA0123456789"}),
        replace(payout, bank_account={**payout.bank_account, "holder": "Somebody else"}),
        replace(payout, execution_date=payout.business_date),
        replace(payout, payout_id="another"),
    ]
    assert len({content_hash(each) for each in (payout, *others)}) == 1 + len(others)
    shuffled = replace(payout, entry_ids=payout.entry_ids[::-1])
    assert content_hash(shuffled) == content_hash(payout)


def network() -> list[dict[str, Any]]:
    """Three operators, one with a US account and one whose first account is closed, and a session of each."""
    first = PayoutKey("OP-3", "EUR", date(2026, 3, 2), 1).payout_id
    failed = {"payout_id": first.replace("-", ""), "at": "2026-03-03T09:00:00Z", "reason": "AC04"}
    another = {"holder": "Laadpunt Süd GmbH", "iban": "DE75512108001245126199"}
    told = [
        operator("OP-1", time_zone="UTC"),
        operator("OP-2", time_zone="UTC", bank_account=ACH_ACCOUNT),
        operator("OP-3", time_zone="UTC"),
        operator("OP-3", time_zone="UTC", changed=True, time="2026-03-03T12:00:00Z", bank_account=another),
        event("payout.failed", first, "2026-03-03T09:00:00Z", failed),
    ]
    for number in (1, 2, 3):
        told += [
            tariff(f"OP-{number}", f"T-{number}"),
            started(f"S-{number}", operator_id=f"OP-{number}", tariff_id=f"T-{number}"),
            ended(f"S-{number}", register_wh=20_000 + 100 * number),
            captured(f"S-{number}", amount="13.00"),
        ]
    return told


async def test_a_payout_processor_can_pay_from_the_topic_alone_what_the_bank_files_say(
    engine: Engine, database_url: str, client_options: dict[str, Any], tmp_path: Path
) -> None:
    await asyncio.to_thread(engine.feed, network())
    await asyncio.to_thread(engine.advance, "2026-03-06T00:00:00Z")
    async with read_new(client_options, ["settlement.batches"]) as reading:
        await asyncio.to_thread(drain, client_options, database_url)
        arrived = await asyncio.wait_for(reading.take(4), timeout=60)
    orders = [read_by_a_processor([each.value]) for each in arrived]
    await asyncio.to_thread(export, database_url, tmp_path, PLATFORM)
    files = {path.name: path.read_bytes() for path in (tmp_path / "batches").iterdir()}
    assert {order.bank_file for order in orders} == set(files)
    assert sorted(order.attempt for order in orders) == [1, 1, 1, 2]
    for name, content in files.items():
        document = ElementTree.fromstring(content)
        payments = {
            each.end_to_end_id: (str(each.amount), each.currency, each.account, each.execution_date)
            for each in orders
            if each.bank_file == name
        }
        assert payments == transfers(document)
        assert sum(Decimal(amount) for amount, *_ in payments.values()) == Decimal(text(document, "CtrlSum"))


def text(node: ElementTree.Element, name: str) -> str:
    return next(node.iter(f"{{{NAMESPACE}}}{name}")).text or ""


def transfers(document: ElementTree.Element) -> dict[str, tuple[str, str, str, str]]:
    """What a bank file pays: amount, currency, account and day, by EndToEndId."""
    found = {}
    for block in document.iter(f"{{{NAMESPACE}}}PmtInf"):
        for transfer in block.iter(f"{{{NAMESPACE}}}CdtTrfTxInf"):
            amount = next(transfer.iter(f"{{{NAMESPACE}}}InstdAmt"))
            account = next(transfer.iter(f"{{{NAMESPACE}}}CdtrAcct"))
            (number,) = (each.text.strip() for each in account.iter() if each.text and each.text.strip())
            day = text(block, "Dt")
            found[text(transfer, "EndToEndId")] = (amount.text or "", amount.get("Ccy") or "", number, day)
    return found
