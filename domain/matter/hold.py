"""Holds: an amount that somebody keeps of what an operator may be paid, with its releases (rule P8).

A hold takes its whole amount from what is available (J31), below zero too: what the operator earns next then fills
it, and nothing is paid meanwhile. It comes back as people release it, in parts or whole, and what is left of it by
itself when its time is over (J32). One that nobody has released for too long is a finding; it is not given back by
itself.
"""

from collections.abc import Sequence
from typing import Any

from domain.book.findings import Finding, FindingKind
from domain.book.matter_bookings import HoldPlaced, HoldReleased
from domain.calendar import instant, utc_text
from domain.matter.judgement import Head, Judgement, MatterJudged, MatterKind, MatterState, Surroundings, not_known
from domain.matter.orphans import about_nothing
from domain.matter.told import Told, of_types
from domain.money import format_minor, parse_minor

KEY, UNTIL_KEY, TOO_OLD_KEY = "hold", "release:until", "too-old"


def judge_hold(told: Sequence[Told], around: Surroundings) -> Judgement:
    """What should be of a hold by all that was said of it."""
    id_ = told[0].data["hold_id"]
    placed, releases = of_types(told, "reserve.held"), of_types(told, "reserve.released")
    judgement = Judgement()
    if not placed:
        sentence = f"hold {id_} is not known: it counts once it is"
        judgement.refused += [each.refused(id_, sentence) for each in releases]
        judgement.findings.append(about_nothing("hold", id_, releases))
        return judgement
    held, *again = placed
    sentence = f"hold {id_} was placed before, by {held.by}: hold more under an id of its own"
    judgement.refused += [each.refused(id_, sentence) for each in again]
    if around.terms(held.at) is None:
        judgement.refused += [each.refused(id_, not_known(held.data["operator_id"])) for each in (held, *releases)]
        return judgement
    _Hold(id_, held, around, judgement).judge(releases)
    return judgement


class _Hold:
    """One hold while its releases go by; amounts are minor units of its currency."""

    def __init__(self, id_: str, held: Told, around: Surroundings, judgement: Judgement) -> None:
        self.id_, self.held, self.around, self.judgement = id_, held, around, judgement
        self.operator_id: str = held.data["operator_id"]
        self.currency: str = held.data["amount"]["currency"]
        self.until = instant(held.data["until"]) if held.data.get("until") else None
        self.left = held.minor()
        self.trail: list[dict[str, Any]] = []

    def judge(self, releases: Sequence[Told]) -> None:
        """Book the hold and what comes back of it."""
        head = self._head(KEY, self.held)
        self.judgement.bookings.append(HoldPlaced(**head, share=KEY, matured=True, amount=self.left))
        over = [] if self.until is None else [each for each in releases if each.at >= self.until]
        for release in releases:
            if release not in over:
                self._release(release)
        self._release_at_its_time()
        for release in over:
            self._refuse(release, f"is over since {utc_text(self.until or release.at)}")
        self._find_old()
        self.judgement.judged = self._judged()

    def _head(self, key: str, told: Told) -> Head:
        return {
            "key": key,
            "effective_at": told.at,
            "currency": self.currency,
            "operator_id": self.operator_id,
            "session_id": self.held.data.get("session_id"),
        }

    def _release(self, release: Told) -> None:
        told, currency = release.data.get("amount"), self.currency
        if release.at < self.held.at:
            return self._refuse(release, "was not placed by then")
        if release.data["operator_id"] != self.operator_id:
            return self._refuse(release, f"is of operator {self.operator_id}")
        if told is not None and told["currency"] != currency:
            return self._refuse(release, f"is in {currency}")
        amount = self.left if told is None else parse_minor(told["amount"], currency)
        if amount > self.left or not amount:
            return self._refuse(release, f"has {format_minor(self.left, currency)} {currency} left by then")
        key = f"release:{release.source}:{release.id}"
        head = self._head(key, release)
        booking = HoldReleased(**head, share=key, matured=True, amount=amount)
        self._book_release(booking, release.by, release.data["reason"])
        return None

    def _refuse(self, release: Told, why: str) -> None:
        self.judgement.refused.append(release.refused(self.id_, f"hold {self.id_} {why}: nothing is released"))

    def _release_at_its_time(self) -> None:
        """What is left once its time is over; the clock has to have come there."""
        if self.until is None or not self.left:
            return
        at = max(self.until, self.held.at)
        if not self.around.has_come(UNTIL_KEY, at):
            self.judgement.look_again(at)
            return
        head = self._head(UNTIL_KEY, self.held._replace(at=at))
        booking = HoldReleased(**head, share=UNTIL_KEY, matured=True, amount=self.left)
        self._book_release(booking, "", "its time is over")

    def _book_release(self, booking: HoldReleased, by: str, reason: str) -> None:
        self.left -= booking.amount
        self.judgement.bookings.append(booking)
        at, amount = utc_text(booking.effective_at), format_minor(booking.amount, self.currency)
        self.trail.append({"at": at, "amount": amount, "by": by or None, "reason": reason})

    def _find_old(self) -> None:
        """That nobody has released it for too long."""
        due_at = self.held.at + self.around.hold_max_age
        if not self.left:
            return
        if not (self.around.is_open(TOO_OLD_KEY) or (self.around.clock is not None and self.around.clock >= due_at)):
            self.judgement.look_again(due_at)
            return
        days = self.around.hold_max_age.days
        left = f"{format_minor(self.left, self.currency)} {self.currency}"
        sentence = f"hold {self.id_} keeps {left} of operator {self.operator_id} for more than {days} days"
        self.judgement.findings.append(
            Finding(
                FindingKind.HOLD_TOO_OLD,
                TOO_OLD_KEY,
                subject=self.id_,
                operator_id=self.operator_id,
                since=due_at,
                sentence=sentence,
                currency=self.currency,
                amount=self.left,
            )
        )

    def _judged(self) -> MatterJudged:
        data = self.held.data
        details: dict[str, Any] = {"left": format_minor(self.left, self.currency), "releases": self.trail}
        details |= {name: data[name] for name in ("until", "session_id") if data.get(name) is not None}
        return MatterJudged(
            MatterKind.HOLD,
            self.id_,
            self.operator_id,
            MatterState.HELD if self.left else MatterState.RELEASED,
            self.currency,
            self.held.minor(),
            self.held.at,
            self.held.by,
            reason=data["reason"],
            details=details,
        )
