"""J16 and J18 to J20: invoices to partners, and CDRs that they dispute, on the sample numbers of the book.

The session of 20 kWh comes to net 10.00, VAT 1.90; commission is 1.00 with VAT 0.19, the operator's share 10.71. Its
CDR is accepted on 2 March at 12:00.
"""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact
from domain.session.session import Session
from tests.domain.builders import (
    LATE,
    PARTNER,
    Line,
    answered,
    at,
    balance,
    catalogue,
    charged,
    corrected,
    decided,
    invoice_paid,
    kinds_on_the_book,
    on_the_book,
    operator,
    partner,
    released,
    tariff,
)
from tests.domain.cdr_facts import cdr_dispute_closed, cdr_disputed, invoiced
from tests.domain.test_any_order import check
from tests.support.examples import examples

EMP, OP = "DE-ABC", "OP"


def known(funding: str = "ADVANCE", delay_days: int = 0) -> Catalogue:
    energy = [{"price_components": [{"type": "ENERGY", "price": "0.50", "vat": 19, "step_size": 1}]}]
    commission = {"percent": "10", "per_session": "0.00", "vat_percent": "19"}
    return catalogue(
        operator({"delay_days": delay_days}, commission=commission), tariff(elements=energy), partner(funding)
    )


def roaming(*facts: Fact, funding: str = "ADVANCE", delay_days: int = 60, until: str = "") -> Session:
    """The session with its accepted CDR, whose share is pending for two months unless said otherwise."""
    told = [*charged(roams=True), answered("02 12:00"), *facts]
    return decided(told, known(funding, delay_days), at(until) if until else at("30 00:00"))


def book(session: Session, *kinds: str) -> list[Line]:
    return on_the_book(session, *kinds)


def chain(session: Session) -> list[tuple[int, int, str]]:
    return [
        (cdr.number, cdr.key[2], f"{cdr.credited_at:%d %H:%M}" if cdr.credited_at else "") for cdr in session.issued
    ]


def accounts(session: Session) -> list[int]:
    """1200, 1210, 1220, 2030, pending and available, debit positive."""
    return [
        balance(session, each)
        for each in (f"1200/{EMP}", f"1210/{EMP}", f"1220/{EMP}", f"2030/{OP}", f"2011/{OP}", f"2010/{OP}")
    ]


def found(session: Session) -> list[str]:
    return sorted(finding.sentence for finding in session.findings)


# Invoices --------------------------------------------------------------------------------------------------------


def test_an_invoice_that_is_issued_bills_the_cdr_then_and_its_payment_bills_nothing_more() -> None:
    session = roaming(invoiced("10 09:00"), invoice_paid("20 12:00"))
    assert book(session, "J16") == [("J16", "10 09:00", {f"1210/{EMP}": 1190, f"1200/{EMP}": -1190})]


def test_without_an_issued_invoice_the_paid_one_bills_it_as_ever() -> None:
    assert [when for _, when, _ in book(roaming(invoice_paid("20 12:00")), "J16")] == ["20 12:00"]


def test_pay_when_paid_waits_for_the_money_and_not_for_the_invoice() -> None:
    waiting = roaming(invoiced("10 09:00"), funding="PAY_WHEN_PAID", delay_days=0)
    assert released(waiting, "cdr:1") is None
    paid = roaming(invoiced("10 09:00"), invoice_paid("20 12:00"), funding="PAY_WHEN_PAID", delay_days=0)
    assert released(paid, "cdr:1") == ("20 12:00", "20")


def test_of_two_invoices_the_first_bills_it_and_the_other_is_a_finding() -> None:
    session = roaming(invoiced("11 09:00", invoice="I-2"), invoiced("10 09:00"))
    assert [when for _, when, _ in book(session, "J16")] == ["10 09:00"]
    (sentence,) = found(session)
    assert "invoice I-2 to DE-ABC" in sentence
    assert "invoice I-1 bills it already" in sentence


def test_an_invoice_to_another_partner_bills_nothing_and_is_a_finding() -> None:
    session = roaming(invoiced("10 09:00", to="DE-XYZ"))
    assert not book(session, "J16")
    (sentence,) = found(session)
    assert "it was sent to DE-ABC" in sentence


