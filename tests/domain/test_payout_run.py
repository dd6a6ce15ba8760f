"""Payout runs: what each run of a business date pays, keeps as reserve, carries, repeats, and never makes again.

The operator's run of business date B fires at midnight UTC that ends it, unless an example changes its terms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from domain.book.posting import entries_of
from domain.book.standing import Booked
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.payout.advances import Advances, SessionAdvance
from domain.payout.amounts import Past
from domain.payout.answers import PayoutAnswer, PayoutAnswered, PayoutRetried
from domain.payout.cut_offs import fires_at, last_closed
from domain.payout.desk import Cover, OperatorDesk, RunsMade, Waiting, Withheld
from domain.payout.events import PayoutCreated, PayoutDecision, PayoutStatus, payout_stream
from domain.payout.lines import Line
from domain.payout.payout import Payout
from domain.payout.run import fire_runs
from domain.payout.steps import take_answers
from tests.domain.builders import CAUSE, OPERATOR, Amounts, amounts, at, operator

NEW_ACCOUNT = {"holder": "Operator", "iban": "NL02ABNA0123456789"}


def contract(payout: Mapping[str, Any] | None = None, *changes: tuple[str, dict[str, Any]]) -> Versions[Operator]:
    """An operator's versions: its first terms, and what changed at later moments."""
    known = Catalogue()
    known.publish("operator.registered", "b", "op", at("2026-01-01T00:00:00"), operator(payout))
    for moment, changed in changes:
        data = operator(payout) | changed | {"effective_from": f"{at(moment):%Y-%m-%dT%H:%M:%SZ}"}
        known.publish("operator.changed", "b", moment, at(moment), data)
    return known.operators[OPERATOR]


def line(number: int, amount: int, available: str, released: str = "", currency: str = "EUR") -> Line:
    """A line available on a day of March, released at ten that day unless told otherwise."""
    moment = at(released or f"{available} 10:00")
    return Line(UUID(int=number), currency, amount, moment, date(2026, 3, int(available)))


def answer(word: str, when: str, reason: str = "AC04") -> PayoutAnswered:
    told = reason if word in ("failed", "returned") else None
    return PayoutAnswered(at=at(when), source="bank", id=f"{word} {when}", answer=PayoutAnswer(word), reason=told)


def retried(when: str) -> PayoutRetried:
    return PayoutRetried(
        at=at(when), source="office", id=when, reason="the bank says that it was its own fault", by="p"
    )


def payout_id(day: str, attempt: int = 1, currency: str = "EUR") -> str:
    """The id that everybody can compute (contract of payout ids)."""
    return str(uuid5(NAMESPACE_URL, f"wattledger:payout:{OPERATOR}:{currency}:2026-03-{day}:{attempt}"))


