"""Which limits of a site are in force at a moment, and what they come to in W, all circuits and phases together."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise

from domain.exact import Exact, whole
from domain.values import named_value

# Between a phase and neutral, where nobody says otherwise (IEC 60038); circuits have three phases.
VOLTAGE_V, _PHASES = 230, 3
OFF = "OFF"
_MICROSECOND = timedelta(microseconds=1)


@named_value
class LimitedEvse:
    """An EVSE behind a circuit: how many phases it has, and the voltage between one and neutral where it was told."""

    evse_uid: str
    phases: int
    voltage_v: Exact | None = None


@named_value
class LimitedCircuit:
    """A circuit as it was told: A in each phase at most, W in all at most, what it is part of, and its EVSEs."""

    circuit_id: str
    parent: str | None = None
    max_a: Exact | None = None
    max_w: Exact | None = None
    evses: tuple[LimitedEvse, ...] = ()

    def limit_w(self, voltage_v: Exact) -> Exact | None:
        """The lower of both limits in W; None where it has none."""
        told = [] if self.max_w is None else [self.max_w]
        if self.max_a is not None:
            told.append(whole(Fraction(self.max_a) * voltage_v * _PHASES))
        return min(told, default=None)


@named_value
class LimitVersion:
    """One `site.limit_set`: `time`, `source` and `id` of its envelope; in force from `effective_from` on.

    `effective_to` is the first moment at which it is not; None: until another one of its reason begins.
    """

    effective_from: datetime
    effective_to: datetime | None
    time: datetime
    source: str
    id: str
    reason: str
    mode: str
    step_a: Exact | None
    circuits: tuple[LimitedCircuit, ...]

    @property
    def limit_w(self) -> Exact | None:
        """What the site may draw in all: the sum of its circuits that are part of no other; None where it is OFF."""
        if self.mode == OFF:
            return None
        of_roots = [each.limit_w(self._voltage_v) for each in self.circuits if each.parent is None]
        told = [each for each in of_roots if each is not None]
        return whole(sum(told, Fraction())) if told else None

    @property
    def _voltage_v(self) -> Exact:
        """The lowest that is told, since by that the least power flows."""
        told = [each.voltage_v for circuit in self.circuits for each in circuit.evses if each.voltage_v is not None]
        return min(told, default=VOLTAGE_V)

    def holds_at(self, at: datetime) -> bool:
        """Whether the moment is in its span."""
        return self.effective_from <= at and (self.effective_to is None or at < self.effective_to)


def in_force(versions: Iterable[LimitVersion], at: datetime) -> list[LimitVersion]:
    """Of each reason the version that counts at a moment, by reason; all of them have to be kept.

    That is the one that began last, of those that began together the one told last, by (time, source, id).
    """
    found: dict[str, LimitVersion] = {}
    for each in sorted(versions, key=_rank):
        if each.holds_at(at):
            found[each.reason] = each
    return [found[reason] for reason in sorted(found)]


def lowest_w(limits: Iterable[LimitVersion]) -> Exact | None:
    """The lowest of limits that are all in force, in W; None where there is none."""
    return min((each.limit_w for each in limits if each.limit_w is not None), default=None)


def mean_limits_w(
    versions: Sequence[LimitVersion], spans: Iterable[tuple[datetime, datetime]]
) -> Iterator[Exact | None]:
    """What the mean power of each span may be, in W; None where no limit was in force for some of it."""
    turns = {at for each in versions for at in (each.effective_from, each.effective_to) if at is not None}
    known: dict[datetime, Exact | None] = {}

    def limit_w(at: datetime) -> Exact | None:
        """It turns at some moments alone, so that it is that of the last one of them."""
        turned = max((turn for turn in turns if turn <= at), default=at)
        if turned not in known:
            known[turned] = lowest_w(in_force(versions, turned))
        return known[turned]

    for begin, end in spans:
        ends = [begin, *sorted(turn for turn in turns if begin < turn < end), end]
        parts = [(limit_w(since), (until - since) // _MICROSECOND) for since, until in pairwise(ends)]
        told = [(limit, lasted) for limit, lasted in parts if limit is not None]
        energy = sum((Fraction(limit) * lasted for limit, lasted in told), Fraction())
        yield whole(energy / ((end - begin) // _MICROSECOND)) if len(told) == len(parts) else None


def _rank(version: LimitVersion) -> tuple[datetime, datetime, str, str]:
    return version.effective_from, version.time, version.source, version.id
