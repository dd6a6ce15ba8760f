"""Small invented histories in which much goes wrong: for properties that hold whatever happens, in any order.

Every message is well-formed and has an id of its own; beyond that, what happens need not make sense: a refund may be
larger than its payment, a CDR may be answered that never was, and a payout may come back before it was paid.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TypeAlias

from tests.support import aftermath
from tests.support import events as builders
from tests.support.events import money
from tests.support.mishaps import mishaps

Event: TypeAlias = dict[str, Any]

FIRST_DAY = datetime(2026, 3, 26, tzinfo=UTC)  # Clocks in Europe go forward on the third day.
DAYS = 6
UNTIL = FIRST_DAY + timedelta(days=16)
PROVIDER = "acme-psp"
OPERATORS, TARIFFS = ("OP-1", "OP-2"), ("T-1", "T-2", "T-3")
PARTNERS = {"DE-ABC": "PAY_WHEN_PAID", "NL-XYZ": "ADVANCE"}
NEW_ACCOUNT = {"holder": "Grachtenlader BV", "iban": "NL20INGB0001234567"}
BAD_ACCOUNT = NEW_ACCOUNT | {"iban": "NL21INGB0001234567"}  # Its check digits are wrong.


def stamp(moment: datetime) -> str:
    """A moment as messages write it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def history(random: Random, sessions: int, *, run_terms: bool = False) -> list[Event]:
    """The messages of a network of two operators over six days, in the order of their times.

    With `run_terms` their contracts have optional terms of runs too.
    """
    story = _Story(random, [], run_terms=run_terms)
    story.catalogue()
    for number in range(sessions):
        story.session(f"S-{number}")
    story.settlements()
    story.payouts()
    story.events.extend(mishaps(random, story.events))
    # Two messages that came out alike in type, subject and time are one and the same: the first is kept.
    alone = {(event["source"], event["id"]): event for event in reversed(story.events)}
    return sorted(alone.values(), key=lambda event: (event["time"], event["id"]))


