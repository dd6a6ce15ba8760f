"""Entries of accounts as events: payouts, charges, details, reversals, and the ids that make one booking one."""

from decimal import Decimal
from pathlib import Path

import pytest

from contracts.bank.names import ids_of, individual_id
from contracts.bank.values import Refused
from tests.bank.files import (
    IN_FILE,
    PAYOUT,
    Orders,
    balance,
    brief,
    camt,
    detail,
    entry,
    events_of,
    told,
    written,
)
from tests.bank.files import text_of as words

STATEMENT = ("bank.statement_told",)


def lines(path: Path, *entries: str, version: str = "08") -> list[tuple[str, ...]]:
    """What entries of a notification come to."""
    return brief(events_of(path, camt(*entries, message="054", version=version)))


def test_a_booked_debit_that_names_a_payout_paid_it(tmp_path: Path) -> None:
    found = events_of(tmp_path, camt(entry("100.00", "DBIT", detail("100.00", EndToEndId=IN_FILE), ref="R-1")))
    assert brief(found) == [("PAYOUT", "-100.00"), ("payout.paid", "100.00"), STATEMENT]
    assert found[1]["data"] == {
        "payout_id": PAYOUT,
        "at": "2026-03-04T00:00:00Z",
        "bank_reference": "R-1",
        "amount": {"amount": "100.00", "currency": "EUR"},
    }


@pytest.mark.parametrize("refs", [{"InstrId": PAYOUT}, {"EndToEndId": IN_FILE.upper()}, {"TxId": IN_FILE}])
def test_a_payout_is_named_by_its_id_in_any_form(tmp_path: Path, refs: dict[str, str]) -> None:
    assert lines(tmp_path, entry("1.00", "DBIT", detail(**refs)))[1] == ("payout.paid", "1.00")


def test_a_payout_is_named_in_words_where_the_ids_were_lost(tmp_path: Path) -> None:
    found = lines(tmp_path, entry("1.00", "DBIT", detail(EndToEndId="NOTPROVIDED", rest=words(f"x {IN_FILE} y"))))
    assert found == [("PAYOUT", "-1.00"), ("payout.paid", "1.00")]


def test_what_is_pending_is_progress_at_most(tmp_path: Path) -> None:
    pending = entry("1.00", "DBIT", detail(EndToEndId=IN_FILE), status="PDNG")
    assert lines(tmp_path, pending, entry("5.00", status="PDNG")) == [("payout.accepted", "")]


def test_a_credit_that_names_a_payout_is_its_return_with_the_banks_reason_and_what_came_back(tmp_path: Path) -> None:
    back = detail("100.00", EndToEndId=IN_FILE, rest="<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>")
    assert lines(tmp_path, entry("98.50", "CRDT", back)) == [
        ("PAYOUT", "98.50"),
        ("payout.returned", "98.50", "AC04"),
    ]


def test_a_return_without_a_code_has_its_reason_in_words(tmp_path: Path) -> None:
    assert lines(tmp_path, entry("1.00", "CRDT", detail(EndToEndId=IN_FILE)))[1] == (
        "payout.returned",
        "1.00",
        "NARR",
    )


def test_an_id_that_another_system_made_up_is_no_payout_of_ours_where_money_comes(tmp_path: Path) -> None:
    other = "0f8fad5bd9cb469fa16570867728950e"
    assert lines(tmp_path, entry("1.00", "CRDT", detail(EndToEndId=other))) == [("UNALLOCATED", "1.00")]


@pytest.mark.parametrize("way", ["CRDT", "DBIT"])
def test_a_reversal_that_names_a_payout_brings_the_money_back(tmp_path: Path, way: str) -> None:
    """Banks give the direction of what is reversed, or that of the reversal."""
    found = lines(tmp_path, entry("1.00", way, detail(EndToEndId=IN_FILE), reversal=True))
    assert found == [("PAYOUT", "1.00"), ("payout.returned", "1.00", "NARR")]


@pytest.mark.parametrize("way", ["CRDT", "DBIT"])
def test_a_reversal_turns_the_sign_where_nothing_else_tells(tmp_path: Path, way: str) -> None:
    sign = "-" if way == "CRDT" else ""
    assert lines(tmp_path, entry("1.00", way, reversal=True)) == [("UNALLOCATED", f"{sign}1.00")]


@pytest.mark.parametrize(
    ("way", "closing", "expected"),
    [
        ("CRDT", "130.00", "20.00"),
        ("CRDT", "90.00", "-20.00"),
        ("DBIT", "130.00", "20.00"),
        ("DBIT", "90.00", "-20.00"),
    ],
)
def test_the_balances_of_a_statement_say_what_its_reversals_mean(
    tmp_path: Path, way: str, closing: str, expected: str
) -> None:
    bals = balance("OPBD", "100.00") + balance("CLBD", closing)
    found = events_of(tmp_path, camt(entry("10.00"), entry("20.00", way, reversal=True), bals=bals))
    assert brief(found)[:2] == [("UNALLOCATED", "10.00"), ("UNALLOCATED", expected)]
    said = found[-1]["data"]
    opening, entries, closed = (Decimal(said[name]["amount"]) for name in ("opening", "entries", "closing"))
    assert opening + entries == closed


