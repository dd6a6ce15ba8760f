"""Why a payout is not what the one before was: the difference in parts that add up to it, each with its counts.

The amounts are those of the entries that both payouts pay, by step. What sessions came to is split further: by how
many there were, by the energy of one, and by the price of a kWh; by the price of a session where the energy of any is
not known. The first two are told at what a session and a kWh came to before, and the last has the rest, so that the
parts add up exactly.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.money import round_half_up
from projections.payout_change import Change, ChangedStep
from projections.payout_explained import ExplainedPayout
from projections.payout_steps import Step

# The kinds of entries by which sessions come to their steps.
_GROSS = {"J01": Step.GROSS_CARD, "J13": Step.GROSS_ROAMING}

# Sessions that a payout pays the gross amount of, by kind of entry; their energy is null where that of any is
# unknown. What was taken back in the same payout is none.
_MEASURED = """
SELECT kind, count(*), sum(amount)::bigint,
       CASE WHEN bool_and(energy_wh IS NOT NULL) THEN sum(energy_wh)::text END
FROM (
    SELECT line.kind, entry.session_id, sum(line.amount) AS amount
    FROM surface.payouts CROSS JOIN unnest(payouts.entry_ids) AS paid (entry_id)
    JOIN surface.payable_lines AS line USING (entry_id, operator_id)
    JOIN surface.entries AS entry USING (entry_id)
    WHERE payouts.payout_id = %s AND line.kind IN ('J01', 'J13')
    GROUP BY line.kind, entry.session_id
    HAVING sum(line.amount) <> 0
) AS each_session
LEFT JOIN projection.sessions USING (session_id)
GROUP BY kind
"""


class Cause(StrEnum):
    """By what a step is more or less than before."""

    SESSIONS = "SESSIONS"
    ENERGY = "ENERGY"
    PRICE_OF_KWH = "PRICE_OF_KWH"
    PRICE_OF_SESSION = "PRICE_OF_SESSION"
    AMOUNT = "AMOUNT"


@dataclass(frozen=True, slots=True)
class Measured:
    """So many sessions, what they come to in minor units, and their energy in Wh; None where any of it is unknown."""

    sessions: int = 0
    amount: int = 0
    energy_wh: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the difference: of a step, by a cause, in minor units; `before` and `now` are what it was told by.

    Those are numbers of sessions, Wh of one, minor units of a kWh or of a session, and of the rest minor units.
    `entries` are how many both payouts pay of the step, that of before first.
    """

    step: Step
    cause: Cause
    amount: int
    before: Fraction
    now: Fraction
    entries: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Why:
    """What changed, with the parts of it that are not nothing, the largest first; they add up to the difference."""

    change: Change
    parts: tuple[Part, ...]


def why(cursor: Cursor[TupleRow], change: Change) -> Why:
    """The parts of what changed against the payout before."""
    before = _measured(cursor, change.before) if change.before else {}
    return Why(change, parts_of(change.steps, before, _measured(cursor, change.payout)))


def parts_of(
    steps: tuple[ChangedStep, ...], before: Mapping[Step, Measured], now: Mapping[Step, Measured]
) -> tuple[Part, ...]:
    """The parts of changed steps, by what was measured of their sessions; they add up to the steps' differences."""
    found = [
        replace(part, entries=(step.before.entries, step.now.entries))
        for step in steps
        for part in _parts(step, before.get(step.code, Measured()), now.get(step.code, Measured()))
        if part.amount
    ]
    order = {step: place for place, step in enumerate(Step)}
    causes = {cause: place for place, cause in enumerate(Cause)}
    found.sort(key=lambda part: (-abs(part.amount), order[part.step], causes[part.cause]))
    return tuple(found)


def _measured(cursor: Cursor[TupleRow], payout: ExplainedPayout) -> dict[Step, Measured]:
    return {
        _GROSS[kind]: Measured(sessions, amount, None if energy is None else Fraction(energy))
        for kind, sessions, amount, energy in cursor.execute(_MEASURED, (payout.payout_id,))
    }


def _parts(step: ChangedStep, then: Measured, now: Measured) -> Iterator[Part]:
    if step.code not in _GROSS.values() or (then.amount, now.amount) != (step.before.amount, step.now.amount):
        yield Part(step.code, Cause.AMOUNT, step.amount, Fraction(step.before.amount), Fraction(step.now.amount))
        return
    counts = (Fraction(then.sessions), Fraction(now.sessions))
    if not then.sessions or not now.sessions:
        yield Part(step.code, Cause.SESSIONS, step.amount, *counts)
        return
    of_one = Fraction(then.amount, then.sessions)
    by_number = round_half_up((now.sessions - then.sessions) * of_one)
    yield Part(step.code, Cause.SESSIONS, by_number, *counts)
    rest = step.amount - by_number
    if not then.energy_wh or not now.energy_wh:
        yield Part(step.code, Cause.PRICE_OF_SESSION, rest, of_one, Fraction(now.amount, now.sessions))
        return
    energy, energy_now = then.energy_wh / then.sessions, now.energy_wh / now.sessions
    price, price_now = (each.amount * 1000 / each.energy_wh for each in (then, now) if each.energy_wh)
    by_energy = round_half_up(now.sessions * (energy_now - energy) * price / 1000)
    yield Part(step.code, Cause.ENERGY, by_energy, energy, energy_now)
    yield Part(step.code, Cause.PRICE_OF_KWH, rest - by_energy, price, price_now)
