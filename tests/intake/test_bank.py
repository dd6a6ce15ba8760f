"""What banks have booked, in the book: receipts that were told of, money that nobody knows, charges, and findings."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from projections.all_findings import all_findings
from projections.documents.findings import finding_document
from projections.freshness import up_to_date
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import event, partner

ACCOUNT = "DE89370400440532013000"
DAY = "2026-03-04T00:00:00Z"
Event = dict[str, Any]


def line(reference: str = "BE-1", amount: str = "100.00", direction: str = "CREDIT", **told: Any) -> Event:
    """A line of an entry, UNALLOCATED if nothing else is said."""
    at = told.pop("at", DAY)
    data = {
        "account": ACCOUNT,
        "entry_reference": reference,
        "booked_at": at,
        "amount": {"amount": amount, "currency": told.pop("currency", "EUR")},
        "direction": direction,
        "purpose": told.pop("purpose", "UNALLOCATED"),
        **told,
    }
    return event("bank.entry_booked", ACCOUNT, at, data, reference)


def settled(net: str = "100.00", id_: str = "ST-77", **told: Any) -> Event:
    """A settlement of a provider, a sum without lines."""
    data: Event = {"settlement_id": id_, "provider": "acme-psp", "settled_at": "2026-03-03T09:00:00Z", "items": []}
    data |= {"net": {"amount": net, "currency": "EUR"}} | told
    return event("payment.settled", "acme-psp", data["settled_at"], data, f"{id_}:{told.get('part')}")


def paid(amount: str = "100.00", id_: str = "I-2026-03") -> Event:
    """A partner's invoice that is said to be paid."""
    data: Event = {"invoice_id": id_, "partner": "DE-ABC", "cdr_ids": ["C-1"], "paid_at": "2026-03-03T09:00:00Z"}
    data |= {"amount": {"amount": amount, "currency": "EUR"}}
    return event("roaming.invoice_paid", "DE-ABC", "2026-03-03T09:00:00Z", data, id_)


def allocated(amount: str = "100.00", reference: str = "BE-1", invoice: str = "I-2026-03", id_: str = "A-1") -> Event:
    """A person's decision whose money a line is."""
    at = "2026-03-09T08:00:00Z"
    data: Event = {"entry_reference": reference, "invoice_id": invoice, "partner": "DE-ABC", "at": at}
    data |= {"amount": {"amount": amount, "currency": "EUR"}, "reason": "they say so", "by": "m.ortega"}
    return event("bank.receipt_allocated", reference, at, data, id_)


def listed(engine: Engine, *kinds: str) -> list[tuple[str, str, str | None]]:
    """What is open of some kinds: kind, subject and amount."""
    with up_to_date(engine.dsn) as connection, connection.cursor() as cursor:
        found = [finding_document(row) for row in all_findings(cursor)]
    return [(f["kind"], f["subject"], f["amount"] and f["amount"]["amount"]) for f in found if f["kind"] in kinds]


def sound(engine: Engine) -> None:
    """Nothing fails in the audit, read models included."""
    with up_to_date(engine.dsn):
        pass
    failed = verify(engine.dsn).failed
    assert [finding.sentence for check in failed for finding in check.findings] == []


def in_any_order(engine: Engine, events: Sequence[Event], expected: dict[str, int]) -> None:
    """The same balances, told one by one and doubled."""
    for each in events:
        engine.feed([each, each])
    assert engine.balances() == expected
    sound(engine)


def test_money_that_nobody_knows_is_unallocated_and_listed_with_its_age(engine: Engine) -> None:
    engine.feed([line()])
    assert engine.balances() == {"1010 EUR": 10000, "2410/BE-1 EUR": -10000}
    assert engine.journal_kinds() == ["J55"]
    assert listed(engine, "RECEIPT_UNALLOCATED") == [("RECEIPT_UNALLOCATED", "BE-1", "-100.00")]
    sound(engine)


def test_money_that_left_and_nobody_knows_is_a_finding_of_its_own(engine: Engine) -> None:
    engine.feed([line(direction="DEBIT")])
    assert engine.balances() == {"1010 EUR": -10000, "2410/BE-1 EUR": 10000}
    assert listed(engine, "BANK_DEBIT_UNKNOWN", "RECEIPT_UNALLOCATED") == [("BANK_DEBIT_UNKNOWN", "BE-1", "100.00")]
    sound(engine)


def test_a_charge_is_the_platforms_and_one_given_back_too(engine: Engine) -> None:
    engine.feed([line(direction="DEBIT", purpose="CHARGE", amount="4.50")])
    assert engine.balances() == {"5090 EUR": 450, "1020 EUR": -450}
    engine.feed([line("BE-2", purpose="CHARGE", amount="1.50")])
    assert engine.balances() == {"5090 EUR": 300, "1020 EUR": -300}
    assert engine.journal_kinds() == ["J37", "J37"]
    sound(engine)


