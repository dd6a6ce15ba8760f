"""Bank files in a book: payouts paid and returned by them, each booking once, whatever it stands in."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bank.files import balance, camt, detail, entry, events_of
from tests.intake.test_bank import listed, paid, settled, sound
from tests.intake.test_payout_answers import BEGINNING, SHARE, made, payout_id
from tests.support.engine import Engine

IN_FILE = payout_id().replace("-", "")
DUE = "2026-03-03T00:00:00Z"


@pytest.fixture
def sent(engine: Engine) -> Engine:
    """A store with one payout at the bank."""
    engine.feed(BEGINNING)
    engine.advance(DUE)
    return engine


def debit(amount: str = "10.89", **of: Any) -> str:
    """The bank's debit of the payout."""
    return entry(amount, "DBIT", detail(amount, EndToEndId=IN_FILE), ref="R-1", **of)


def credit(amount: str = "10.89", reason: str = "AC04") -> str:
    """The payout comes back."""
    returned = f"<RtrInf><Rsn><Cd>{reason}</Cd></Rsn></RtrInf>"
    return entry(amount, "CRDT", detail(amount, EndToEndId=IN_FILE, rest=returned), ref="R-2", day="2026-03-05")


def test_a_payout_is_paid_by_the_banks_booking_and_comes_back_by_it(sent: Engine, tmp_path: Path) -> None:
    sent.feed(events_of(tmp_path, camt(debit())))
    assert made(sent) == [("02", 1, "PAID", SHARE)]
    assert sent.balances()["1010 EUR"] == -SHARE
    sent.feed(events_of(tmp_path, camt(credit("9.39"))))
    assert made(sent) == [("02", 1, "RETURNED", SHARE)]
    assert sent.balances()["2060/OP-1 EUR"] == -SHARE
    assert sent.journal_kinds()[-3:] == ["J36", "J37b", "J39"]
    assert "2410" not in str(sent.balances())
    sound(sent)


def test_twice_the_file_a_report_before_it_and_a_statement_that_overlaps_are_one_booking(
    sent: Engine, tmp_path: Path
) -> None:
    once = camt(debit(), credit(), message="052", version="02")
    again = camt(debit(), credit(), entry("7.00", ref="R-3"), id_="S-2")
    for content in (once, once, again, again, camt(debit(), message="054")):
        sent.feed(events_of(tmp_path, content))
    assert (sent.tally()[2:], made(sent)) == ((0, 0), [("02", 1, "RETURNED", SHARE)])
    assert sent.journal_kinds().count("J36") == sent.journal_kinds().count("J39") == 1
    assert listed(sent, "PAYOUT_DEBITED_TWICE", "PAYOUT_AMOUNT_DIFFERS") == []
    sound(sent)


def test_another_amount_and_a_second_debit_are_findings(sent: Engine, tmp_path: Path) -> None:
    sent.feed(events_of(tmp_path, camt(debit("10.90"))))
    assert listed(sent, "PAYOUT_AMOUNT_DIFFERS") == [("PAYOUT_AMOUNT_DIFFERS", payout_id(), "10.89")]
    sent.feed(events_of(tmp_path, camt(debit(day="2026-03-06"))))
    assert listed(sent, "PAYOUT_DEBITED_TWICE") == [("PAYOUT_DEBITED_TWICE", payout_id(), "10.89")]
    sound(sent)


def test_another_currency_is_a_finding(sent: Engine, tmp_path: Path) -> None:
    sent.feed(events_of(tmp_path, camt(entry("10.89", "DBIT", detail(EndToEndId=IN_FILE), ccy="CHF"))))
    assert listed(sent, "PAYOUT_AMOUNT_DIFFERS") == [("PAYOUT_AMOUNT_DIFFERS", payout_id(), "10.89")]


def test_an_id_that_is_no_payout_of_ours_is_a_finding(engine: Engine, tmp_path: Path) -> None:
    engine.feed(events_of(tmp_path, camt(debit())))
    assert listed(engine, "PAYOUT_UNKNOWN") == [("PAYOUT_UNKNOWN", payout_id(), None)]
    sound(engine)


@pytest.mark.parametrize("seed", range(3))
def test_files_before_or_after_what_they_are_about_end_in_the_same_book(
    engine: Engine, tmp_path: Path, seed: int
) -> None:
    """The book by effective times is a function of the messages."""
    told = events_of(tmp_path, camt(debit(), credit(), entry("100.00", ref="R-4", rest=_info("ST-77"))))
    events = [*BEGINNING, *told, settled(), paid("20.00")]
    Random(seed).shuffle(events)
    for each in events:
        engine.feed([each])
    engine.advance(DUE)
    balances = engine.balances()
    assert (balances["1010 EUR"], balances["2060/OP-1 EUR"]) == (12000, -SHARE)
    assert "2410" not in str(balances)
    sound(engine)


