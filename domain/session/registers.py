"""The registers a session is billed by: what its meter told between its start and its end, if a meter can have."""

from collections.abc import Iterable, Sequence
from operator import attrgetter

from domain.errors import ImplausibleSession
from domain.exact import Exact
from domain.rating.session_trace import Reading, rises
from domain.session.facts import Verdict
from domain.session.meter_facts import NOTHING_CORRECTED, Corrected

# A register that falls by less, in Wh, was only told with another number of digits.
RESOLUTION_WH = 1

# A cumulative register cannot fall within a moment: of the readings at one, the lower was taken first.
in_reading_order = attrgetter("at", "register_wh", "source", "id")


def falls(from_wh: Exact, to_wh: Exact) -> bool:
    """Whether a register is lower than before by more than its resolution."""
    return to_wh <= from_wh - RESOLUTION_WH


def registers_as_known(
    known: Corrected, verdict: Verdict | None, start: Reading, readings: Sequence[Reading], stop: Reading
) -> Sequence[Reading]:
    """The registers of a session by what was corrected and reviewed of it, as `billed_registers` has them.

    `start` and `stop` are as corrected, `readings` those between them, in their order. Raises ImplausibleSession
    where they fall and nobody said how it was.
    """
    if verdict is Verdict.BILL:
        # What looked implausible is billed as start and end say; what is below zero says nothing and counts as none.
        stop = (stop[0], max(start[1], stop[1]))
        return billed_registers(start, fitting(readings, start[1], stop[1]), stop)
    if known is not NOTHING_CORRECTED:
        readings = fitting(readings, known.start_wh, known.stop_wh)
    return billed_registers(start, readings, stop)


def billed_registers(start: Reading, readings: Iterable[Reading], stop: Reading) -> Sequence[Reading]:
    """The registers from start to stop, none below the one before; start and stop give the energy.

    `readings` are in their order. One that is lower by less than the resolution counts as the highest so far, none as
    more than the stop. Raises ImplausibleSession where a register falls.
    """
    told = [start, *readings, stop]
    if rises([register_wh for _, register_wh in told]):
        return told
    start_wh, stop_wh = start[1], stop[1]
    if falls(start_wh, stop_wh):
        raise ImplausibleSession("END_BELOW_START", "the register at the end is below the one at the start")
    highest_wh, last_wh = start_wh, max(start_wh, stop_wh)
    used = [start]
    for at, register_wh in told[1:-1]:
        _refuse_fall(highest_wh, register_wh)
        highest_wh = max(highest_wh, register_wh)
        used.append((at, min(highest_wh, last_wh)))
    _refuse_fall(highest_wh, stop_wh)
    return [*used, (stop[0], last_wh)]


def fitting(readings: Iterable[Reading], start_wh: Exact | None, stop_wh: Exact | None) -> list[Reading]:
    """The readings that fit registers which somebody corrected, None where one stands as it was reported.

    What is below a corrected start or above a corrected stop does not; with both of them known, neither does what
    falls.
    """
    used: list[Reading] = []
    highest_wh = start_wh
    for at, register_wh in readings:
        if highest_wh is not None and falls(highest_wh, register_wh):
            continue
        if stop_wh is not None and falls(register_wh, stop_wh):
            continue
        if start_wh is not None and stop_wh is not None:
            highest_wh = max(highest_wh or start_wh, register_wh)
        used.append((at, register_wh))
    return used


def _refuse_fall(highest_wh: Exact, register_wh: Exact) -> None:
    if falls(highest_wh, register_wh):
        raise ImplausibleSession("REGISTER_FALLS", "a cumulative register fell during the session")