def test_a_batch_is_split_by_its_details(tmp_path: Path) -> None:
    batch = entry("60.00", "DBIT", detail("40.00", EndToEndId=IN_FILE), detail("20.00", EndToEndId="RENT-1"))
    assert lines(tmp_path, batch) == [("PAYOUT", "-40.00"), ("payout.paid", "40.00"), ("UNALLOCATED", "-20.00")]


def test_the_direction_is_that_of_the_entry_and_not_that_of_the_order(tmp_path: Path) -> None:
    batch = entry("60.00", "DBIT", detail("40.00", "CRDT"), detail("20.00", "CRDT"))
    assert lines(tmp_path, batch) == [("UNALLOCATED", "-40.00"), ("UNALLOCATED", "-20.00")]


def test_details_of_both_directions_are_taken_where_only_that_adds_up(tmp_path: Path) -> None:
    batch = entry("20.00", "CRDT", detail("50.00", "CRDT"), detail("30.00", "DBIT"))
    assert lines(tmp_path, batch) == [("UNALLOCATED", "50.00"), ("UNALLOCATED", "-30.00")]


def test_details_that_do_not_add_up_leave_a_rest(tmp_path: Path) -> None:
    batch = entry("60.00", "DBIT", detail("40.00"), detail("15.00"))
    assert lines(tmp_path, batch)[-1] == ("REMAINDER", "-5.00")


@pytest.mark.parametrize("inside", [True, False])
def test_details_that_do_not_add_up_because_of_charges_have_them_as_a_line(tmp_path: Path, inside: bool) -> None:
    charges = '<Chrgs><Rcrd><Amt Ccy="EUR">5.00</Amt><CdtDbtInd>DBIT</CdtDbtInd></Rcrd></Chrgs>'
    details = detail("40.00", rest=charges if inside else ""), detail("15.00")
    batch = entry("60.00", "DBIT", *details, rest="" if inside else charges)
    assert lines(tmp_path, batch)[-1] == ("CHARGE", "-5.00")


def test_a_payout_debited_with_its_charges_is_its_own_amount_and_a_charge(tmp_path: Path) -> None:
    charges = '<Chrgs><Amt Ccy="EUR">0.35</Amt></Chrgs>'
    found = lines(tmp_path, entry("100.35", "DBIT", detail("100.00", EndToEndId=IN_FILE, rest=charges)), version="02")
    assert found == [("PAYOUT", "-100.00"), ("payout.paid", "100.00"), ("CHARGE", "-0.35")]


@pytest.mark.parametrize("code", ["MDOP.CHRG", "ACMT.FEES", "ICDT.COMM"])
def test_charges_are_known_by_their_code(tmp_path: Path, code: str) -> None:
    assert lines(tmp_path, entry("4.50", "DBIT", code=code)) == [("CHARGE", "-4.50")]


def test_details_in_another_currency_leave_the_entry_whole_and_to_be_looked_at(tmp_path: Path) -> None:
    batch = entry("60.00", "DBIT", detail("40.00", ccy="CHF"), detail("20.00", ccy="CHF"))
    assert lines(tmp_path, batch) == [("REMAINDER", "-60.00")]


def test_payouts_in_another_currency_than_their_entry_are_told_with_their_own_amounts(tmp_path: Path) -> None:
    batch = entry("60.00", "DBIT", *(detail("31.00", ccy="CHF", EndToEndId=IN_FILE) for _ in range(2)))
    assert lines(tmp_path, batch) == [("PAYOUT", "-60.00"), ("payout.paid", "31.00"), ("payout.paid", "31.00")]


def test_one_amount_for_a_block_of_ours_pays_each_payout_in_it(tmp_path: Path) -> None:
    orders = Orders("B-1", [(PAYOUT, Decimal("40.00"), "EUR"), (PAYOUT[:-1] + "e", Decimal("20.00"), "EUR")])
    batch = "<Btch><PmtInfId>B-1</PmtInfId><NbOfTxs>2</NbOfTxs></Btch>"
    found = brief(events_of(tmp_path, camt(entry("60.00", "DBIT", batch=batch), message="054"), orders))
    assert found == [("PAYOUT", "-60.00"), ("payout.paid", "40.00"), ("payout.paid", "20.00")]
    other = brief(events_of(tmp_path, camt(entry("61.00", "DBIT", batch=batch), message="054"), orders))
    assert other == [("UNALLOCATED", "-61.00")]