def test_an_invoice_of_a_cdr_that_nobody_accepted_waits_as_a_finding() -> None:
    told = [*charged(roams=True), invoiced("10 09:00")]
    session = decided(told, known(), LATE)
    assert not kinds_on_the_book(session)
    (sentence,) = found(session)
    assert "has not accepted it" in sentence
    assert not found(roaming(invoiced("10 09:00")))


# Disputes --------------------------------------------------------------------------------------------------------

J18 = {f"1220/{EMP}": 1190, f"1210/{EMP}": -1190, f"2011/{OP}": 1190, f"2030/{OP}": -1190}


def test_a_dispute_moves_what_is_invoiced_and_what_is_the_operators() -> None:
    session = roaming(invoiced("10 09:00"), cdr_disputed("12 09:00"))
    assert book(session, "J18") == [("J18", "12 09:00", J18)]
    assert accounts(session) == [0, 0, 1190, -1190, 119, 0]


def test_a_dispute_of_what_is_not_invoiced_yet_is_taken_from_there() -> None:
    session = roaming(cdr_disputed("12 09:00"), invoiced("13 09:00"))
    assert accounts(session) == [0, 0, 1190, -1190, 119, 0]
    assert not book(session, "J16")


def test_an_invoice_bills_what_is_not_disputed_and_a_dispute_won_comes_to_where_the_cdr_is() -> None:
    facts = [cdr_disputed("12 09:00", 400), invoiced("13 09:00")]
    assert accounts(roaming(*facts)) == [0, 790, 400, -400, -671, 0]
    assert accounts(roaming(*facts, cdr_dispute_closed("14 09:00", "WON"))) == [0, 1190, 0, 0, -1071, 0]


def test_a_dispute_won_mirrors_it() -> None:
    session = roaming(invoiced("10 09:00"), cdr_disputed("12 09:00"), cdr_dispute_closed("14 09:00", "WON"))
    assert book(session, "J19") == [("J19", "14 09:00", {account: -amount for account, amount in J18.items()})]
    assert chain(session) == [(1, 1190, "")]


def test_a_dispute_lost_gives_the_commission_back_with_a_credit_cdr() -> None:
    session = roaming(invoiced("10 09:00"), cdr_disputed("12 09:00"), cdr_dispute_closed("14 09:00", "LOST"))
    expected = {f"2030/{OP}": 1190, "4020": 100, "2110": 19, f"1220/{EMP}": -1190, f"2011/{OP}": -119}
    assert book(session, "J20") == [("J20", "14 09:00", expected)]
    assert not book(session, "J21")
    assert chain(session) == [(1, 1190, "14 09:00")]
    assert accounts(session) == [0, 0, 0, 0, 0, 0]
    assert (balance(session, "4020"), balance(session, "2110")) == (0, 0)


def test_a_dispute_lost_in_part_credits_the_cdr_and_a_new_one_is_of_the_rest() -> None:
    facts = [invoiced("10 09:00"), cdr_disputed("12 09:00", 400), cdr_dispute_closed("14 09:00", "LOST")]
    session = roaming(*facts)
    assert chain(session) == [(1, 1190, "14 09:00"), (2, 790, "")]
    assert [kind for kind in kinds_on_the_book(session) if kind in ("J20", "J21")] == ["J20", "J21"]
    assert accounts(session) == [0, 0, 0, 0, 0, 0]
    accepted = roaming(*facts, answered("15 09:00", number=2))
    net, gross, commission, vat = accepted.issued[1].key[1:]
    assert (gross, commission, vat) == (790, 66, 13)
    assert accounts(accepted) == [790, 0, 0, 0, commission + vat - gross, 0]
    assert accepted.sent[2].document["total_cost"]["excl_vat"] * 100 == net


@pytest.mark.parametrize("amount", [1190, 400])
def test_what_has_matured_is_taken_from_what_is_available(amount: int) -> None:
    facts = [invoiced("10 09:00"), cdr_disputed("12 09:00", amount)]
    session = roaming(*facts, delay_days=3)
    assert accounts(session)[3:] == [-amount, 0, amount - 1071]
    assert released(session, "disputed:1:D-1:0") == ("12 09:00", "12")
    won = roaming(*facts, cdr_dispute_closed("14 09:00", "WON"), delay_days=3)
    assert accounts(won) == [0, 1190, 0, 0, 0, -1071]
    lost = roaming(*facts, cdr_dispute_closed("14 09:00", "LOST"), delay_days=3)
    assert accounts(lost) == [0, 0, 0, 0, 0, 0]


