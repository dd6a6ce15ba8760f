"""The demo's network: two weeks of a charging business, message by message, made of a seed and of nothing else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from domain.session.cdr_chain import cdr_id
from wattledger.demo import bank, payments, roaming
from wattledger.demo.cast import ROAMERS
from wattledger.demo.catalogue import catalogue
from wattledger.demo.charging import FOLLOWED_SESSION, Visit, correction, messages, plan
from wattledger.demo.foresight import Foresight
from wattledger.demo.messages import FIRST_DAY, ONE_DAY, Event, line, stamp
from wattledger.demo.mishaps import SESSIONS_MIN, no_show, silent_session
from wattledger.demo.operating import operating
from wattledger.demo.payments import Charge, Movement
from wattledger.demo.roaming import SentCdr

__all__ = ["FOLLOWED_SESSION", "network"]

DAYS_MIN = 7
GARBAGE = b'{"specversion":"1.0","id":"charging.session.met'
REFUNDS = (("OPERATOR", 100), ("SHARED", 40), ("PLATFORM", 100), ("SHARED", 100), ("OPERATOR", 25))
OUTCOMES: tuple[str | None, ...] = ("WON", "LOST", None)
DISPUTE_FEE = {"EUR": 1500, "SEK": 15000, "GBP": 1500, "USD": 1500, "INR": 40000, "JPY": 1500}


def network(seed: int, days: int = 14, sessions: int = 600) -> Iterator[bytes]:
    """Structured CloudEvents, one line each and in the order of time, with one duplicate and one broken line.

    The same arguments give the same bytes. With fewer than a hundred sessions some refunds and disputes have no
    payment to be about. Raises ValueError for fewer than 7 days, in which they have no room, or no session.
    """
    if days < DAYS_MIN or sessions < 1:
        raise ValueError(
            f"a network of {days} days and {sessions} sessions shows nothing: ask for {DAYS_MIN} days and 1 session "
            "at least"
        )
    events = sorted(_Story(seed, days, sessions).tell(), key=lambda each: (each["time"], each["id"]))
    lines = [line(each) for each in events]
    middle = len(lines) // 2
    yield from lines[: middle + 1]
    yield lines[middle]
    yield GARBAGE
    yield from lines[middle + 1 :]


@dataclass(slots=True)
class _Story:
    """The messages as they come to be: each chapter may look at what the ones before it led to."""

    seed: int
    days: int
    sessions: int
    foresight: Foresight = field(default_factory=Foresight)
    events: list[Event] = field(default_factory=list)

    def tell(self) -> list[Event]:
        # Not for secrets: the same seed must tell the same story.
        random = Random(self.seed)  # noqa: S311
        closes = FIRST_DAY + self.days * ONE_DAY
        until = closes + timedelta(hours=6, minutes=30)
        evses_per_site = 4 + self.sessions // (self.days * 40)
        # One more than the visits need, for what else happens.
        self._say(catalogue(evses_per_site + 1))
        visits = plan(random, self.days, self.sessions, evses_per_site)
        self._say(each for visit in visits for each in messages(visit, closes))
        # By chance of its own, so that the rest of the story is the same without it.
        of_its_own = Random(self.seed + 1)  # noqa: S311
        self._say(operating(of_its_own, visits, evses_per_site + 1, self.days))
        said, charged = payments.charges(random, visits, self.foresight)
        self._say(said)
        said, accepted = roaming.answers(random, visits, self.foresight)
        self._say(said)
        movements = self._afterwards(random, charged, until)
        accepted = self._corrected_cdr(random, visits, accepted)
        if self.sessions >= SESSIONS_MIN:
            charged.append(self._mishaps(evses_per_site + 1))
        self._say(payments.settlements(charged, movements, until))
        self._say(roaming.invoices(accepted, self.days))
        self.events += bank.answers(self.foresight, until)
        return [each for each in self.events if each["time"] <= stamp(until)]

    def _say(self, events: Iterator[Event] | Sequence[Event]) -> None:
        said = list(events)
        self.foresight.learn(said)
        self.events += said

    def _afterwards(self, random: Random, charged: Sequence[Charge], until: datetime) -> list[Movement]:
        """Refunds, disputes and a corrected meter, each about a payment of its own from the first days."""
        early = [c for c in charged if c.at < until - 6 * ONE_DAY and c.visit.session_id != FOLLOWED_SESSION]
        chosen = random.sample(early, min(len(early), len(REFUNDS) + len(OUTCOMES)))
        movements: list[Movement] = []
        for number, ((borne_by, percent), charge) in enumerate(zip(REFUNDS, chosen, strict=False), 1):
            at = charge.at + timedelta(hours=random.randrange(20, 80), minutes=random.randrange(60))
            said, movement = payments.refund(charge, number, charge.amount * percent // 100, borne_by, at)
            self._say([said])
            movements.append(movement)
        for number, (outcome, charge) in enumerate(zip(OUTCOMES, chosen[len(REFUNDS) :], strict=False), 1):
            opened, closed = charge.at + timedelta(hours=50), charge.at + timedelta(hours=120)
            fee = DISPUTE_FEE[charge.currency]
            about, moved = payments.dispute(charge, number, fee, opened, closed, outcome)
            self._say(about)
            movements += moved
        measured = [c for c in early if c not in chosen and c.currency == "EUR"]
        return movements + [self._corrected_charge(charge) for charge in measured[:1]]

    def _mishaps(self, evse: int) -> Charge:
        """A session that never ends, and a reservation that expires: what was charged for the latter."""
        self._say(silent_session(evse))
        expired, visit = no_show(evse)
        self._say([expired])
        said, charge = payments.charge_at_once(visit, self.foresight)
        self._say([said])
        return charge

    def _corrected_charge(self, charge: Charge) -> Movement:
        """A meter that had counted too much, and the difference that goes back to the driver an hour later."""
        at = charge.at + timedelta(hours=41)
        self._say([correction(charge.visit, at)])
        first, *_, last = self.foresight.bills(charge.visit.session_id)
        difference = max(1, first.gross - last.gross)
        number = len(REFUNDS) + 1
        said, movement = payments.refund(charge, number, difference, "OPERATOR", at + timedelta(hours=1))
        self._say([said])
        return movement

    def _corrected_cdr(self, random: Random, visits: Sequence[Visit], accepted: list[SentCdr]) -> list[SentCdr]:
        """A roaming session that is corrected: its CDR is credited, and the new one accepted and billed instead."""
        partner = ROAMERS[0].partner
        ids = {cdr.cdr_id: cdr for cdr in accepted}
        first_cdrs = {visit.session_id: cdr_id(visit.session_id, 1) for visit in visits}
        early = [v for v in visits if v.partner == partner and first_cdrs[v.session_id] in ids]
        if not early:
            return accepted
        visit = random.choice(early[: len(early) // 3 + 1])
        at = visit.ended_at + timedelta(hours=22)
        self._say([correction(visit, at)])
        again = roaming.accepted_again(visit, at + timedelta(minutes=9), self.foresight)
        self._say([again])
        gross = self.foresight.bills(visit.session_id)[-1].gross
        new = SentCdr(again["data"]["cdr_id"], partner, gross, at + timedelta(minutes=9))
        return [cdr for cdr in accepted if cdr.cdr_id != first_cdrs[visit.session_id]] + [new]