@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize(
    ("told", "account", "texts"),
    [
        (settled(), "1110/acme-psp EUR", {"remittance": "ACME PSP settlement ST-77, 3 March"}),
        (settled(id_="PO 2026/0303"), "1110/acme-psp EUR", {"end_to_end_id": "PO2026-0303"}),
        (paid(), "1210/DE-ABC EUR", {"remittance": "Rechnung I-2026-03 vom 1.3."}),
    ],
)
def test_what_was_told_of_is_not_booked_twice(
    engine: Engine, told: Event, account: str, texts: Event, turn: int
) -> None:
    in_any_order(engine, [told, line(**texts)][:: -1 if turn else 1], {"1010 EUR": 10000, account: -10000})
    assert listed(engine, "RECEIPT_UNALLOCATED", "BANK_RECEIPT_DIFFERS") == []


@pytest.mark.parametrize("order", list(permutations(range(3)))[::2])
def test_one_reference_for_two_real_lines_leaves_the_second_to_nobody(engine: Engine, order: Sequence[int]) -> None:
    """It is the second by its own day, whichever was told first."""
    events = [
        settled(),
        line("BE-1", remittance="ST-77", at="2026-03-05T00:00:00Z"),
        line("BE-2", remittance="ST-77", at="2026-03-04T00:00:00Z"),
    ]
    expected = {"1010 EUR": 20000, "1110/acme-psp EUR": -10000, "2410/BE-1 EUR": -10000}
    in_any_order(engine, [events[place] for place in order], expected)


@pytest.mark.parametrize("order", list(permutations(range(4)))[::7])
def test_a_settlement_in_parts_may_come_in_other_sums(engine: Engine, order: Sequence[int]) -> None:
    events = [
        settled("60.00", part=1, parts=2),
        settled("40.00", part=2, parts=2),
        line("BE-1", "30.00", remittance="ST-77"),
        line("BE-2", "70.00", remittance="ST-77 rest"),
    ]
    in_any_order(engine, [events[place] for place in order], {"1010 EUR": 10000, "1110/acme-psp EUR": -10000})


def test_one_transfer_for_two_invoices_is_both(engine: Engine) -> None:
    events = [paid("60.00", "I-2026-03"), line(remittance="I-2026-03 and I-2026-04"), paid("40.00", "I-2026-04")]
    in_any_order(engine, events, {"1010 EUR": 10000, "1210/DE-ABC EUR": -10000})


def test_less_than_was_told_is_a_finding_until_the_rest_comes(engine: Engine) -> None:
    engine.feed([settled(), line(amount="95.00", remittance="ST-77")])
    assert engine.balances() == {"1010 EUR": 10000, "1110/acme-psp EUR": -10000}
    assert listed(engine, "BANK_RECEIPT_DIFFERS") == [("BANK_RECEIPT_DIFFERS", "BE-1", "5.00")]
    sound(engine)
    engine.feed([line("BE-2", amount="5.00", remittance="ST-77", at="2026-03-05T00:00:00Z")])
    assert listed(engine, "BANK_RECEIPT_DIFFERS") == []
    sound(engine)


def test_what_a_provider_takes_back_is_matched_as_well(engine: Engine) -> None:
    in_any_order(
        engine,
        [settled("-20.00"), line(amount="20.00", direction="DEBIT", remittance="ST-77")],
        {"1010 EUR": -2000, "1110/acme-psp EUR": 2000},
    )


def test_nothing_is_matched_by_its_amount_or_by_a_short_number_alone(engine: Engine) -> None:
    in_any_order(
        engine,
        [settled(id_="12345"), line(remittance="sent on 12345 Main Street")],
        {"1010 EUR": 20000, "1110/acme-psp EUR": -10000, "2410/BE-1 EUR": -10000},
    )


def test_another_currency_is_another_receipt(engine: Engine) -> None:
    engine.feed([settled(), line(remittance="ST-77", currency="CHF")])
    assert engine.balances()["2410/BE-1 CHF"] == -10000
    sound(engine)


@pytest.mark.parametrize("order", list(permutations(range(4)))[::7])
def test_a_batch_gives_way_to_its_details_whichever_report_came_first(engine: Engine, order: Sequence[int]) -> None:
    """camt.053 has the sum, or one detail in its place, camt.054 what it is made of."""
    events = [
        line("BE-1", "300.00"),
        line("BE-1.1", "300.00"),
        line("BE-1.4AAAAAAAA", "200.00"),
        line("BE-1.4BBBBBBBB", "100.00", purpose="PAYOUT"),
    ]
    in_any_order(engine, [events[place] for place in order], {"1010 EUR": 20000, "2410/BE-1.4AAAAAAAA EUR": -20000})


