"""A car that is plugged in: what it asked for, what it draws, what it was told and what of that its charger took."""

from dataclasses import dataclass, field

# Moments are microseconds since 1970, currents tenths of an ampere, energy thousandths of a Wh.
SECOND = 1_000_000
MINUTE = 60 * SECOND
FLOOR_A = 60
# A charger that says nothing for so long after a command is counted at what it may draw.
ANSWER_WITHIN = 10 * SECOND
# For so long a maximum that was learned holds, and a car that was idle is served last.
LEARNED_FOR = 15 * MINUTE
# At most so often a car is paused or resumed where no limit forces it.
FLAP_AFTER = 15 * MINUTE
# Before a command ends that was not renewed, its car counts at what it comes back to: longer than two looks at the
# grid are apart, so that others have time to make room.
_RETURNS_WITHIN = 6 * MINUTE
# What a car draws above its limit is no disobedience by a tenth of it, by 1 A, or within this of the answer.
_SETTLES = 30 * SECOND
_READINGS = 3
_OPEN_MAX = 8

ACCEPTED, REJECTED, NOT_SUPPORTED, TIMEOUT = "ACCEPTED", "REJECTED", "NOT_SUPPORTED", "TIMEOUT"


@dataclass(slots=True)
class Told:
    """A command: its id, the limit, and from when to when it holds."""

    command_id: str
    a: int
    at: int
    until: int


@dataclass(slots=True)
class Drawn:
    """What a car drew at a moment, and the limit that it had then; None where it had none."""

    at: int
    a: int
    limit_a: int | None