@dataclass
class Runs:
    """An operator's desk from run to run, as the store keeps it: lines that were paid leave, open payouts stay."""

    versions: Versions[Operator]
    lines: list[Line] = field(default_factory=list)
    answers: dict[str, list[PayoutAnswered]] = field(default_factory=dict)
    closed_through: date | None = None
    payouts: dict[str, Payout] = field(default_factory=dict)
    decisions: list[tuple[str, PayoutDecision]] = field(default_factory=list)
    advances: Advances = field(default_factory=Advances)
    withheld: Withheld | None = None
    waiting: Waiting | None = None
    past: Past = field(default_factory=Past)

    def until(self, moment: str, cover: Cover | None = None) -> "Runs":
        """Fire what is due."""
        open_payouts = list(self.payouts.values())
        desk = OperatorDesk(
            OPERATOR,
            self.closed_through,
            list(self.lines),
            held=[payout for payout in open_payouts if payout.holds_reserve],
            failed=[payout for payout in open_payouts if payout.failed],
            advances=self.advances,
            past=self.past,
        )
        self._keep(fire_runs(desk, self.versions, at(moment), self._answered, cover))
        return self

    def _answered(self, payout_id: str) -> Payout:
        return self.payouts.get(payout_id) or Payout(payout_id, answers=list(self.answers.get(payout_id, [])))

    def _keep(self, made: RunsMade) -> None:
        self.closed_through, self.withheld, self.waiting = made.closed_through, made.withheld, made.waiting
        paid = {entry for entries in made.paid_lines.values() for entry in entries}
        self.lines = [line for line in self.lines if line.entry_id not in paid]
        for payout, decisions in made.decisions:
            self.payouts[payout.payout_id] = payout
            self.decisions += [(payout.payout_id, decision) for decision in decisions]
            stream = payout_stream(payout.payout_id)
            for decision in decisions:
                if isinstance(decision, Booked) and decision.booking.key == "reserve-release":
                    self._reserve_line(payout, decision, stream, paid)
                if isinstance(decision, Booked) and decision.booking.key == "retained-release":
                    self._retained_line(payout, decision, stream, paid)

    def _retained_line(self, payout: Payout, decision: Booked, stream: UUID, paid: set[UUID]) -> None:
        (entry,) = entries_of(decision.booking, stream, decision.revision, CAUSE)
        created = payout.created
        assert created is not None
        day = date.fromordinal(created.business_date.toordinal() + 1)
        if entry.entry_id not in paid:
            moment = decision.booking.effective_at
            given_back = Line(
                entry.entry_id, "EUR", created.retained, moment, day, reserve_release=True, kind="J32", retained=True
            )
            self.lines.append(given_back)

    def _reserve_line(self, payout: Payout, decision: Booked, stream: UUID, paid: set[UUID]) -> None:
        (entry,) = entries_of(decision.booking, stream, decision.revision, CAUSE)
        created = payout.created
        assert created is not None
        terms = self.versions.at(created.fired_at)
        assert terms is not None
        day = date.fromordinal(created.business_date.toordinal() + terms.payout.reserve_days)
        if entry.entry_id not in paid:
            moment = decision.booking.effective_at
            self.lines.append(Line(entry.entry_id, "EUR", created.held_back, moment, day, reserve_release=True))

    @property
    def made(self) -> list[tuple[str, int, PayoutStatus | None]]:
        """(business day, amount, status) of every payout, in the order in which they were made."""
        found = [decision for _, decision in self.decisions if isinstance(decision, PayoutCreated)]
        return [(f"{each.business_date:%d}", each.amount, self.payouts[each.payout_id].status) for each in found]

    def created(self, id_: str) -> PayoutCreated:
        found = self.payouts[id_].created
        assert found is not None
        return found

    def booked(self) -> list[tuple[str, str, Amounts]]:
        """(kind, when, amounts) of what the runs put on the book."""
        return [
            (entry.kind, f"{entry.effective_at:%d %H:%M}", amounts(entry))
            for id_, decision in self.decisions
            if isinstance(decision, Booked)
            for entry in entries_of(decision.booking, payout_stream(id_), decision.revision, CAUSE)
        ]


def runs(payout: Mapping[str, Any] | None = None, *lines: Line, changes: Sequence[tuple[str, Any]] = ()) -> Runs:
    return Runs(contract(payout, *changes), list(lines))


# What a run pays -----------------------------------------------------------------------------------------------


def test_a_run_pays_every_line_that_is_available_and_names_its_entries() -> None:
    desk = runs(None, line(1, 1080, "02"), line(2, 500, "02"), line(3, 700, "04")).until("03 00:00")
    assert desk.made == [("02", 1580, PayoutStatus.IN_TRANSIT)]
    created = desk.created(payout_id("02"))
    assert created.entry_ids == (str(UUID(int=1)), str(UUID(int=2)))
    assert created.fired_at == at("03 00:00")
    assert desk.booked() == [
        ("J35", "03 00:00", {"2010/OP": 1580, f"2050/{payout_id('02')}": -1580}),
    ]


def test_until_is_inclusive_and_a_second_before_is_not_enough() -> None:
    assert runs(None, line(1, 1080, "02")).until("02 23:59").made == []
    assert len(runs(None, line(1, 1080, "02")).until("03 00:00").made) == 1


def test_a_date_that_is_open_again_and_was_paid_leaves_what_it_lacks_to_the_next() -> None:
    """In another currency it was not paid."""
    desk = runs(None, line(1, 1080, "02")).until("10 00:00")
    assert desk.closed_through == date(2026, 3, 9)
    desk.closed_through = date(2026, 3, 1)
    desk.lines = [line(2, 500, "02"), line(3, 700, "02", currency="USD"), line(4, 300, "03")]
    desk.until("05 00:00")
    assert [each[:2] for each in desk.made] == [("02", 1080), ("02", 700), ("03", 800)]
    assert desk.created(payout_id("03")).entry_ids == (str(UUID(int=2)), str(UUID(int=4)))
    assert desk.created(payout_id("02", currency="USD")).fired_at == at("03 00:00")
    assert desk.closed_through == date(2026, 3, 4)


def test_a_run_with_nothing_payable_leaves_nothing() -> None:
    assert runs(None, line(1, 1080, "09")).until("05 00:00").made == []
    assert runs(None).until("05 00:00").decisions == []


