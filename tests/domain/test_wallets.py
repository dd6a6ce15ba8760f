"""Wallets: charges act whole where the wallet covers them, and wait where not; never below zero, in any order."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.book.bookings import Booking
from domain.fact import RecordedFact
from domain.session.facts import parse_fact
from domain.session.judging import decide
from domain.session.session import Session
from domain.wallet.wallet import Wallet
from engine.wallets import news
from tests.domain.builders import (
    LATE,
    SESSION,
    at,
    captured,
    catalogue,
    charged,
    corrected,
    ended,
    entries_for,
    operator,
    started,
)
from tests.support.examples import examples

AMOUNT = {
    "wallet.topped_up": "top_up",
    "wallet.charged": "charge",
    "wallet.refunded": "refund",
    "wallet.closed": "close",
}
TIME = {
    "wallet.topped_up": "captured_at",
    "wallet.charged": "charged_at",
    "wallet.refunded": "refunded_at",
    "wallet.closed": "closed_at",
}
NO_BODY = "S-9"


def said(
    word: str, when: str, amount: int, name: str = "", session: str = SESSION, currency: str = "EUR", **more: Any
) -> RecordedFact:
    """A message about wallet W; `amount` in cents, times of March."""
    type_, moment = f"wallet.{word}", at(when)
    name = name or f"{word} {when} {amount} {session}"
    data: dict[str, Any] = {
        "wallet_id": "W",
        f"{AMOUNT[type_]}_id": name,
        "amount": {"amount": f"{amount // 100}.{amount % 100:02d}", "currency": currency},
        TIME[type_]: moment.isoformat(),
    }
    if word in ("topped_up", "closed"):
        data["provider"] = "psp"
    if word == "topped_up":
        data |= {"payment_id": "P-9", "fee": {"amount": "0.60", "currency": currency}}
    if word in ("charged", "refunded"):
        data["session_id"] = session
    return RecordedFact(type_, "urn:wallets", f"{name} {when} {amount} {session} {currency}", moment, data | more)


class Story:
    """A wallet and its sessions, told one message after the other; after each the wallet was never below zero."""

    def __init__(self, **terms: Any) -> None:
        self.wallet, self.known = Wallet("W"), catalogue(operator(**terms))
        self.sessions: dict[str, Session] = {}

    def session(self, session_id: str = SESSION) -> Session:
        """One of its sessions."""
        return self.sessions.setdefault(session_id, Session(session_id))

    def tell(self, *facts: Any) -> "Story":
        """Take in messages about the wallet, and facts of the session that is charged."""
        for fact in facts:
            if isinstance(fact, RecordedFact):
                before = self.wallet.acting()
                self.wallet.learn(fact)
                self.wallet.decide()
                for session_id, told in news(self.wallet, before, {}):
                    self.session(session_id).learn(parse_fact(told.type, told.data, told.source, told.id))
            else:
                self.session().learn(fact)
            for session in self.sessions.values():
                decide(session, self.known, LATE)
            assert self.lowest() >= 0, "a wallet is below zero"
        return self

    def bookings(self) -> list[Booking]:
        """All that stands."""
        found = [*self.wallet.standing.bookings()]
        for session in self.sessions.values():
            found += session.standing.bookings()
        return found

    def balances(self, until: datetime | None = None) -> dict[str, int]:
        """Accounts that are not zero, by what is effective up to a moment."""
        sums: dict[str, int] = defaultdict(int)
        for booking in self.bookings():
            if until is None or booking.effective_at <= until:
                for _, posted in entries_for(booking):
                    for account, amount in posted.items():
                        sums[account] += amount
        return {account: amount for account, amount in sorted(sums.items()) if amount}

    def kinds(self) -> list[str]:
        """The numbers of all entries that stand, sorted."""
        return sorted(kind for booking in self.bookings() for kind, _ in entries_for(booking))

    def lowest(self) -> int:
        """The least that the wallet held in EUR after any moment."""
        moments = sorted({booking.effective_at for booking in self.bookings() if booking.currency == "EUR"})
        return min((-self._in_eur(moment) for moment in moments), default=0)

    def _in_eur(self, until: datetime) -> int:
        return sum(
            posted.get("2070/W", 0)
            for booking in self.bookings()
            if booking.currency == "EUR" and booking.effective_at <= until
            for _, posted in entries_for(booking)
        )

    def findings(self) -> list[tuple[str, int | None]]:
        """What is open, of the wallet and of the sessions that it pays for."""
        found = [*self.wallet.findings]
        for session in self.sessions.values():
            found += session.findings
        return sorted((finding.kind.value, finding.amount) for finding in found)


def test_a_session_is_paid_out_of_a_wallet_and_its_share_is_released_as_by_a_capture() -> None:
    story = Story().tell(said("topped_up", "02 09:00", 5000), *charged(), said("charged", "02 11:05", 1200))
    assert story.kinds() == ["J01", "J02", "J03", "J08", "J11", "J12"]
    assert story.balances()["2070/W"] == -3800
    assert "1105/S-1" not in story.balances()
    assert story.balances()["2010/OP"] == -1080
    assert story.findings() == []


def test_on_settlement_a_charge_releases_at_once() -> None:
    facts = said("topped_up", "02 09:00", 5000), *charged(), said("charged", "02 11:05", 1200)
    assert Story(fund_release="ON_SETTLEMENT").tell(*facts).balances()["2010/OP"] == -1080


def test_what_a_wallet_does_not_cover_waits_whole_and_acts_with_what_covers_it() -> None:
    story = Story().tell(said("topped_up", "02 09:00", 1000), *charged(), said("charged", "02 11:05", 1200))
    assert story.findings() == [("WALLET_NOT_COVERED", 1200)]
    assert story.balances()["2070/W"] == -1000
    story.tell(said("topped_up", "02 12:00", 700))
    assert story.findings() == []
    assert story.balances(at("02 11:59"))["1105/S-1"] == 1200
    assert story.balances()["2070/W"] == -500


def test_a_charge_of_before_takes_the_place_of_a_later_one() -> None:
    story = Story().tell(said("topped_up", "02 09:00", 1300), *charged(), said("charged", "02 11:05", 1200))
    story.tell(said("charged", "02 10:00", 500, session=NO_BODY))
    assert story.findings() == [("WALLET_NOT_COVERED", 1200)]
    assert story.balances()["1105/S-1"] == 1200
    assert story.balances()["1105/S-9"] == -500


def test_a_refund_goes_back_to_the_wallet_at_the_cost_of_the_operator() -> None:
    paid = said("topped_up", "02 09:00", 5000), *charged(), said("charged", "02 11:05", 1200)
    story = Story().tell(*paid, said("refunded", "04 09:00", 200))
    assert story.balances()["2070/W"] == -4000
    assert story.balances()["2010/OP"] == -880
    assert "J12r" in story.kinds()


def test_a_refund_takes_first_what_is_due_back_and_what_was_above_the_bill() -> None:
    paid = said("topped_up", "02 09:00", 5000), *charged(), said("charged", "02 11:05", 1300)
    story = Story().tell(*paid, corrected("02 12:00", stop_wh=15_000), said("refunded", "04 09:00", 500))
    # 13.00 paid, 12.00 the bill, then 9.00: 1.00 was above it, 3.00 are due back, and the operator has the rest.
    assert {kind for kind in story.kinds() if kind in ("J25x", "J59r", "J12r")} == {"J25x", "J59r", "J12r"}
    assert story.balances()["2070/W"] == -4200
    assert "2080/W" not in story.balances()


def test_a_refund_waits_for_a_charge_and_refunds_of_more_are_told() -> None:
    story = Story().tell(said("topped_up", "02 09:00", 5000), *charged(), said("refunded", "02 10:00", 1300))
    assert story.findings() == [("WALLET_REFUND_WITHOUT_CHARGE", 1300)]
    story.tell(said("charged", "02 11:05", 1200))
    assert story.findings() == [("REFUND_ABOVE_CAPTURE", 100)]
    assert story.balances()["2070/W"] == -5100


def test_what_is_closed_goes_back_and_what_is_left_there_is_told() -> None:
    paid = said("topped_up", "02 09:00", 5000), *charged(), said("charged", "02 11:05", 1200)
    story = Story().tell(*paid, said("closed", "05 09:00", 3800))
    assert "2070/W" not in story.balances()
    assert story.findings() == []
    story.tell(said("refunded", "06 09:00", 200))
    assert story.findings() == [("WALLET_NOT_EMPTY", 200)]


def test_a_refund_of_nobodys_session_is_of_the_money_that_was_paid_for_nothing() -> None:
    story = Story().tell(said("topped_up", "02 09:00", 5000), said("charged", "02 10:00", 500, session=NO_BODY))
    story.tell(said("refunded", "03 10:00", 500, session=NO_BODY))
    assert story.balances() == {"1110/psp": 4940, "2070/W": -5000, "5010": 60}


def test_what_is_told_again_otherwise_is_told_and_counts_for_nothing() -> None:
    story = Story().tell(said("topped_up", "02 09:00", 5000, "T"))
    story.tell(said("topped_up", "02 09:30", 7000, "T"))
    assert story.findings() == [("PAYMENT_TOLD_OTHERWISE", 7000)]
    assert story.balances()["2070/W"] == -5000


def test_another_wallet_or_currency_than_the_sessions_is_told() -> None:
    end = ended()
    paid = said("topped_up", "02 09:00", 5000), said("topped_up", "02 09:01", 900, currency="SEK")
    story = Story().tell(*paid, replace(started(), wallet_id="MINE"), end)
    story.tell(said("charged", "02 11:05", 1200), said("charged", "02 11:06", 900, currency="SEK"))
    assert story.findings() == [("WALLET_DIFFERS", 900), ("WALLET_DIFFERS", 900), ("WALLET_DIFFERS", 1200)]
    assert story.balances()["2010/OP"] == -1080


MOMENTS = ("02 09:00", "02 10:30", "02 11:05", "02 11:05", "03 00:00", "04 09:00")
words = st.sampled_from(("topped_up", "topped_up", "charged", "charged", "charged", "refunded", "closed"))
moves = st.builds(
    said,
    words,
    st.sampled_from(MOMENTS),
    st.sampled_from((300, 500, 1200, 1300, 2500)),
    st.sampled_from(("", "", "1", "2")),
    st.sampled_from((SESSION, SESSION, NO_BODY)),
    st.sampled_from(("EUR", "EUR", "EUR", "SEK")),
)
of_session = st.sampled_from((*charged(), captured("02 11:02", 900), corrected("02 12:00", stop_wh=15_000)))


def _key(fact: Any) -> tuple[str, str]:
    return fact.source, fact.id


histories = st.lists(st.one_of(moves, moves, of_session), min_size=3, max_size=12, unique_by=_key)


@given(histories.flatmap(lambda facts: st.tuples(st.just(facts), st.permutations(facts))))
@settings(max_examples=examples(60), deadline=None)
def test_never_below_zero_and_the_same_in_any_order(orders: tuple[Sequence[Any], Sequence[Any]]) -> None:
    one, other = (Story().tell(*facts) for facts in orders)
    assert _by_key(one.bookings()) == _by_key(other.bookings())
    assert one.findings() == other.findings()
    assert one.wallet.acting() == other.wallet.acting()


def _by_key(bookings: Iterable[Booking]) -> dict[tuple[str | None, str], Booking]:
    return {(booking.session_id, booking.key): booking for booking in bookings}