def test_what_is_disputed_when_the_share_matures_matures_once_it_is_won() -> None:
    facts = [cdr_disputed("03 09:00", 400), cdr_dispute_closed("14 09:00", "WON")]
    session = roaming(*facts, delay_days=3)
    assert book(session, "J08") == [("J08", "05 00:00", {f"2011/{OP}": 671, f"2010/{OP}": -671})]
    assert accounts(session) == [1190, 0, 0, 0, 0, -1071]


def test_the_later_outcome_stands() -> None:
    facts = [invoiced("10 09:00"), cdr_disputed("12 09:00"), cdr_dispute_closed("14 09:00", "WON")]
    session = roaming(*facts, cdr_dispute_closed("16 09:00", "LOST"))
    assert [(kind, when) for kind, when, _ in book(session, "J18", "J19", "J20")] == [
        ("J18", "12 09:00"),
        ("J19", "14 09:00"),
        ("J18", "16 09:00"),
        ("J20", "16 09:00"),
    ]
    assert accounts(session) == [0, 0, 0, 0, 0, 0]


def test_a_dispute_won_after_it_was_lost_is_billed_by_a_new_cdr() -> None:
    facts = [cdr_disputed("12 09:00"), cdr_dispute_closed("14 09:00", "LOST"), cdr_dispute_closed("16 09:00", "WON")]
    session = roaming(*facts)
    assert chain(session) == [(1, 1190, "14 09:00"), (2, 1190, "")]
    assert accounts(roaming(*facts, answered("17 09:00", number=2))) == [1190, 0, 0, 0, -1071, 0]


def test_a_correction_under_a_dispute_ends_it() -> None:
    session = roaming(cdr_disputed("12 09:00", 400), corrected("13 09:00", 10_000))
    assert [(kind, when) for kind, when, _ in book(session, "J18", "J19", "J21")] == [
        ("J18", "12 09:00"),
        ("J19", "13 09:00"),
        ("J21", "13 09:00"),
    ]
    assert accounts(session) == [0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("fact", "why"),
    [
        (cdr_disputed("12 09:00", by="DE-XYZ"), "the CDR was sent to DE-ABC"),
        (cdr_disputed("12 09:00", 1191), "more than is left of the CDR"),
        (cdr_dispute_closed("12 09:00", "LOST"), "no such dispute"),
    ],
)
def test_what_is_told_in_vain_is_a_finding_and_posts_nothing(fact: Fact, why: str) -> None:
    session = roaming(fact)
    assert accounts(session) == [1190, 0, 0, 0, -1071, 0]
    (sentence,) = found(session)
    assert why in sentence


def test_a_dispute_of_a_cdr_that_is_not_accepted_yet_waits_and_acts_at_the_acceptance() -> None:
    told = [*charged(roams=True), cdr_disputed("02 11:30")]
    waiting = decided(told, known(), LATE)
    assert "has not accepted" in found(waiting)[0]
    session = decided([*told, answered("02 12:00")], known(), LATE)
    assert not found(session)
    assert [when for _, when, _ in book(session, "J18")] == ["02 12:00"]


# Any order -------------------------------------------------------------------------------------------------------

moments = st.sampled_from(("02 11:15", "02 12:00", "03 00:00", "04 09:00", "05 00:00", "06 18:00", "20 12:00"))
numbers = st.sampled_from((1, 1, 2, 3))
names = st.sampled_from(("D-1", "D-2"))
parties = st.sampled_from((PARTNER, PARTNER, PARTNER, "DE-XYZ"))
facts_of_partners: st.SearchStrategy[Fact] = st.one_of(
    st.builds(answered, moments, st.sampled_from((True, True, False)), numbers, parties),
    st.builds(invoice_paid, moments, numbers),
    st.builds(invoiced, moments, numbers, st.sampled_from(("I-1", "I-2")), parties),
    st.builds(cdr_disputed, moments, st.sampled_from((None, 1, 400, 790, 1190)), numbers, names, parties),
    st.builds(cdr_dispute_closed, moments, st.sampled_from(("WON", "LOST")), numbers, names, parties),
    st.builds(cdr_dispute_closed, moments, st.sampled_from(("WON", "LOST")), st.just(1), st.just("D-1")),
    st.builds(corrected, moments, st.sampled_from((10_000, 25_000))),
)
first = [*charged(roams=True), answered("02 12:00"), cdr_disputed("03 00:00", 400)]
told_of = st.lists(facts_of_partners, min_size=2, max_size=10, unique_by=lambda fact: (fact.source, fact.id))
histories = told_of.flatmap(lambda facts: st.permutations([*first, *facts]))