def test_a_line_released_at_the_moment_of_the_run_goes_into_the_next() -> None:
    desk = runs(None, line(1, 1080, "02", released="03 00:00")).until("04 00:00")
    assert desk.made == [("03", 1080, PayoutStatus.IN_TRANSIT)]


def test_a_fired_run_is_never_made_again_and_late_lines_go_into_the_next() -> None:
    desk = runs(None, line(1, 1080, "02")).until("03 00:00")
    desk.lines.append(line(2, 300, "02"))
    assert desk.until("03 12:00").made == [("02", 1080, PayoutStatus.IN_TRANSIT)]
    assert desk.until("04 00:00").made == [
        ("02", 1080, PayoutStatus.IN_TRANSIT),
        ("03", 300, PayoutStatus.IN_TRANSIT),
    ]


def test_running_twice_to_the_same_moment_changes_nothing() -> None:
    desk = runs({"reserve_percent": "5", "reserve_days": 2}, line(1, 1080, "02")).until("06 00:00")
    before = list(desk.decisions)
    assert desk.until("06 00:00").decisions == before


def test_missed_runs_are_each_made_oldest_first_with_their_own_business_date() -> None:
    desk = runs(None, line(1, 100, "02"), line(2, 200, "03"), line(3, 300, "04")).until("09 00:00")
    assert desk.made == [
        ("02", 100, PayoutStatus.IN_TRANSIT),
        ("03", 200, PayoutStatus.IN_TRANSIT),
        ("04", 300, PayoutStatus.IN_TRANSIT),
    ]


def test_runs_made_one_by_one_pay_as_runs_made_at_once() -> None:
    lines = [line(1, 100, "02"), line(2, 900, "03"), line(3, 300, "04"), line(4, -50, "05"), line(5, 700, "06")]
    terms = {"minimum": "3.00", "reserve_percent": "5", "reserve_days": 2}
    at_once, step_by_step = runs(terms, *lines).until("12 00:00"), runs(terms, *lines)
    for day in range(2, 13):
        step_by_step.until(f"{day:02d} 00:00")
    assert step_by_step.made == at_once.made
    assert sorted(step_by_step.booked(), key=str) == sorted(at_once.booked(), key=str)


def test_each_currency_is_paid_by_itself() -> None:
    desk = runs(None, line(1, 1080, "02"), line(2, 500, "02", currency="SEK")).until("03 00:00")
    assert sorted(amount for _, amount, _ in desk.made) == [500, 1080]
    assert desk.created(payout_id("02", currency="SEK")).amount == 500


def test_negative_lines_are_netted() -> None:
    assert runs(None, line(1, 1080, "02"), line(2, -400, "02")).until("03 00:00").made == [
        ("02", 680, PayoutStatus.IN_TRANSIT)
    ]


@pytest.mark.parametrize("amount", [-1080, -2000])
def test_nothing_of_zero_or_less_is_paid_and_the_debt_is_carried(amount: int) -> None:
    desk = runs(None, line(1, 1080, "02"), line(2, amount, "02"), line(3, 3000, "05")).until("04 00:00")
    assert desk.made == []
    assert desk.until("06 00:00").made == [("05", 4080 + amount, PayoutStatus.IN_TRANSIT)]


# Minimum and reserve -------------------------------------------------------------------------------------------


def test_below_the_minimum_everything_is_carried_to_the_run_that_reaches_it() -> None:
    desk = runs({"minimum": "25.00"}, line(1, 2499, "02"), line(2, 1, "03")).until("03 00:00")
    assert desk.made == []
    assert desk.until("04 00:00").made == [("03", 2500, PayoutStatus.IN_TRANSIT)]


def test_the_minimum_is_for_what_is_left_after_the_reserve() -> None:
    terms = {"minimum": "25.00", "reserve_percent": "5", "reserve_days": 7}
    # 5 % of 2600 is 130, which leaves 2470: no payout, and so no reserve.
    assert runs(terms, line(1, 2600, "02")).until("03 00:00").decisions == []
    # 5 % of 2632 is 131.6, so 132: exactly the minimum is left.
    assert runs(terms, line(1, 2632, "02")).until("03 00:00").made == [("02", 2500, PayoutStatus.IN_TRANSIT)]


def test_the_reserve_is_rounded_half_up_and_booked_before_the_payout() -> None:
    desk = runs({"reserve_percent": "5", "reserve_days": 7}, line(1, 1010, "02")).until("03 00:00")
    assert desk.booked() == [
        ("J31", "03 00:00", {"2010/OP": 51, "2020/OP": -51}),
        ("J35", "03 00:00", {"2010/OP": 959, f"2050/{payout_id('02')}": -959}),
    ]