@dataclass(frozen=True, slots=True)
class _Story:
    random: Random
    events: list[Event]
    run_terms: bool = False

    def likely(self, percent: int) -> bool:
        """Whether something of this likelihood happens."""
        return self.random.randrange(100) < percent

    def later(self, moment: datetime, *, minutes: int) -> datetime:
        """A moment up to so many minutes later, or the same."""
        return moment + timedelta(minutes=self.random.randint(0, minutes))

    def catalogue(self) -> None:
        """Operators with terms of all kinds, tariffs published in time or late, and both roaming partners."""
        for operator_id in OPERATORS:
            self._operator(operator_id)
            for tariff_id in TARIFFS:
                self._tariff(operator_id, tariff_id)
        for name, funding in PARTNERS.items():
            signed = self.later(FIRST_DAY - timedelta(days=1), minutes=3_000)
            self.events.append(aftermath.partner(name, funding, stamp(signed)))

    def _operator(self, operator_id: str) -> None:
        choose = self.random.choice
        since = stamp(FIRST_DAY - timedelta(days=1))
        terms: dict[str, Any] = {
            "party_id": f"GR{operator_id[-1]}",
            "time_zone": choose(("Europe/Amsterdam", "Asia/Kolkata", "America/Los_Angeles")),
            "effective_from": since,
            "commission": self._commission(),
            "psp_fee_bearer": choose(("PLATFORM", "OPERATOR")),
            "fund_release": choose(("ON_SESSION", "ON_CAPTURE", "ON_SETTLEMENT")),
            "payout_cutoff_time": choose(("00:00", "02:30", "05:00")),
            "payout_business_days_only": self.likely(40),
            "payout_delay_days": choose((0, 0, 1, 3)),
            "payout_minimum": choose(("0.01", "0.01", "20.00")),
            "payout_reserve_percent": choose(("0", "0", "7.5")),
            "payout_reserve_days": choose((0, 2)),
            "payout_requires_approval": self.likely(10),
            "hold_overlaps": self.likely(30),
        }
        if self.likely(20):
            terms["advance_limit"] = choose(("0.00", "15.00"))
        terms |= self._run_terms()
        self.events.append(builders.operator(operator_id, time=since, **terms))
        if self.likely(40):
            changed = stamp(self.later(FIRST_DAY, minutes=DAYS * 1_440))
            again = terms | {"commission": self._commission(), "fund_release": choose(("ON_SESSION", "ON_CAPTURE"))}
            self.events.append(builders.operator(operator_id, changed=True, time=changed, **again))
        if self.likely(60):
            changed = stamp(self.later(FIRST_DAY + timedelta(days=3), minutes=9 * 1_440))
            again = terms | {"bank_account": choose((NEW_ACCOUNT, NEW_ACCOUNT, BAD_ACCOUNT))}
            self.events.append(builders.operator(operator_id, changed=True, time=changed, **again))

    def _run_terms(self) -> dict[str, Any]:
        """Some of the optional terms of runs, beside `payout` or inside it; some operators have none."""
        if not self.run_terms:
            return {}
        choose = self.random.choice
        tax = {"regime": "IN-TCS", "percent": choose(("0.5", "10")), "base": "GROSS", "threshold_year": "30.00"}
        share = {"regime": "IN-TDS", "percent": 1, "base": "SHARE", "year_start": choose(("04-01", "03-04"))}
        found = {
            "retain": choose(("0.00", "2.50", "10.00")),
            "max_carry_days": choose((0, 2, 30)),
            "limits": choose(({"payout": "15.00"}, {"day": "40.00", "payout": None}, {})),
            "anomaly_factor": choose((1, "1.5", 5)),
            "funding_delays": choose(({"CARD": 2}, {"ROAMING": 0, "CARD": 1})),
            "withholding": choose(([], [tax], [tax, share])),
        }
        told = {name: each for name, each in found.items() if self.likely(50)}
        inside = self.likely(30)
        return {f"payout_{name}" if inside else name: each for name, each in told.items()}

    def _commission(self) -> dict[str, str]:
        choose = self.random.choice
        return {
            "percent": choose(("0", "7.5", "10", "33.3")),
            "per_session": choose(("0.00", "0.25", "5.00")),
            "vat_percent": choose(("0", "21")),
        }

    def _tariff(self, operator_id: str, tariff_id: str) -> None:
        name = f"{operator_id}-{tariff_id}"
        versions = self.random.choice((0, 1, 1, 1, 2)) if tariff_id == "T-3" else self.random.choice((1, 1, 2))
        for version in range(versions):
            # The first one in time or after some sessions; it is in effect from its effective_from in either case.
            late = self.later(FIRST_DAY, minutes=DAYS * 1_440) if version or self.likely(25) else None
            time = stamp(late or FIRST_DAY - timedelta(days=1))
            fields: dict[str, Any] = {
                "elements": [{"price_components": self._components()}],
                "party_id": f"GR{operator_id[-1]}",
            }
            published = builders.tariff(operator_id, name, time=time, **fields)
            if version == 0:
                published["data"]["effective_from"] = stamp(FIRST_DAY - timedelta(days=1))
            self.events.append(published)

    def _components(self) -> list[dict[str, Any]]:
        vat = self.random.choice((0, 7, 21))
        by_energy = {"type": "ENERGY", "price": self.random.choice((0.25, 0.49, 0.537)), "vat": vat, "step_size": 1}
        flat = {"type": "FLAT", "price": 1.5, "vat": vat, "step_size": 1}
        parking = {"type": "PARKING_TIME", "price": 2.4, "vat": vat, "step_size": 300}
        by_time = {"type": "TIME", "price": 3, "vat": vat, "step_size": 60}
        return self.random.choice(
            ([by_energy], [by_energy], [by_energy, parking], [flat, by_time], [by_energy, flat])
        )

    def session(self, session_id: str) -> None:
        """One session, from its first message to what comes of it days later."""
        start = self.later(FIRST_DAY, minutes=(DAYS - 1) * 1_440)
        end = start + timedelta(minutes=self.random.choice((0, 1, 25, 60, 60, 240)))
        energy_wh = self.random.choice((0, 7, 4_321, 20_000, 54_321))
        operator_id = self.random.choice(OPERATORS)
        roams = self.random.choice(tuple(PARTNERS)) if self.likely(30) else None
        self._charging(session_id, start, end, energy_wh, operator_id, roams)
        corrected = [self._correction(session_id, end, energy_wh) for _ in range(self.random.choice((0, 0, 0, 1, 2)))]
        if roams:
            self._roaming(session_id, roams, end, len(corrected))
        else:
            self._payments(session_id, end)

    def _charging(
        self, session_id: str, start: datetime, end: datetime, energy_wh: int, operator_id: str, roams: str | None
    ) -> None:
        tariff_id = f"{operator_id}-{self.random.choice(TARIFFS)}"
        who: dict[str, Any] = {}
        if roams:
            country, party = roams.split("-")
            who["token"] = {"country_code": country, "party_id": party, "uid": f"U-{session_id}", "type": "RFID"}
            who["token"]["contract_id"] = f"C-{session_id}"
        if self.likely(97):
            self.events.append(
                builders.started(
                    session_id,
                    stamp(start),
                    operator_id=operator_id,
                    tariff_id=tariff_id,
                    meter_start_wh=1_000,
                    evse_uid=self.random.choice(("EVSE-1", "EVSE-2")),
                    **who,
                )
            )
        if self.likely(3):
            self.events.append(builders.started(session_id, stamp(start + timedelta(minutes=1)), meter_start_wh=999))
        for _ in range(self.random.randint(0, 2)):
            reads = self.random.randint(-5, 250)
            # Now and then more than the end says, which is implausible inside the session and kept outside it.
            register_wh = (
                1_000 + energy_wh * self.random.choice((0, 1, 1, 2)) // 2 + self.random.choice((0, 0, 0, 90))
            )
            self.events.append(builders.metered(session_id, stamp(start + timedelta(minutes=reads)), register_wh))
        for state in ("IDLE", "CHARGING"):
            if self.likely(25):
                moment = stamp(self.later(start, minutes=90))
                self.events.append(aftermath.idle(session_id, moment, state))
        if self.likely(97):
            self.events.append(builders.ended(session_id, stamp(end), 1_000 + energy_wh))

    def _correction(self, session_id: str, end: datetime, energy_wh: int) -> Event:
        at = stamp(self.later(end + timedelta(minutes=self.random.choice((1, 10, 600))), minutes=4 * 1_440))
        register_wh = 1_000 + energy_wh * self.random.choice((50, 90, 98, 105)) // 100
        correction = builders.corrected(session_id, at, register_wh)
        self.events.append(correction)
        return correction

    def _roaming(self, session_id: str, partner: str, end: datetime, corrections: int) -> None:
        answered = []
        for number in range(1, 2 + corrections):
            at = self.later(end + timedelta(minutes=self.random.choice((5, 20, 2_000))), minutes=3 * 1_440)
            cdr_id = aftermath.cdr_id(session_id, number)
            if self.likely(75):
                self.events.append(aftermath.cdr_answer("accepted", partner, cdr_id, stamp(at)))
                answered.append((cdr_id, at))
            if self.likely(15):
                at = self.later(at, minutes=1_440)
                self.events.append(aftermath.cdr_answer("rejected", partner, cdr_id, stamp(at)))
        for cdr_id, at in answered:
            if self.likely(60):
                paid = stamp(self.later(at, minutes=4 * 1_440))
                amount = money(self.random.choice(("9.80", "12.10", "3.33")))
                self.events.append(aftermath.invoice_paid(f"I-{cdr_id}", partner, paid, [cdr_id], amount))

    def _payments(self, session_id: str, end: datetime) -> None:
        charge = self.random.choice(("0.00", "2.56", "12.10", "40.00", "40.00", "40.00", "80.00"))
        currency = "USD" if self.likely(6) else "EUR"
        at = self.later(end + timedelta(minutes=self.random.choice((-10, 1, 400))), minutes=300)
        if self.likely(15):
            self.events.append(aftermath.payment_failed(session_id, stamp(self.later(at, minutes=600))))
        if self.likely(85):
            self.events.append(builders.captured(session_id, stamp(at), charge, "0.30", currency=currency))
        if self.likely(10):
            more = stamp(self.later(at, minutes=2_000))
            self.events.append(builders.captured(session_id, more, "30.00", "0.20", f"Q-{session_id}"))
        for number in range(self.random.choice((0, 0, 0, 0, 1, 2))):
            back = money(self.random.choice(("0.50", "1.99", "6.05", "25.00")))
            refund = stamp(self.later(at, minutes=4 * 1_440))
            bearer = self.random.choice(("OPERATOR", "PLATFORM", "SHARED"))
            self.events.append(aftermath.refunded(f"R-{session_id}-{number}", session_id, refund, back, bearer))
        if self.likely(15):
            self._dispute(session_id, at)

    def _dispute(self, session_id: str, at: datetime) -> None:
        opened = self.later(at, minutes=3 * 1_440)
        amount = money(self.random.choice(("2.00", "6.05", "12.10")))
        name = f"D-{session_id}"
        if self.likely(92):
            self.events.append(aftermath.disputed(name, session_id, stamp(opened), amount, money("15.00")))
        if self.likely(70):
            closed, outcome = self.later(opened, minutes=5 * 1_440), self.random.choice(("WON", "LOST"))
            self.events.append(aftermath.dispute_closed(name, session_id, stamp(closed), outcome))

    def settlements(self) -> None:
        """The provider settles each day's captures the next morning, now and then with another fee."""
        by_day: dict[str, list[Event]] = {}
        for event in self.events:
            if event["type"] == "payment.captured" and self.likely(90):
                fee = self.random.choice(("0.30", "0.30", "0.35"))
                currency = event["data"]["amount"]["currency"]
                item = event["data"] | {"fee": money(fee, currency)}
                by_day.setdefault(f"{event['time'][:10]} {currency}", []).append(item)
        for day, captures in by_day.items():
            at = datetime.fromisoformat(f"{day[:10]}T06:00:00+00:00") + timedelta(days=self.random.choice((1, 1, 2)))
            self.events.append(aftermath.settled(f"X-{day}", stamp(at), PROVIDER, captures))

    def payouts(self) -> None:
        """What the processor says about payouts that may be made on these days, and about their second attempts."""
        for operator_id in OPERATORS:
            for number in range(DAYS + 6):
                day = FIRST_DAY + timedelta(days=number)
                for attempt in (1, 2):
                    payout_id = aftermath.payout_id(operator_id, day.strftime("%Y-%m-%d"), attempt)
                    self.events.extend(self._answers(payout_id, day + timedelta(days=4 * attempt - 3)))

    def _answers(self, payout_id: str, fired: datetime) -> Iterator[Event]:
        course = self.random.choice(_COURSES)
        at = fired
        for answer in course:
            at = self.later(at + timedelta(hours=1), minutes=1_440)
            yield aftermath.payout_answer(answer, payout_id, stamp(at))


# What a payout may go through; `returned` alone implies that it was paid.
_COURSES: tuple[tuple[str, ...], ...] = (
    (),
    ("accepted",),
    ("accepted", "paid"),
    ("paid",),
    ("failed",),
    ("accepted", "failed"),
    ("paid", "returned"),
    ("returned",),
    ("paid", "failed"),
)


def disordered(random: Random, events: list[Event], duplicates_percent: int = 30) -> list[Event]:
    """The same messages, some of them twice, in any order."""
    again = events + random.sample(events, len(events) * duplicates_percent // 100)
    random.shuffle(again)
    return again