@settings(deadline=None, max_examples=examples(60))
@given(histories, st.sampled_from(("ADVANCE", "PAY_WHEN_PAID")), st.sampled_from((0, 1, 3)))
def test_partners_may_say_it_in_any_order(facts: list[Fact], funding: str, delay_days: int) -> None:
    unique = list({(fact.source, fact.id): fact for fact in facts}.values())
    check(unique, known(funding, delay_days))


@settings(deadline=None, max_examples=examples(100))
@given(histories, st.sampled_from(("ADVANCE", "PAY_WHEN_PAID")), st.sampled_from((0, 1, 3)))
def test_accounts_end_as_a_fold_of_what_stands(facts: Sequence[Fact], funding: str, delay_days: int) -> None:
    """Receivables are the accepted CDR that stands, what is held back is what is disputed of it, and no more."""
    session = decided(facts, known(funding, delay_days), LATE)
    uninvoiced, invoiced_, disputed, held, pending, available = accounts(session)
    standing = [cdr for cdr in session.issued if cdr.credited_at is None]
    earned = {booking.key for booking in session.standing.bookings()}
    owed = [cdr.key for cdr in standing if f"accepted:{cdr.number}" in earned]
    gross, commission, vat = sum(key[2] for key in owed), sum(key[3] for key in owed), sum(key[4] for key in owed)
    assert uninvoiced + invoiced_ + disputed == gross
    assert uninvoiced >= 0
    assert invoiced_ >= 0
    assert disputed >= 0
    assert held == -disputed
    assert pending + available == disputed - (gross - commission - vat)
    assert (balance(session, "4020"), balance(session, "2110")) == (-commission, -vat)


# With payees -----------------------------------------------------------------------------------------------------


def shared(delay_days: int = 60) -> Catalogue:
    """The same, with an eighth of the share for a host."""
    found = Catalogue()
    published = at("2026-01-01T00:00:00")
    commission = {"percent": "10", "per_session": "0.00", "vat_percent": "19"}
    splits = [{"operator_id": "HOST", "role": "site host", "percent": "12.5", "base": "SHARE"}]
    energy = [{"price_components": [{"type": "ENERGY", "price": "0.50", "vat": 19, "step_size": 1}]}]
    terms = {"delay_days": delay_days}
    found.publish("operator.registered", "b", "op", published, operator(terms, commission=commission, splits=splits))
    found.publish("operator.registered", "b", "host", published, operator(terms, operator_id="HOST"))
    found.publish("tariff.published", "b", "t", published, tariff(elements=energy))
    found.publish("partner.registered", "b", "p", published, partner())
    return found


def owed(session: Session, payee: str) -> int:
    return -balance(session, f"2011/{payee}") - balance(session, f"2010/{payee}")


@pytest.mark.parametrize("delay_days", [0, 60])
def test_a_payee_bears_its_part_of_what_is_disputed_and_has_it_again_once_it_is_won(delay_days: int) -> None:
    told = [*charged(roams=True), answered("02 12:00")]
    dispute = cdr_disputed("12 09:00", 400)
    whole = decided(told, shared(delay_days), LATE)
    held = decided([*told, dispute], shared(delay_days), LATE)
    won = decided([*told, dispute, cdr_dispute_closed("14 09:00", "WON")], shared(delay_days), LATE)
    lost = decided([*told, dispute, cdr_dispute_closed("14 09:00", "LOST")], shared(delay_days), LATE)
    assert owed(whole, "HOST") == owed(won, "HOST") == 134
    assert owed(held, "HOST") == 84
    assert owed(lost, "HOST") == owed(lost, OP) == 0
    assert owed(whole, OP) + owed(whole, "HOST") == 1071


@settings(deadline=None, max_examples=examples(40))
@given(histories, st.sampled_from((0, 3)))
def test_with_payees_partners_may_say_it_in_any_order(facts: list[Fact], delay_days: int) -> None:
    unique = list({(fact.source, fact.id): fact for fact in facts}.values())
    check(unique, shared(delay_days))