def test_the_entries_of_a_payout_with_reserve_add_up_to_its_amount() -> None:
    desk = runs({"reserve_percent": "5", "reserve_days": 7}, line(1, 1010, "02")).until("03 00:00")
    (reserve, _) = [
        entry
        for id_, decision in desk.decisions
        if isinstance(decision, Booked)
        for entry in entries_of(decision.booking, payout_stream(id_), decision.revision, CAUSE)
    ]
    assert set(desk.created(payout_id("02")).entry_ids) == {str(UUID(int=1)), str(reserve.entry_id)}


def test_a_reserve_comes_back_when_its_day_opens_and_is_paid_by_that_days_run() -> None:
    desk = runs({"reserve_percent": "10", "reserve_days": 3}, line(1, 1000, "02")).until("05 00:00")
    # Business date 2 + 3 is the 5th, which opens at midnight.
    assert desk.booked()[2:] == [("J32", "05 00:00", {"2020/OP": 100, "2010/OP": -100})]
    assert desk.until("06 00:00").made == [("02", 900, PayoutStatus.IN_TRANSIT), ("05", 100, PayoutStatus.IN_TRANSIT)]


def test_no_reserve_is_taken_of_a_reserve_that_came_back() -> None:
    desk = runs({"reserve_percent": "10", "reserve_days": 3}, line(1, 1000, "02"), line(2, 500, "05"))
    assert desk.until("06 00:00").made == [("02", 900, PayoutStatus.IN_TRANSIT), ("05", 550, PayoutStatus.IN_TRANSIT)]


def test_every_reserve_comes_back_in_the_end() -> None:
    desk = runs({"reserve_percent": "10", "reserve_days": 3}, *(line(n, 1000, f"{n + 1:02d}") for n in range(1, 6)))
    desk.until("20 00:00")
    assert sum(amount for _, amount, _ in desk.made) == 5000
    assert sum(found.get("2020/OP", 0) for _, _, found in desk.booked()) == 0


def test_a_reserve_follows_the_terms_under_which_it_was_taken() -> None:
    without = operator({"reserve_percent": "0", "reserve_days": 0})["payout"]
    desk = runs(
        {"reserve_percent": "10", "reserve_days": 3}, line(1, 1000, "02"), changes=[("03 12:00", {"payout": without})]
    )
    assert desk.until("06 00:00").made == [("02", 900, PayoutStatus.IN_TRANSIT), ("05", 100, PayoutStatus.IN_TRANSIT)]


def test_no_reserve_is_taken_of_a_sum_below_zero() -> None:
    terms = {"reserve_percent": "10", "reserve_days": 1}
    desk = runs(terms, line(1, 1000, "02"), line(2, -50, "03")).until("04 00:00")
    # The reserve of 100 is a line again on the third; with the 50 owed, 50 are paid and nothing is kept.
    assert desk.made == [("02", 900, PayoutStatus.IN_TRANSIT), ("03", 50, PayoutStatus.IN_TRANSIT)]


# Approval ------------------------------------------------------------------------------------------------------


def test_a_payout_that_needs_approval_is_listed_posts_nothing_and_sets_its_lines_aside() -> None:
    desk = runs({"requires_approval": True}, line(1, 1080, "02"), line(2, 300, "03")).until("05 00:00")
    assert desk.made == [("02", 1080, PayoutStatus.AWAITING_APPROVAL), ("03", 300, PayoutStatus.AWAITING_APPROVAL)]
    assert desk.booked() == []
    assert desk.lines == []


def test_answers_to_a_payout_that_awaits_approval_wait_with_it() -> None:
    desk = runs({"requires_approval": True}, line(1, 1080, "02"))
    desk.answers[payout_id("02")] = [answer("paid", "03 09:00")]
    assert desk.until("05 00:00").made == [("02", 1080, PayoutStatus.AWAITING_APPROVAL)]
    assert desk.booked() == []


# Failed and paid again -----------------------------------------------------------------------------------------


def failing(word: str, *changes: tuple[str, dict[str, Any]]) -> Runs:
    """A payout of 1080 for the 2nd that the bank refuses or returns on the 3rd at nine."""
    desk = Runs(contract(None, *changes), [line(1, 1080, "02")])
    desk.answers[payout_id("02")] = [answer(word, "03 09:00")]
    return desk


@pytest.mark.parametrize(("word", "status"), [("failed", PayoutStatus.FAILED), ("returned", PayoutStatus.RETURNED)])
def test_a_payout_that_came_to_nothing_waits_for_another_account(word: str, status: str) -> None:
    assert failing(word).until("20 00:00").made == [("02", 1080, status)]