def test_details_that_do_not_add_up_are_a_finding_and_the_rest_is_nobodys(engine: Engine) -> None:
    engine.feed([line("BE-1.4AAAAAAAA", "90.00"), line("BE-1.4RRRRRRRR", "10.00", purpose="REMAINDER")])
    assert engine.balances()["1010 EUR"] == 10000
    assert listed(engine, "BANK_DETAILS_DIFFER") == [("BANK_DETAILS_DIFFER", "BE-1.4RRRRRRRR", "10.00")]
    sound(engine)


@pytest.mark.parametrize("order", list(permutations(range(3)))[::2])
def test_a_person_allocates_what_nobody_knew_and_no_more(engine: Engine, order: Sequence[int]) -> None:
    events = [line(), allocated("60.00"), allocated("60.00", id_="A-2")]
    engine.feed([partner()])
    expected = {"1010 EUR": 10000, "1210/DE-ABC EUR": -6000, "2410/BE-1 EUR": -4000}
    in_any_order(engine, [events[place] for place in order], expected)
    refused = engine.rows("SELECT state FROM event_store.stored_events WHERE topic = 'DecisionRefused'")
    assert "there are no 60.00 EUR left for invoice I-2026-03" in bytes(refused[-1][0]).decode()


@pytest.mark.parametrize("order", list(permutations(range(3)))[::2])
def test_an_invoice_told_after_it_was_allocated_takes_the_place_of_that(engine: Engine, order: Sequence[int]) -> None:
    events = [line(), allocated(), paid()]
    engine.feed([partner()])
    in_any_order(engine, [events[place] for place in order], {"1010 EUR": 10000, "1210/DE-ABC EUR": -10000})


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_nothing_is_allocated_to_a_partner_that_nobody_has_registered(engine: Engine, order: Sequence[int]) -> None:
    events = [line(), allocated("60.00"), partner(time="2026-03-20T00:00:00Z")]
    told = [events[place] for place in order]
    engine.feed([each for each in told if each is not events[2]])
    assert engine.balances() == {"1010 EUR": 10000, "2410/BE-1 EUR": -10000}
    (state,) = engine.rows("SELECT state FROM event_store.stored_events WHERE topic = 'DecisionRefused'")
    assert "roaming partner DE-ABC is not registered: it counts once it is" in bytes(state[0]).decode()
    sound(engine)
    in_any_order(engine, told, {"1010 EUR": 10000, "1210/DE-ABC EUR": -6000, "2410/BE-1 EUR": -4000})
    assert engine.rows("SELECT * FROM intake.bank_allocation") == []


def statement(number: int | None, opening: str = "0.00", closing: str = "5.00", entries: str = "5.00") -> Event:
    """A statement of the account."""
    day = f"2026-03-{number or 1:02}T21:00:00Z"
    data: Event = {"account": ACCOUNT, "statement_id": f"S-{number}", "told_at": day, "count": 1}
    sums = {"opening": opening, "closing": closing, "entries": entries}
    data |= {name: {"amount": amount, "currency": "EUR"} for name, amount in sums.items()}
    if number is not None:
        data["number"] = number
    return event("bank.statement_told", ACCOUNT, day, data, f"S-{number}:{closing}")


def test_a_statement_that_does_not_add_up_is_a_finding(engine: Engine) -> None:
    engine.feed([statement(1), statement(2, closing="7.00")])
    assert listed(engine, "BANK_STATEMENT_DIFFERS") == [("BANK_STATEMENT_DIFFERS", "S-2", "2.00")]
    sound(engine)


@pytest.mark.parametrize("order", list(permutations((3, 4, 8)))[::2])
def test_statements_that_are_missing_are_a_finding_until_they_are_imported(
    engine: Engine, order: Sequence[int]
) -> None:
    for number in order:
        engine.feed([statement(number)])
    assert listed(engine, "BANK_STATEMENT_MISSING") == [("BANK_STATEMENT_MISSING", ACCOUNT, None)]
    engine.feed([statement(5), statement(7)])
    assert listed(engine, "BANK_STATEMENT_MISSING") == [("BANK_STATEMENT_MISSING", ACCOUNT, None)]
    engine.feed([statement(6)])
    assert listed(engine, "BANK_STATEMENT_MISSING") == []
    sound(engine)


@pytest.mark.parametrize(
    ("kind", "finding"),
    [
        ("ACCOUNT_CHANGED", "ACCOUNT_CORRECTION"),
        ("ORDER_UNKNOWN", "BANK_ANSWER_UNKNOWN"),
        ("DUPLICATE_ORDER", "BANK_ORDER_DUPLICATE"),
        ("RETURN_DISPUTED", "BANK_RETURN_DISPUTED"),
    ],
)
def test_what_a_bank_gives_notice_of_is_a_finding(engine: Engine, kind: str, finding: str) -> None:
    data = {"notice_id": "BN-1", "account": "ACH-1", "kind": kind, "at": DAY, "reference": "0210", "reason": "C01"}
    engine.feed([event("bank.notice_given", "ACH-1", DAY, data, "BN-1")])
    assert listed(engine, finding) == [(finding, "0210", None)]
    sound(engine)
