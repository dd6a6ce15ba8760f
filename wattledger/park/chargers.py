"""Chargers: what each offers to the car at it, by the profiles that it was sent, its fallback, and its faults."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """What a charger does wrong for a while."""

    REJECTS = "rejects"
    """It answers REJECTED and keeps what it had."""
    LATE = "late"
    """It obeys and answers after ten seconds."""
    IGNORES = "ignores"
    """It does nothing and says nothing about it; its meter is heard of all the same."""
    OVERDRAWS = "overdraws"
    """It answers ACCEPTED and offers what it did before, where that is more."""
    STAYS_PAUSED = "stays paused"
    """Once it is told to pause it answers ACCEPTED to whatever follows, and stays paused."""
    SILENT = "silent"
    """Nobody reaches it, and nothing is heard of it; its gateway answers TIMEOUT, and tells later what it missed."""


LATE_S: Final = 10
TIMEOUT_S: Final = 30
ACCEPTED, REJECTED, TIMEOUT = "ACCEPTED", "REJECTED", "TIMEOUT"


@dataclass(frozen=True, slots=True)
class Profile:
    """A command: `limit_ma` a phase for a session in [`valid_from_s`, `valid_to_s`), or until another one.

    One that `is_fallback` is of no session: what the charger offers where no other is in force.
    """

    command_id: str
    session_id: str
    evse_uid: str
    limit_ma: int
    valid_from_s: int
    valid_to_s: int | None = None
    is_fallback: bool = False

    def rules(self, at_s: int) -> bool:
        """Whether it is in force at a moment."""
        return self.valid_from_s <= at_s and (self.valid_to_s is None or at_s < self.valid_to_s)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said about a command, and when."""

    command_id: str
    evse_uid: str
    at_s: int
    status: str


@dataclass(frozen=True, slots=True)
class Spell:
    """A fault of an EVSE in [`from_s`, `to_s`)."""

    evse_uid: str
    fault: Fault
    from_s: int
    to_s: int


@dataclass(slots=True)
class Charger:
    """An EVSE on the first `phases` of three that offers `most_ma` at most.

    `fallback_ma` is what it offers while no profile is in force: OCPP's TxDefaultProfile, which it keeps whoever else
    is away.
    """

    evse_uid: str
    phases: int
    most_ma: int
    fallback_ma: int
    spells: tuple[Spell, ...] = ()
    session_id: str | None = None
    _profiles: list[Profile] = field(default_factory=list)
    _waiting: list[tuple[int, Profile]] = field(default_factory=list)
    _is_paused: bool = False
    _answers: dict[str, str] = field(default_factory=dict)

    def fault(self, at_s: int) -> Fault | None:
        """What is wrong with it at a moment."""
        return next((each.fault for each in self.spells if each.from_s <= at_s < each.to_s), None)

    def plug_in(self, session_id: str) -> None:
        """A session begins: profiles of another one are nothing to it."""
        self.session_id = session_id
        self._profiles.clear()
        self._waiting = [each for each in self._waiting if each[1].is_fallback]
        self._answers.clear()
        self._is_paused = False

    def unplug(self) -> None:
        """The session is over."""
        self.session_id = None

    def take(self, profile: Profile, at_s: int) -> Answer | None:
        """Do what it does about a command at a moment; what it says, and when. None: it says nothing.

        A command that it has answered is answered again, and nothing else follows from it.
        """
        fault = self.fault(at_s)
        if fault is Fault.SILENT:
            return Answer(profile.command_id, self.evse_uid, at_s + TIMEOUT_S, TIMEOUT)
        if fault is Fault.IGNORES:
            return None
        said_at_s = at_s + LATE_S if fault is Fault.LATE else at_s
        if (status := self._answers.get(profile.command_id)) is None:
            is_strange = not profile.is_fallback and profile.session_id != self.session_id
            is_refused = fault is Fault.REJECTS or is_strange
            status = self._answers[profile.command_id] = REJECTED if is_refused else ACCEPTED
            if not is_refused and (fault is not Fault.OVERDRAWS or profile.limit_ma > self.offers_ma(at_s)):
                self._waiting.append((said_at_s, profile))
                self._obey_those_due(at_s)
        return Answer(profile.command_id, self.evse_uid, said_at_s, status)

    def _obey(self, profile: Profile) -> None:
        """Keep it beside what is in force until it begins; one of the same beginning takes the place of the other."""
        if profile.is_fallback:
            self.fallback_ma = profile.limit_ma
            return
        kept = [each for each in self._profiles if each.valid_from_s < profile.valid_from_s]
        self._profiles = [*kept[-1:], profile]

    def _obey_those_due(self, at_s: int) -> None:
        for due in [each for each in self._waiting if each[0] <= at_s]:
            self._waiting.remove(due)
            self._obey(due[1])

    def offers_ma(self, at_s: int) -> int:
        """What it offers to the car at a moment, per phase; below 6 A it is a pause."""
        self._obey_those_due(at_s)
        profile = next((each for each in reversed(self._profiles) if each.rules(at_s)), None)
        offered = min(self.fallback_ma if profile is None else profile.limit_ma, self.most_ma)
        is_stuck = self.fault(at_s) is Fault.STAYS_PAUSED
        self._is_paused = is_stuck and (self._is_paused or offered == 0)
        return 0 if self._is_paused else offered


def milliamperes(amperes: object) -> int:
    """Amperes as they are written in a message, a number or its text, in mA; what is finer is taken down."""
    return int(Decimal(str(amperes)) * 1_000)