@dataclass(slots=True)
class Plugged:
    """A session that is not over.

    `phases` is how many it was declared to use, `uses` on how many it was seen to draw. `heeded` is the last command
    that its charger accepted, `open` those after it that it may follow or not. `refused` is what it answered to the
    last one, where that was no yes. `unproven_a` is what it drew before it accepted less, until a reading shows that
    it does; `over_a` is how much above what it accepted it was seen to draw since.
    """

    session_id: str
    evse_uid: str
    started_at: int
    register_mwh: int
    register_at: int
    delivered_mwh: int = 0
    is_idle: bool = False
    state_at: int = 0
    idle_until: int = 0
    declared_at: int = 0
    need_mwh: int | None = None
    departs_at: int | None = None
    max_a: int | None = None
    phases: int | None = None
    uses: int | None = None
    priority: int = 0
    drawn: list[Drawn] = field(default_factory=list)
    learned_a: int | None = None
    learned_until: int = 0
    heeded: Told | None = None
    open: list[Told] = field(default_factory=list)
    dropped_a: int = 0
    last: Told | None = None
    last_why: str = ""
    last_phases: int = 0
    refused: str | None = None
    answered_at: int = 0
    strays: bool = False
    unproven_a: int = 0
    over_a: int = 0
    flipped_at: int | None = None

    def is_waiting(self, at: int) -> bool:
        """Whether an answer is awaited still."""
        return bool(self.open) and self.open[-1].at + ANSWER_WITHIN > at

    def is_silent(self, at: int) -> bool:
        """Whether the last command was not answered in time."""
        return bool(self.open) and not self.is_waiting(at)

    def is_steered(self, at: int) -> bool:
        """Whether it does as it is told, as far as is known."""
        return self.refused is None and not self.strays and not self.is_silent(at)

    def may_draw(self, at: int, unheeded_a: int, most_a: int) -> int:
        """The most that it may draw now, by any of its commands that are not over.

        It is `unheeded_a` where none holds or soon none will, and `most_a` where it keeps to none.
        """
        held = self.heeded_a(at)
        if held is not None and self.heeded_a(at + _RETURNS_WITHIN) is None:
            held = max(held, unheeded_a)
        known = most_a if self.strays else unheeded_a if held is None else held
        seen = held + self.over_a if held is not None else known
        return max(known, seen, self.unproven_a, self.dropped_a, *(each.a for each in self.open))

    def doubt(self, before_a: int) -> None:
        """What it accepted is checked by its meter: until then it counts at what it drew last, where it may have."""
        drew_a = min(self.drawn[-1].a, before_a) if self.drawn else 0
        self.unproven_a = drew_a if self.heeded is not None and drew_a > self.heeded.a else 0
        self.over_a = 0

    def heeded_a(self, at: int) -> int | None:
        """The limit that its charger is known to keep; None where there is none."""
        return self.heeded.a if self.heeded is not None and at < self.heeded.until else None

    def tell(self, told: Told, why: str, phases: int) -> None:
        """It is told something new."""
        before = self.last
        if before is not None and (before.a == 0) != (told.a == 0):
            self.flipped_at = told.at
        self.open.append(told)
        if len(self.open) > _OPEN_MAX:
            self.dropped_a = max(self.dropped_a, self.open.pop(0).a)
        self.last, self.last_why, self.last_phases, self.refused = told, why, phases, None

    def answer(self, command_id: str, status: str, at: int) -> None:
        """Take in what its charger answered to a command that is open."""
        place = next(number for number, each in enumerate(self.open) if each.command_id == command_id)
        self.answered_at = at
        is_last = self.last is not None and self.last.command_id == command_id
        if status == ACCEPTED:
            self.heeded, self.open, self.dropped_a = self.open[place], self.open[place + 1 :], 0
            if is_last:
                self.refused = None
        elif status == TIMEOUT:
            # It may have heard it.
            self.refused = status if is_last else self.refused
        else:
            del self.open[place]
            self.refused = status if is_last else self.refused

    def read(self, at: int, register_mwh: int, drawn_a: int | None, maximum_a: int) -> None:
        """Take in a reading; `drawn_a` in each phase that it uses, None where that is not known.

        One that comes again is one reading still.
        """
        if at < self.register_at or (self.drawn and at <= self.drawn[-1].at):
            return
        self.delivered_mwh += max(register_mwh - self.register_mwh, 0)
        self.register_mwh, self.register_at = register_mwh, at
        if drawn_a is None:
            return
        limit_a = self.heeded_a(at)
        self.drawn = [*self.drawn, Drawn(at, drawn_a, limit_a)][-_READINGS:]
        self._learn(at, maximum_a)
        if limit_a is not None and at > self.answered_at:
            self.unproven_a, self.over_a = 0, max(drawn_a - limit_a, 0)
        self._compare(at, drawn_a, limit_a)

    def _learn(self, at: int, maximum_a: int) -> None:
        """What a car draws in three readings below its limit is, with a tenth more, what it can take."""
        if len(self.drawn) < _READINGS:
            return
        most = max(each.a for each in self.drawn)
        taken = -(-most * 11 // 10)
        limits = [maximum_a if each.limit_a is None else each.limit_a for each in self.drawn]
        if all(taken < limit for limit in limits) and self.drawn[0].at >= self.learned_until:
            self.learned_a, self.learned_until = taken, at + LEARNED_FOR

    def _compare(self, at: int, drawn_a: int, limit_a: int | None) -> None:
        """Whether it keeps to what it accepted."""
        if limit_a is None or self.heeded is None or at < max(self.heeded.at, self.answered_at) + _SETTLES:
            return
        self.strays = drawn_a > max(limit_a * 11 // 10, limit_a + 10)

    def change(self, at: int, *, is_idle: bool) -> None:
        """It charges, or it does not though it may: then it is served last for a while."""
        if at < self.state_at:
            return
        self.state_at, self.is_idle = at, is_idle
        if not is_idle:
            self.idle_until = 0
        elif self.heeded is None or self.heeded.a > 0:
            self.idle_until = at + LEARNED_FOR

    def can_take(self, at: int, maximum_a: int) -> int:
        """Its maximum: what its EVSE can give, what was declared, and what it was seen to take."""
        most = self.most(maximum_a)
        return most if self.learned_a is None or at >= self.learned_until else min(most, self.learned_a)

    def most(self, maximum_a: int) -> int:
        """What it can draw by its EVSE and by what was declared."""
        return maximum_a if self.max_a is None else min(maximum_a, self.max_a)

    def still_needs_mwh(self) -> int | None:
        """What is missing to the need that was declared, if one was."""
        return None if self.need_mwh is None else max(self.need_mwh - self.delivered_mwh, 0)

    def drew(self, at: int, within: int) -> int:
        """What it drew at a moment, by its reading nearest to it; 0 where none is near."""
        near = min(self.drawn, key=lambda each: abs(each.at - at), default=None)
        if near is None or abs(near.at - at) > within:
            return 0
        # What was read before it was told less is no more than that since.
        lowered = self.heeded is not None and near.at < self.heeded.at <= at
        return min(near.a, self.heeded.a) if self.heeded is not None and lowered else near.a
