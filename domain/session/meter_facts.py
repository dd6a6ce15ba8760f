"""What was reported about the charging itself, in any order, and what it says taken together."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple, TypeVar

from domain.exact import Exact
from domain.fact import in_order
from domain.session.facts import (
    Ended,
    MeterCorrected,
    Metered,
    ReservationExpired,
    Reviewed,
    Started,
    StateChanged,
    Verdict,
)
from domain.values import value

_Reported = TypeVar("_Reported", Started, Ended)


@dataclass(slots=True)
class MeterFacts:
    """What was told of one session; a no-show's reservation is its start and end."""

    starts: list[Started] = field(default_factory=list)
    ends: list[Ended] = field(default_factory=list)
    readings: list[Metered] = field(default_factory=list)
    states: list[StateChanged] = field(default_factory=list)
    corrections: list[MeterCorrected] = field(default_factory=list)
    reviews: list[Reviewed] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.starts or self.ends or self.readings or self.states or self.corrections or self.reviews)

    def first_start(self) -> Started | None:
        """The start that is taken when several say the same."""
        return _first(self.starts)

    def first_end(self) -> Ended | None:
        """The end that is taken when several say the same."""
        return _first(self.ends)

    def start_as_corrected(self) -> Started | None:
        """The start by all corrections."""
        start = self.first_start()
        return latest(self).start(start) if start is not None and self.corrections else start

    def authorization_reference(self) -> str | None:
        """The one that was given last (OCPI mod_tokens, AuthorizationInfo): starts that agree may name others.

        One that is for another party than the first start says nothing to that one's.
        """
        first = self.first_start()
        partner = first.partner if first is not None else None
        given = [start for start in self.starts if start.authorization_reference and start.partner == partner]
        return max(given, key=in_order).authorization_reference if given else None

    def verdict(self) -> Verdict | None:
        """What the latest review says, None where nobody looked."""
        return max(self.reviews, key=in_order).verdict if self.reviews else None

    def take_in_no_show(self, fact: ReservationExpired) -> None:
        """A reservation that nobody used: from its start to its expiry, without energy."""
        self.starts.append(fact.start)
        self.ends.append(fact.end)


def _first(facts: Sequence[_Reported]) -> _Reported | None:
    """Nearly always there is one, or none yet; this is asked several times a judgement."""
    return facts[0] if len(facts) == 1 else min(facts, key=in_order, default=None)


@value
class Corrected:
    """What corrections say by some moment: registers in Wh and times, None where none says anything.

    What is corrected takes the place of all that was reported of it, so that it contradicts nothing any more.
    """

    start_wh: Exact | None = None
    stop_wh: Exact | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def by(self, fact: MeterCorrected) -> "Corrected":
        """With a later correction of some of it."""
        return Corrected(
            self.start_wh if fact.start_wh is None else fact.start_wh,
            self.stop_wh if fact.stop_wh is None else fact.stop_wh,
            fact.started_at or self.started_at,
            fact.ended_at or self.ended_at,
        )

    def start(self, told: Started) -> Started:
        """A reported start as corrected."""
        if self.started_at is None and self.start_wh is None:
            return told
        register_wh = told.register_wh if self.start_wh is None else self.start_wh
        return replace(told, at=self.started_at or told.at, register_wh=register_wh)

    def end(self, told: Ended) -> Ended:
        """A reported end as corrected."""
        if self.ended_at is None and self.stop_wh is None:
            return told
        register_wh = told.register_wh if self.stop_wh is None else self.stop_wh
        return replace(told, at=self.ended_at or told.at, register_wh=register_wh)


NOTHING_CORRECTED = Corrected()


def latest(facts: MeterFacts) -> Corrected:
    """What all corrections say: the latest of each; those at the same time are taken by (source, id)."""
    found = NOTHING_CORRECTED
    # A reservation that nobody used took no energy, whatever its meter says.
    if facts.corrections and not any(start.no_show for start in facts.starts):
        for fact in sorted(facts.corrections, key=in_order):
            found = found.by(fact)
    return found


def contradiction(facts: MeterFacts, known: Corrected, verdict: Verdict | None) -> str:
    """Why a session is INVALID, "" when its reports agree: two operators, starts, ends, tariffs or tokens were told.

    What is corrected contradicts nothing. A session that is to be billed all the same is by its first start's tariff
    and token; whose it is, when it was and what it took nobody can tell from two reports.
    """
    if len(facts.starts) > 1:
        starts = [known.start(start) for start in facts.starts]
        if len({start.operator_id for start in starts}) > 1:
            return "TWO_OPERATORS"
        if len({(start.at, start.register_wh) for start in starts}) > 1:
            return "TWO_STARTS"
        if verdict is not Verdict.BILL:
            if len({start.tariff_id.casefold() for start in starts}) > 1:
                return "TWO_TARIFFS"
            if len({_token(start) for start in starts}) > 1:
                return "TWO_TOKENS"
    if len(facts.ends) > 1:
        ends = [known.end(end) for end in facts.ends]
        if len({(end.at, end.register_wh) for end in ends}) > 1:
            return "TWO_ENDS"
    return ""


def _token(start: Started) -> tuple[str, ...]:
    """Whose token it was; ids are without case (OCPI types, CiString)."""
    token = start.token or {}
    return tuple(
        token.get(name, "").casefold() for name in ("country_code", "party_id", "type", "uid", "contract_id")
    )


class Metering(NamedTuple):
    """From `at` on it was known that the meter counted `energy_wh` in the session."""

    at: datetime
    energy_wh: Exact


def metered(start: Started, end: Ended, corrections: Sequence[MeterCorrected]) -> list[Metering]:
    """What the session's registers say, at its end and after each later correction that changes it.

    What is below zero says nothing about energy and counts as none.
    """
    known = NOTHING_CORRECTED
    found = [Metering(end.at, max(end.register_wh - start.register_wh, 0))]
    for fact in sorted(corrections, key=in_order):
        known = known.by(fact)
        energy_wh = max(known.end(end).register_wh - known.start(start).register_wh, 0)
        if fact.at <= end.at:
            found = [Metering(end.at, energy_wh)]
        elif energy_wh != found[-1].energy_wh:
            found.append(Metering(fact.at, energy_wh))
    return found
