"""Forms that other systems write: times, IBANs and currencies that are read, and kept in one form."""

from typing import Any

import pytest

from contracts.decode import decode_event
from contracts.messages import partition_key
from contracts.refusal import Refusal, RefusalCode
from contracts.tariff_check import event_faults
from tests.contracts.builders import accepted, as_binary, as_value, changed, golden_event, inbound_golden, refused

OPERATOR = "operator.registered/v1-iban"
TARIFF = "tariff.published/v1-everything"


def first_of(type_: str) -> str:
    """The name of a golden event of a type."""
    return next(str(golden) for golden in inbound_golden() if str(golden).startswith(f"{type_}/"))


READ_AT = first_of("charging.session.metered")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2026-03-02t10:00:00z", "2026-03-02T10:00:00Z"),
        ("2026-03-02 10:00:00Z", "2026-03-02T10:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2017-01-01t00:59:60.5+01:00", "2017-01-01T00:00:00.500000Z"),
        ("2026-03-02T10:00:00.1234567891234z", "2026-03-02T10:00:00.123456Z"),
        ("2026-03-02T10:00:00-00:00", "2026-03-02T10:00:00-00:00"),
    ],
)
def test_every_form_of_a_time_is_read_and_kept_in_one(written: str, kept: str) -> None:
    event = changed(READ_AT, "time", written)
    event["data"]["read_at"] = written
    message = accepted(as_value(event))
    assert message.data["read_at"] == kept
    assert message.time == accepted(as_value(changed(READ_AT, "time", kept))).time
    assert accepted(*as_binary(event)).time == message.time


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02T10:00:61Z",
        "2026-02-30 10:00:00Z",
        "2026-03-02T24:00:00z",
        "2026-03-02T10:00z",
        "2026-03-02 10:00",
    ],
)
def test_what_is_no_time_of_rfc_3339_is_refused(written: str) -> None:
    refusal = refused(as_value(changed(READ_AT, "data.read_at", written)))
    assert (refusal.code, refusal.path) == (RefusalCode.BAD_VALUE, "data.read_at")
    assert written in refusal.sentence


def test_a_time_is_no_time_where_none_belongs() -> None:
    refusal = refused(as_value(changed(READ_AT, "data.register_wh", "2026-03-02 10:00:00Z")))
    assert refusal.path == "data.register_wh"


@pytest.mark.parametrize(
    "written", ["NL91 ABNA 0417 1643 00", "nl91abna0417164300", " NL91ABNA0417164300 ", "Nl91 abna 0417 1643 00"]
)
def test_an_iban_is_kept_without_spaces_in_capitals(written: str) -> None:
    message = accepted(as_value(changed(OPERATOR, "data.bank_account.iban", written)))
    assert message.data["bank_account"]["iban"] == "NL91ABNA0417164300"


def test_an_iban_with_wrong_check_digits_is_taken() -> None:
    accepted(as_value(changed(OPERATOR, "data.bank_account.iban", "NL92 ABNA 0417 1643 00")))


def test_another_fault_beside_such_a_form_is_the_one_that_is_told() -> None:
    event = changed(OPERATOR, "data.bank_account.iban", "NL91 ABNA 0417 1643 00")
    event["data"]["currency"] = "EURO"
    refusal = refused(as_value(event))
    assert (refusal.path, "more to mend" in refusal.sentence) == ("data.currency", False)


def test_the_event_that_came_is_left_as_it_was() -> None:
    event = changed(OPERATOR, "data.bank_account.iban", "NL91 ABNA 0417 1643 00")
    assert not isinstance(decode_event(event), Refusal)
    assert event["data"]["bank_account"]["iban"] == "NL91 ABNA 0417 1643 00"


def test_the_linter_reads_such_forms_too() -> None:
    assert event_faults(changed(TARIFF, "data.effective_from", "2025-12-31 23:59:60z")) == []


@pytest.mark.parametrize(("currency", "amount"), [("BGN", "12.34"), ("HRK", "90.00"), ("BYR", "25000")])
def test_a_currency_that_was_withdrawn_is_known(currency: str, amount: str) -> None:
    event: dict[str, Any] = golden_event(first_of("payment.captured"))
    event["data"]["amount"] = {"amount": amount, "currency": currency}
    event["data"]["fee"] = {"amount": "0", "currency": currency}
    assert accepted(as_value(event)).data["amount"] == {"amount": amount, "currency": currency}


@pytest.mark.parametrize("currency", ["XAU", "XTS", "XEU", "EURO", "bgn"])
def test_what_nobody_can_be_paid_in_is_refused(currency: str) -> None:
    event = golden_event(first_of("payment.captured"))
    event["data"]["amount"]["currency"] = currency
    assert refused(as_value(event)).path == "data.amount.currency"


PAYOUT_ID = "5a7a9bd2-7a7c-5c0e-8e5e-2f6f1a2b3c4d"


@pytest.mark.parametrize(
    "type_", ["payout.accepted", "payout.paid", "payout.failed", "payout.returned", "payout.retried"]
)
@pytest.mark.parametrize(
    "written", [PAYOUT_ID, PAYOUT_ID.replace("-", ""), PAYOUT_ID.upper(), PAYOUT_ID.replace("-", "").upper()]
)
def test_a_payout_is_known_by_its_id_in_every_form(type_: str, written: str) -> None:
    event = changed(first_of(type_), "data.payout_id", written)
    message = accepted(as_value(event))
    assert message.data["payout_id"] == partition_key(message) == PAYOUT_ID
    assert accepted(*as_binary(event)).data["payout_id"] == PAYOUT_ID


@pytest.mark.parametrize("written", ["PO-7", "5A7A9BD2-7A7C", "5a7a9bd27a7c-5c0e-8e5e-2f6f1a2b3c4d", "X" * 32])
def test_what_is_no_uuid_is_kept_as_the_id_it_is(written: str) -> None:
    assert (
        accepted(as_value(changed(first_of("payout.paid"), "data.payout_id", written))).data["payout_id"] == written
    )
