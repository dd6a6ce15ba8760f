"""A remittance advice says one thing in each of its forms, to the cent, and what the bank made of the payout."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from api.advice_forms import MEDIA_TYPES, AdviceForm, advice_bytes
from contracts.bank.names import creditor_reference
from domain.money import format_minor
from ledger.database import Role, connect
from projections.advice_camt import advice_camt
from projections.documents.advice import advice_document
from projections.remittance import Remittance, remittance
from tests.support.iso20022 import parsed
from tests.support.surface import Client, serving


@pytest.fixture(scope="module")
def found(network_url: str) -> dict[str, Remittance]:
    """All payouts of the network, by their ids."""
    with connect(network_url, Role.AUDITOR) as connection, connection.cursor() as cursor:
        ids = [row[0] for row in cursor.execute("SELECT payout_id FROM projection.payouts ORDER BY payout_id")]
        read = {id_: remittance(cursor, id_) for id_ in ids}
    return {id_: each for id_, each in read.items() if each is not None}


@pytest.fixture(scope="module")
def client(network_url: str) -> Iterator[Client]:
    with serving(network_url) as client:
        yield client


def in_state(found: dict[str, Remittance], status: str, reason: str | None = None) -> Remittance:
    """A payout as its payee is told of it in a state."""
    each = max(found.values(), key=lambda each: len(each.waterfall.steps))
    payee = replace(each.payee, reason=reason)
    return replace(each, payout=replace(each.payout, status=status), payee=payee)


def rows(each: Remittance) -> list[dict[str, str]]:
    content = advice_bytes(each, AdviceForm.CSV, "").decode()
    return list(csv.DictReader(content.splitlines()))


def entries(each: Remittance) -> list[Any]:
    return list(parsed(advice_camt(each, "Wätt Platform")).bk_to_cstmr_dbt_cdt_ntfctn.ntfctn[0].ntry)


def test_each_form_adds_up_to_the_amount_of_the_payout(found: dict[str, Remittance]) -> None:
    assert len(found) > 70
    for each in found.values():
        amount = Decimal(format_minor(each.payout.amount, each.payout.currency))
        told = advice_document(each)
        assert sum(Decimal(step["amount"]) for step in told["waterfall"]) == amount == Decimal(told["amount"])
        beyond = Decimal(told["lines_left_out_sum"])
        assert sum((Decimal(line["amount"]) for line in told["lines"]), beyond) == amount
        listed = rows(each)
        for section in ("WATERFALL", "LINE"):
            of_section = [Decimal(row["amount"]) for row in listed if row["section"] == section]
            assert sum(of_section) == amount
        for entry in entries(each):
            (details,) = entry.ntry_dtls[0].tx_dtls
            (told_of,) = details.rmt_inf.strd
            signs = {"CRDT": 1, "DBIT": -1}
            steps = told_of.rfrd_doc_amt.adjstmnt_amt_and_rsn
            assert sum(step.amt.value * signs[step.cdt_dbt_ind.value] for step in steps) == amount
            assert entry.amt.value == details.amt.value == told_of.rfrd_doc_amt.rmtd_amt.value == amount


def test_a_list_that_is_cut_says_what_is_beyond_it_and_adds_up(found: dict[str, Remittance]) -> None:
    whole = max(found.values(), key=lambda each: len(each.lines))
    cut = replace(whole, lines=whole.lines[:3])
    told = advice_document(cut)
    assert told["lines_left_out"] == len(whole.lines) - 3
    amounts = [Decimal(row["amount"]) for row in rows(cut) if row["section"] == "LINE"]
    assert (len(amounts), sum(amounts)) == (4, Decimal(told["amount"]))


@pytest.mark.parametrize("reason", ["=cmd()", "\x0b AC", "ĄĆ04", "a" * 300])
def test_whatever_a_bank_says_of_a_return_leaves_forms_that_can_be_read(
    found: dict[str, Remittance], reason: str
) -> None:
    each = in_state(found, "RETURNED", reason)
    (details,) = entries(each)[1].ntry_dtls[0].tx_dtls
    assert details.rtr_inf.rsn.prtry or details.rtr_inf.rsn.cd
    assert not any(row["label"].startswith("=") for row in rows(each))


def test_each_form_has_the_reference_and_the_hash(found: dict[str, Remittance]) -> None:
    each = in_state(found, "PAID")
    reference = creditor_reference(each.payout.payout_id)
    assert len(each.payee.content_hash) == 64
    for form in (AdviceForm.JSON, AdviceForm.CSV, AdviceForm.CAMT054):
        content = advice_bytes(each, form, "Platform").decode()
        assert reference in content
        assert each.payee.content_hash in content
        assert content == advice_bytes(each, form, "Platform").decode()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("AWAITING_APPROVAL", []),
        ("REJECTED", []),
        ("FAILED", []),
        ("IN_TRANSIT", [("CRDT", "PDNG", None)]),
        ("PAID", [("CRDT", "BOOK", None)]),
        ("RETURNED", [("CRDT", "BOOK", None), ("DBIT", "BOOK", True)]),
    ],
)
def test_a_credit_notification_says_what_the_bank_made_of_it(
    found: dict[str, Remittance], status: str, expected: list[Any]
) -> None:
    told = entries(in_state(found, status, "AC04"))
    assert [(each.cdt_dbt_ind.value, each.sts.cd, each.rvsl_ind) for each in told] == expected


@pytest.mark.parametrize(("reason", "form"), [("AC04", "cd"), ("account closed by its holder", "prtry")])
def test_a_return_is_shown_in_each_form(found: dict[str, Remittance], reason: str, form: str) -> None:
    each = in_state(found, "RETURNED", reason)
    assert advice_document(each)["returned"]["reason"] == reason
    assert [row["label"] for row in rows(each) if row["code"] == "returned"] == [reason]
    (details,) = entries(each)[1].ntry_dtls[0].tx_dtls
    assert getattr(details.rtr_inf.rsn, form) == reason


def test_the_resource_gives_each_form_with_the_account_masked(client: Client, found: dict[str, Remittance]) -> None:
    each = next(iter(found.values()))
    id_ = each.payout.payout_id
    for form, ending in (
        (AdviceForm.CSV, "csv"),
        (AdviceForm.JSON, "json"),
        (AdviceForm.CAMT054, "camt054.xml"),
    ):
        answer = client.get(f"/v1/payouts/{id_}/advice.{ending}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(MEDIA_TYPES[form])
        assert answer.headers["content-disposition"] == f'inline; filename="advice-{id_}.{ending}"'
        assert each.payee.account in answer.text
        again = client.get(f"/v1/payouts/{id_}/advice.{ending}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.as_("processor").get(f"/v1/payouts/{id_}/advice.{ending}").status_code == 403
    assert client.get("/v1/payouts/nobody/advice.json").status_code == 404