def test_amounts_may_have_more_zeros_and_nothing_else(tmp_path: Path) -> None:
    assert lines(tmp_path, entry("8.85000")) == [("UNALLOCATED", "8.85")]
    found = told(written(tmp_path, camt(entry("8.85001"), entry("1.00"))))
    assert isinstance(found[0], Refused)
    assert found[0].where.endswith("Stmt[1]/Ntry[1]")
    assert found[0].sentence == "Amt is 8.85001, with more than the 2 decimals of EUR"
    assert brief(found[1:]) == [("UNALLOCATED", "1.00"), STATEMENT]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ("<Ntry><CdtDbtInd>CRDT</CdtDbtInd></Ntry>", "Amt is missing"),
        ('<Ntry><Amt Ccy="XXQ">1.00</Amt></Ntry>', "Amt is in 'XXQ', no currency of ISO 4217"),
        ('<Ntry><Amt Ccy="EUR">1,00</Amt></Ntry>', "Amt is '1,00' and no amount"),
        ('<Ntry><Amt Ccy="EUR">1.00</Amt></Ntry>', "CdtDbtInd is '' and neither CRDT nor DBIT"),
        (entry(day="2026-02-30"), "ValDt is '2026-02-30' and no date"),
        (entry("1.00", "CRDT", detail("x")), "TxDtls[1]/Amt is 'x' and no amount"),
        (entry(status="HELD"), "Sts is 'HELD', which is not known: BOOK, PDNG, INFO, FUTR"),
    ],
)
def test_an_entry_that_cannot_be_read_is_refused_with_its_place_and_the_rest_is_read(
    tmp_path: Path, broken: str, sentence: str
) -> None:
    found = told(written(tmp_path, camt(broken, entry("1.00"), message="054")))
    assert isinstance(found[0], Refused)
    assert (found[0].where, found[0].sentence) == ("line 1, Ntfctn[1]/Ntry[1]", sentence)
    assert len(found) == 2


def ids(path: Path, content: str) -> list[str]:
    return [event["id"] for event in events_of(path, content) if event["type"] != "bank.statement_told"]


def test_one_booking_is_one_event_in_whichever_report_it_stands(tmp_path: Path) -> None:
    one = entry("1.00", "DBIT", detail(EndToEndId=IN_FILE), ref="R-1")
    timed = one.replace("<BookgDt><Dt>2026-03-04</Dt>", "<BookgDt><DtTm>2026-03-04T13:05:00+01:00</DtTm>")
    later = timed.replace("<Sts>BOOK</Sts>", "<Sts><Cd>BOOK</Cd></Sts>").replace(
        "<Ntry>", "<Ntry><NtryRef>7</NtryRef>"
    )
    first = ids(tmp_path, camt(one, message="052", version="02"))
    assert first == ids(tmp_path, camt(later, id_="S-2")) == ids(tmp_path, camt(later, message="054"))


def test_one_reference_for_two_real_lines_is_two(tmp_path: Path) -> None:
    """Of other amounts, and alike to the letter."""
    assert len(set(ids(tmp_path, camt(entry("1.00", ref="R"), entry("2.00", ref="R"), entry("2.00", ref="R"))))) == 3


def test_what_tells_more_of_an_entry_has_another_id_of_the_same_entry(tmp_path: Path) -> None:
    """So that a batch, its placeholder and its details are known to be the same money."""
    tellings = [
        entry("3.00", ref="R"),
        entry("3.00", "CRDT", detail("3.00", AcctSvcrRef="R"), ref="R"),
        entry("3.00", "CRDT", detail("3.00", rest=words("hello")), ref="R"),
        entry("3.00", "CRDT", detail("3.00", EndToEndId=IN_FILE), ref="R"),
        entry("3.00", "CRDT", detail("1.00"), detail("2.00"), ref="R"),
    ]
    found = [ids(tmp_path, camt(telling))[0].partition(".") for telling in tellings]
    assert len({reference for reference, _, _ in found}) == 1
    assert [place[:1] for _, _, place in found] == ["", "1", "2", "3", "4"]


def test_people_are_shown_masked_and_organisations_by_name(tmp_path: Path) -> None:
    account = "<DbtrAcct><Id><IBAN>NL56AGDH9619008421</IBAN></Id></DbtrAcct>"
    person = f"<RltdPties><Dbtr><Pty><Nm>Maria Lopez</Nm></Pty></Dbtr>{account}</RltdPties>"
    organisation = "<Id><OrgId><AnyBIC>X</AnyBIC></OrgId></Id>"
    company = f"<RltdPties><Dbtr><Nm>Roaming BV</Nm>{organisation}</Dbtr></RltdPties>"
    found = events_of(tmp_path, camt(*(entry("1.00", "CRDT", detail(rest=who)) for who in (person, company))))
    assert [event["data"].get("counterparty") for event in found[:2]] == ["M. L. ...8421", "Roaming BV"]


def test_the_characters_of_the_ach_stand_for_one_payout() -> None:
    low, high = ids_of(individual_id(PAYOUT)) or ("", "")
    assert (len(individual_id(PAYOUT)), low <= PAYOUT <= high, low[:18], high[:18]) == (15, True, *[PAYOUT[:18]] * 2)
    assert ids_of("location #23") is None