@pytest.mark.parametrize("word", ["failed", "returned"])
def test_it_is_paid_again_at_the_first_run_after_the_operator_has_a_new_account(word: str) -> None:
    desk = failing(word, ("05 12:00", {"bank_account": NEW_ACCOUNT})).until("20 00:00")
    first, second = desk.created(payout_id("02")), desk.created(payout_id("02", attempt=2))
    assert second.fired_at == at("06 00:00")
    assert (second.amount, second.business_date, second.entry_ids) == (1080, first.business_date, first.entry_ids)
    assert (second.attempt, second.reissue_of, second.bank_account) == (2, first.payout_id, NEW_ACCOUNT)
    assert desk.booked()[-1] == ("J40", "06 00:00", {"2060/OP": 1080, f"2050/{second.payout_id}": -1080})
    assert len(desk.payouts) == 2


def test_the_second_attempt_takes_no_second_reserve() -> None:
    desk = Runs(
        contract({"reserve_percent": "10", "reserve_days": 30}, ("05 12:00", {"bank_account": NEW_ACCOUNT})),
        [line(1, 1000, "02")],
        {payout_id("02"): [answer("failed", "03 09:00")]},
    ).until("20 00:00")
    assert desk.made == [("02", 900, PayoutStatus.FAILED), ("02", 900, PayoutStatus.IN_TRANSIT)]
    assert [kind for kind, _, _ in desk.booked()] == ["J31", "J35", "J38", "J40"]


def test_a_change_of_other_terms_is_no_new_account() -> None:
    desk = failing("failed", ("05 12:00", {"name": "Another name"})).until("20 00:00")
    assert desk.made == [("02", 1080, PayoutStatus.FAILED)]


def test_a_second_attempt_that_fails_waits_for_a_third_account() -> None:
    third = {"holder": "Operator", "iban": "NL20INGB0001234567"}
    desk = failing("failed", ("05 12:00", {"bank_account": NEW_ACCOUNT}), ("09 12:00", {"bank_account": third}))
    desk.answers[payout_id("02", 2)] = [answer("failed", "06 09:00")]
    desk.answers[payout_id("02", 3)] = [answer("paid", "10 09:00")]
    assert desk.until("20 00:00").made == [
        ("02", 1080, PayoutStatus.FAILED),
        ("02", 1080, PayoutStatus.FAILED),
        ("02", 1080, PayoutStatus.PAID),
    ]
    assert sum(found.get("2060/OP", 0) for _, _, found in desk.booked()) == 0


def test_a_failure_that_is_known_only_later_is_repeated_by_the_next_run() -> None:
    desk = Runs(contract(None, ("05 12:00", {"bank_account": NEW_ACCOUNT})), [line(1, 1080, "02")])
    desk.until("08 00:00")
    payout = desk.payouts[payout_id("02")]
    payout.learn(answer("failed", "03 09:00"))
    take_answers(payout)
    desk.until("09 00:00")
    assert desk.created(payout_id("02", 2)).fired_at == at("09 00:00")


def test_a_payout_needs_approval_again_where_payouts_do() -> None:
    changed = operator({"requires_approval": True})["payout"]
    desk = failing("failed", ("05 12:00", {"bank_account": NEW_ACCOUNT, "payout": changed})).until("20 00:00")
    assert desk.made == [("02", 1080, PayoutStatus.FAILED), ("02", 1080, PayoutStatus.AWAITING_APPROVAL)]


def test_other_lines_are_paid_while_a_payout_waits_for_an_account() -> None:
    desk = failing("failed")
    desk.lines.append(line(2, 500, "04"))
    assert desk.until("05 00:00").made == [("02", 1080, PayoutStatus.FAILED), ("04", 500, PayoutStatus.IN_TRANSIT)]


# Tried again ---------------------------------------------------------------------------------------------------


def tried_again(desk: Runs) -> list[tuple[int, str]]:
    """(attempt, when it was handed off) of each payout for the 2nd, but the first."""
    found = [decision for _, decision in desk.decisions if isinstance(decision, PayoutCreated)]
    return [(each.attempt, f"{each.fired_at:%d %H:%M}") for each in found if each.attempt > 1]


def refused(*reasons: str, word: str = "failed") -> Runs:
    """A payout of 1080 for the 2nd, each attempt of which the bank refuses at nine after its run, for a reason."""
    desk = Runs(contract(), [line(1, 1080, "02")])
    for number, reason in enumerate(reasons):
        desk.answers[payout_id("02", number + 1)] = [answer(word, f"{number + 3:02d} 09:00", reason)]
    return desk


