"""Stays of cars from the events of their sessions: when each was there, what it took, and at which current.

How a session is read is `session_use`'s business: corrections and reviews count as everywhere. What a car draws at
most is not told: it is taken to be its own mean current while it charged.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from domain.charging import microseconds
from domain.exact import Exact
from domain.load.stays import SECONDS_AN_HOUR, TENTHS_AN_AMPERE, Stay
from domain.network.moments import microsecond_of
from domain.network.session_use import SessionUse, UseFacts, session_use
from domain.values import named_value
from projections.network.kept_facts import FACTS, learn

NO_END, NO_ENERGY = "NO_END", "NO_ENERGY"
_SECOND_US = 1_000_000


@named_value
class Wiring:
    """What events do not tell of cars: the voltage, the phases, and the most that any draws, in tenths."""

    voltage_v: Exact
    phases: tuple[int, ...]
    max_a: int


class Found(NamedTuple):
    """Stays by site, and why each session that is none of them was left out."""

    stays: Mapping[str, Sequence[Stay]]
    left_out: Mapping[str, str]


class SessionEvents:
    """The facts of sessions as they are told, in any order, each once."""

    def __init__(self) -> None:
        self._facts: dict[str, UseFacts] = {}
        self._seen: set[tuple[str, str]] = set()

    def take(self, type_: str, source: str, id_: str, data: Mapping[str, Any]) -> bool:
        """Take in an event; False where its type says nothing of a session's use."""
        if type_ not in FACTS:
            return False
        if (source, id_) not in self._seen:
            self._seen.add((source, id_))
            session_id = data["session_id"]
            facts = self._facts.setdefault(session_id, UseFacts(session_id))
            learn(facts, type_, {"source": source, "id": id_, "data": data})
        return True

    def found(self, wiring: Wiring) -> Found:
        """The stays of all sessions that have ended and took energy."""
        stays: dict[str, list[Stay]] = defaultdict(list)
        left_out: dict[str, str] = {}
        for session_id, facts in sorted(self._facts.items()):
            use = session_use(facts)
            reason = _why_none(use)
            if reason is None:
                stays[use.location_id].append(_stay(use, wiring))
            else:
                left_out[session_id] = reason
        return Found(stays, left_out)


def _why_none(use: SessionUse) -> str | None:
    if use.left_out is not None or use.ended_at is None:
        return use.left_out or NO_END
    return NO_ENERGY if use.energy_wh <= 0 else None


def _stay(use: SessionUse, wiring: Wiring) -> Stay:
    assert use.started_at is not None
    assert use.ended_at is not None
    connected_at = microsecond_of(use.started_at) // _SECOND_US
    departs_at = max(-(-microsecond_of(use.ended_at) // _SECOND_US), connected_at + 1)
    # The mean is over the seconds that its energy is spread over: those of CHARGING, or all where there are none.
    charging_us = _length(use.charging) or microseconds(use.ended_at - use.started_at) or _SECOND_US
    ampere_seconds = use.energy_wh * SECONDS_AN_HOUR * TENTHS_AN_AMPERE * _SECOND_US
    mean_a = -(-ampere_seconds // (wiring.voltage_v * len(wiring.phases) * charging_us))
    return Stay(
        session_id=use.session_id,
        connected_at=connected_at,
        departs_at=departs_at,
        need_wh=use.energy_wh,
        max_a=min(int(mean_a), wiring.max_a),
        phases=wiring.phases,
    )


def _length(spans: Iterable[tuple[int, int]]) -> int:
    return sum(end - begin for begin, end in spans)