def _info(words: str) -> str:
    return f"<AddtlNtryInf>{words}</AddtlNtryInf>"


ENTRIES = [
    debit(),
    credit(),
    entry("100.00", ref="R-4", rest=_info("ST-77")),
    entry("20.00", ref="R-5", rest=_info("I-2026-03")),
    entry("4.50", "DBIT", ref="R-6", code="MDOP.CHRG"),
    entry("60.00", "CRDT", detail("40.00", EndToEndId="A-1"), detail("20.00", EndToEndId="A-2"), ref="R-7"),
    entry("60.00", "CRDT", detail("40.00", EndToEndId="A-1"), detail("20.00", EndToEndId="A-2"), ref="R-8"),
    entry("33.00", ref="R-9"),
    entry("34.00", ref="R-9"),
    entry("5.00", "DBIT"),
    entry("5.00", "DBIT", day="2026-03-05"),
]
PLACES = st.integers(0, len(ENTRIES))
CUTS = st.lists(st.tuples(PLACES, PLACES, st.sampled_from(["052", "053", "054"])), max_size=6)


def pieces(cuts: Sequence[tuple[int, int, str]]) -> list[str]:
    """Files with parts of the entries, in which each stands at least once."""
    middle = len(ENTRIES) // 2
    every = [*cuts, (0, middle + 2, "052"), (middle, len(ENTRIES), "054")]
    return [
        camt(*ENTRIES[min(first, last) : max(first, last)], message=message, id_=f"S-{number}")
        for number, (first, last, message) in enumerate(every)
    ]


def without_statements(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was booked and answered."""
    return [event for event in events if event["type"] != "bank.statement_told"]


@settings(max_examples=25, deadline=None)
@given(cuts=CUTS)
def test_any_cut_into_files_that_overlap_tells_the_same(tmp_path_factory: pytest.TempPathFactory, cuts: Any) -> None:
    """Each booking under one id and with one content: so it is one message, however often it comes."""
    folder = tmp_path_factory.getbasetemp()
    whole = {event["id"]: event for event in without_statements(events_of(folder, camt(*ENTRIES)))}
    for piece in pieces(cuts):
        for event in without_statements(events_of(folder, piece)):
            assert whole[event["id"]] == event
    found = {event["id"] for piece in pieces(cuts) for event in without_statements(events_of(folder, piece))}
    assert found == whole.keys()


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_a_cut_into_files_makes_the_same_book(engine: Engine, tmp_path: Path, seed: int | None) -> None:
    engine.feed([*BEGINNING, settled(), paid("20.00")])
    engine.advance(DUE)
    of, random = len(ENTRIES), Random(seed)
    cuts = [(random.randint(0, of), random.randint(0, of), random.choice(["052", "053"])) for _ in range(4)]
    for piece in [camt(*ENTRIES)] if seed is None else pieces(cuts):
        engine.feed(events_of(tmp_path, piece))
    assert engine.tally()[2:] == (0, 0)
    found = engine.balances()
    assert found["1010 EUR"] == 10000 + 2000 + 12000 + 6700 - 1000
    assert sorted(amount for account, amount in found.items() if account.startswith("2410")) == sorted(
        [-4000, -2000, -4000, -2000, -3300, -3400, 500, 500]
    )
    assert (found["1020 EUR"], found["1110/acme-psp EUR"], found["1210/DE-ABC EUR"]) == (-450, -8820, -2000)
    sound(engine)


def test_a_statement_tells_of_its_sums_its_number_and_what_is_missing(engine: Engine, tmp_path: Path) -> None:
    bals = balance("OPBD", "0.00") + balance("CLBD", "7.00")
    engine.feed(events_of(tmp_path, camt(entry("5.00"), bals=bals, number=4, id_="S-4")))
    engine.feed(events_of(tmp_path, camt(entry("7.00", ref="R-7"), bals=bals, number=7, id_="S-7")))
    assert listed(engine, "BANK_STATEMENT_DIFFERS") == [("BANK_STATEMENT_DIFFERS", "S-4", "2.00")]
    assert len(listed(engine, "BANK_STATEMENT_MISSING")) == 1
    sound(engine)