@pytest.mark.parametrize("reason", ["AM04", "MS03", "NARR", "no cover", "ac4"])
def test_what_failed_for_another_reason_goes_again_at_the_next_run(reason: str) -> None:
    desk = refused(reason).until("20 00:00")
    assert tried_again(desk) == [(2, "04 00:00")]
    assert desk.created(payout_id("02", 2)).bank_account == desk.created(payout_id("02")).bank_account


ACCOUNT_REASONS = ["AC01", "AC03", "AC04", "AC06", "AC13", "AC14", "AG01", "RC01", "BE04", "BE05", "MD07", "ac04 "]


@pytest.mark.parametrize("reason", ACCOUNT_REASONS)
def test_what_failed_for_its_account_does_not(reason: str) -> None:
    assert tried_again(refused(reason).until("20 00:00")) == []


@pytest.mark.parametrize("reason", ["AM04", "MS03", "NARR"])
def test_what_came_back_waits_for_another_account_whatever_the_reason(reason: str) -> None:
    assert tried_again(refused(reason, word="returned").until("20 00:00")) == []


def test_three_attempts_are_made_and_then_somebody_has_to_look() -> None:
    desk = refused("AM04", "AM04", "AM04", "AM04", "AM04").until("20 00:00")
    assert tried_again(desk) == [(2, "04 00:00"), (3, "05 00:00")]
    assert desk.payouts[payout_id("02", 3)].failed


def test_a_person_has_it_go_again_at_the_next_run() -> None:
    desk = refused("AM04", "AM04", "AM04", "AM04").until("09 00:00")
    desk.payouts[payout_id("02", 3)].learn(retried("09 12:00"))
    assert tried_again(desk.until("20 00:00"))[2:] == [(4, "10 00:00")]


def test_a_decision_is_about_the_attempt_that_had_failed_by_then() -> None:
    desk = refused("AM04", "AM04", "AM04").until("09 00:00")
    desk.payouts[payout_id("02", 3)].learn(retried("05 08:59"))
    assert len(tried_again(desk.until("20 00:00"))) == 2


def test_a_person_may_have_it_go_to_the_same_account_again() -> None:
    desk = refused("AC04").until("09 00:00")
    desk.payouts[payout_id("02")].learn(retried("09 12:00"))
    assert tried_again(desk.until("20 00:00")) == [(2, "10 00:00")]


def test_each_refusal_of_the_account_is_answered_by_another_one_however_many_there_are() -> None:
    desk = refused("AC04", "AC04", "AC04", "AC04")
    changes: list[tuple[str, dict[str, Any]]] = []
    for number in range(4):
        iban = "NL02ABNA0123456789" if number % 2 == 0 else "NL91ABNA0417164300"
        changes.append((f"{number + 3:02d} 12:00", {"bank_account": {"holder": "Operator", "iban": iban}}))
    desk.versions = contract(None, *changes)
    assert [attempt for attempt, _ in tried_again(desk.until("20 00:00"))] == [2, 3, 4, 5]


def test_an_account_that_was_changed_before_the_failure_is_another_one() -> None:
    desk = failing("failed", ("03 08:00", {"bank_account": NEW_ACCOUNT})).until("20 00:00")
    assert tried_again(desk) == [(2, "04 00:00")]


def test_a_payout_that_was_paid_after_all_is_not_tried_again() -> None:
    desk = refused("AM04")
    desk.answers[payout_id("02")].append(answer("paid", "03 08:00"))
    assert desk.until("20 00:00").made == [("02", 1080, PayoutStatus.RETURNED)]
    desk = refused("AM04")
    desk.answers[payout_id("02")].append(answer("paid", "03 10:00"))
    assert desk.until("20 00:00").made == [("02", 1080, PayoutStatus.PAID)]


# When runs fire ------------------------------------------------------------------------------------------------


def fired(versions: Versions[Operator], day: str) -> datetime | None:
    found = fires_at(versions, date(2026, 3, int(day)))
    return found[0] if found else None


def test_the_run_of_a_date_fires_at_the_cut_off_on_the_next_day() -> None:
    assert fired(contract({"cutoff_time": "03:00"}), "02") == at("03 03:00")


def test_no_run_fires_before_there_was_a_contract() -> None:
    assert fires_at(contract(), date(2025, 6, 1)) is None
    assert last_closed(contract(), at("2025-06-01T00:00:00")) is None


def test_a_later_cut_off_moves_the_runs_that_follow_it() -> None:
    later = operator({"cutoff_time": "06:00"})["payout"]
    versions = contract({"cutoff_time": "03:00"}, ("03 04:00", {"payout": later}))
    assert (fired(versions, "02"), fired(versions, "03")) == (at("03 03:00"), at("04 06:00"))


def test_a_change_before_the_run_of_that_day_puts_it_off() -> None:
    later = operator({"cutoff_time": "06:00"})["payout"]
    versions = contract({"cutoff_time": "03:00"}, ("03 02:00", {"payout": later}))
    assert (fired(versions, "01"), fired(versions, "02")) == (at("02 03:00"), at("03 06:00"))


def test_an_earlier_cut_off_that_would_skip_a_run_makes_it_at_the_change() -> None:
    earlier = operator({"cutoff_time": "03:00"})["payout"]
    versions = contract({"cutoff_time": "06:00"}, ("03 04:00", {"payout": earlier}))
    assert (fired(versions, "02"), fired(versions, "03")) == (at("03 04:00"), at("04 03:00"))


def test_the_terms_of_a_run_are_those_in_effect_when_it_fires() -> None:
    changed = operator({"minimum": "50.00"})["payout"]
    desk = runs(None, line(1, 1080, "02"), line(2, 1080, "03"), changes=[("03 12:00", {"payout": changed})])
    assert desk.until("09 00:00").made == [("02", 1080, PayoutStatus.IN_TRANSIT)]


def test_every_date_is_closed_once_through_changes_of_the_cut_off() -> None:
    changes = [
        ("03 04:00", {"payout": operator({"cutoff_time": "06:00"})["payout"]}),
        ("05 05:00", {"payout": operator({"cutoff_time": "01:00"})["payout"]}),
        ("08 23:00", {"payout": operator({"cutoff_time": "07:00"})["payout"]}),
    ]
    lines = [line(day, 100 + day, f"{day:02d}") for day in range(2, 12)]
    desk = runs({"cutoff_time": "03:00"}, *lines, changes=changes)
    hours = [f"{day:02d} {hour:02d}:00" for day in range(2, 14) for hour in range(24)]
    for moment in hours:
        desk.until(moment)
    assert [amount for _, amount, _ in desk.made] == [100 + day for day in range(2, 12)]
    at_once = runs({"cutoff_time": "03:00"}, *lines, changes=changes).until("13 23:00")
    assert at_once.made == desk.made


def test_runs_follow_the_operators_clock_through_the_change_to_summer_time() -> None:
    known = Catalogue()
    data = operator({"cutoff_time": "02:30"}, time_zone="Europe/Amsterdam")
    known.publish("operator.registered", "b", "op", at("2026-01-01T00:00:00"), data)
    versions = known.operators[OPERATOR]
    found = [fired(versions, day) for day in ("27", "28", "29")]
    # 02:30 does not exist on the 29th: the run of the 28th fires at the first instant after the gap.
    assert found == [at("28 01:30"), at("29 01:00"), at("30 00:30")]


# Accounts that cannot be one ------------------------------------------------------------------------------------

WRONG_ACCOUNT = {"holder": "Operator", "iban": "NL92ABNA0417164300"}


def test_nothing_is_paid_to_an_account_whose_check_digits_are_wrong_and_its_lines_are_carried() -> None:
    desk = runs(None, line(1, 1080, "02"), line(2, 500, "03"))
    desk.versions = contract(None, ("02 12:00", {"bank_account": WRONG_ACCOUNT}))
    assert desk.until("05 00:00").made == []
    assert [each.amount for each in desk.lines] == [1080, 500]
    assert desk.withheld == Withheld(at("05 00:00"), WRONG_ACCOUNT, {"EUR": 1580})


def test_what_was_carried_is_paid_by_the_first_run_with_a_valid_account() -> None:
    changes = [("01 12:00", {"bank_account": WRONG_ACCOUNT}), ("04 12:00", {"bank_account": NEW_ACCOUNT})]
    desk = runs(None, line(1, 1080, "02"), line(2, 500, "03"), changes=changes).until("06 00:00")
    assert desk.made == [("04", 1580, PayoutStatus.IN_TRANSIT)]
    assert desk.created(payout_id("04")).bank_account == NEW_ACCOUNT
    assert desk.withheld is None


def test_a_failed_payout_is_not_repeated_to_an_account_that_cannot_be_one() -> None:
    desk = failing("failed", ("05 12:00", {"bank_account": WRONG_ACCOUNT})).until("20 00:00")
    assert desk.made == [("02", 1080, PayoutStatus.FAILED)]
    assert desk.withheld is not None
    assert desk.withheld.amounts == {"EUR": 1080}


def test_a_reserve_comes_back_whatever_the_account_is() -> None:
    terms = {"reserve_percent": "10", "reserve_days": 3}
    desk = Runs(contract(terms, ("04 12:00", {"bank_account": WRONG_ACCOUNT})), [line(1, 1000, "02")])
    assert [kind for kind, _, _ in desk.until("20 00:00").booked()] == ["J31", "J35", "J32"]


# Advances ---------------------------------------------------------------------------------------------------------


def test_sessions_above_the_limit_of_advances_are_carried_until_their_drivers_pay() -> None:
    sessions = {UUID(int=number): SessionAdvance("EUR") for number in (1, 2)}
    sessions[UUID(int=1)].captures = ((at("04 06:00"), 1200),)
    lines = [replace(line(each, 1080, "02"), stream_id=UUID(int=each)) for each in (1, 2)]
    desk = Runs(contract(None, ("01 12:00", {"advance_limit": "10.80"})), lines, advances=Advances(sessions))
    assert desk.until("07 00:00").made == [
        ("02", 1080, PayoutStatus.IN_TRANSIT),
        ("04", 1080, PayoutStatus.IN_TRANSIT),
    ]


def test_without_a_limit_all_are_paid_ahead() -> None:
    sessions = {UUID(int=number): SessionAdvance("EUR") for number in (1, 2)}
    lines = [replace(line(each, 1080, "02"), stream_id=UUID(int=each)) for each in (1, 2)]
    desk = Runs(contract(), lines, advances=Advances(sessions)).until("07 00:00")
    assert desk.made == [("02", 2160, PayoutStatus.IN_TRANSIT)]


# Cover ------------------------------------------------------------------------------------------------------------


def there_is(amount: int, since: str = "01 00:00") -> Cover:
    """Client money that came in at a moment."""
    return lambda _, moment: amount if moment >= at(since) else 0


def test_a_run_without_cover_waits_and_is_made_when_there_is_with_its_own_business_date() -> None:
    desk = runs(None, line(1, 1080, "02")).until("03 00:00", there_is(1080, "04 10:00"))
    assert desk.made == []
    assert desk.waiting == Waiting(date(2026, 3, 2), at("03 00:00"), {"EUR": 1080}, {"EUR": 1080})
    assert desk.closed_through == date(2026, 3, 1)
    desk.until("04 12:00", there_is(1080, "04 10:00"))
    assert desk.made == [("02", 1080, PayoutStatus.IN_TRANSIT)]
    assert desk.created(payout_id("02")).fired_at == at("04 12:00")
    assert desk.waiting is None


def test_of_runs_that_wait_the_oldest_comes_first_and_holds_up_the_others() -> None:
    lines = (line(1, 5000, "02"), line(2, 100, "03"), line(3, 100, "04"))
    desk = runs(None, *lines).until("05 00:00", there_is(4999))
    assert desk.made == []
    desk.until("05 06:00", there_is(5150))
    assert desk.made == [("02", 5000, PayoutStatus.IN_TRANSIT), ("03", 100, PayoutStatus.IN_TRANSIT)]
    assert desk.waiting == Waiting(date(2026, 3, 4), at("05 00:00"), {"EUR": 100}, {"EUR": 50})


def test_a_run_waits_for_cover_in_each_of_its_currencies() -> None:
    lines = (line(1, 1080, "02"), line(2, 700, "02", currency="SEK"))
    desk = runs(None, *lines).until("03 00:00", lambda currency, _: 5000 if currency == "EUR" else 0)
    assert desk.made == []
    assert desk.waiting == Waiting(date(2026, 3, 2), at("03 00:00"), {"EUR": 1080, "SEK": 700}, {"SEK": 700})


def test_a_payout_that_is_repeated_needs_cover_too() -> None:
    desk = failing("failed", ("05 12:00", {"bank_account": NEW_ACCOUNT})).until("04 00:00")
    assert desk.until("06 00:00", there_is(1079)).made == [("02", 1080, PayoutStatus.FAILED)]
    assert desk.until("07 00:00", there_is(1080)).made[1:] == [("02", 1080, PayoutStatus.IN_TRANSIT)]


def test_what_waits_for_approval_asks_for_no_cover() -> None:
    desk = runs({"requires_approval": True}, line(1, 1080, "02")).until("03 00:00", there_is(0))
    assert desk.made == [("02", 1080, PayoutStatus.AWAITING_APPROVAL)]
