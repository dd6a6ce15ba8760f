"""Shares of charging cars, from a problem as a document to its answer."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Any

from contracts.allocation import AllocationProblem, CircuitGiven, SessionGiven
from domain.exact import Exact, whole
from domain.load.allocation import TENTHS_AN_AMPERE, Car, Share, allocate
from domain.load.circuits import Circuit, Tree


def answer(problem: AllocationProblem) -> dict[str, dict[str, Any]]:
    """The share of each session, in amperes per phase, and why; by session, in the order of the problem.

    What is finer than a tenth of an ampere is taken to the safe side: limits down, what others draw up. Floors and
    maxima of cars go up: a car draws no more than it can, and counts at what it is told.
    """
    shares = allocate(
        map(_car, problem.sessions),
        Tree(_circuit(each, _exact(problem.voltage_v)) for each in problem.circuits),
        step_a=_up(problem.step_a),
        voltage_v=_exact(problem.voltage_v),
        interval_s=_exact(problem.interval_s),
    )
    return _written(shares)


def _written(shares: Mapping[str, Share]) -> dict[str, dict[str, Any]]:
    return {session_id: {"a": _amperes(share.a), "why": str(share)} for session_id, share in shares.items()}


def _amperes(tenths: int) -> int | float:
    """As a JSON number: whole, or with one decimal."""
    return tenths // TENTHS_AN_AMPERE if tenths % TENTHS_AN_AMPERE == 0 else tenths / TENTHS_AN_AMPERE


def _circuit(given: CircuitGiven, voltage_v: Exact) -> Circuit:
    return Circuit(
        circuit_id=given.id,
        parent=given.parent,
        max_a=None if given.max_a is None else _down(given.max_a),
        max_w=None if given.max_w is None else _exact(given.max_w),
        base_a=_base_a(given, voltage_v),
        base_w=_base_w(given, voltage_v),
    )


def _base_a(given: CircuitGiven, voltage_v: Exact) -> tuple[int, int, int]:
    """What others draw by phase; where only their power is known, a third of it on each."""
    if given.base_a is not None:
        first, second, third = map(_up, given.base_a)
        return first, second, third
    if given.base_w is None:
        return 0, 0, 0
    each = -int(-(Fraction(given.base_w) * TENTHS_AN_AMPERE) // (3 * voltage_v))
    return each, each, each


def _base_w(given: CircuitGiven, voltage_v: Exact) -> Exact:
    if given.base_w is not None:
        return _exact(given.base_w)
    return whole(Fraction(sum(given.base_a)) * voltage_v) if given.base_a is not None else 0


def _car(given: SessionGiven) -> Car:
    return Car(
        session_id=given.session_id,
        circuit=given.circuit,
        phases=given.phases,
        min_a=_up(given.min_a),
        max_a=_up(given.max_a),
        need_wh=None if given.need_wh is None else _exact(given.need_wh),
        departs_in_s=None if given.departs_in_s is None else _exact(given.departs_in_s),
        connected_s=_exact(given.connected_s),
        delivered_wh=_exact(given.delivered_wh or Decimal(0)),
        priority=given.priority or 0,
    )


def _exact(number: Decimal) -> Exact:
    numerator, denominator = number.as_integer_ratio()
    return numerator if denominator == 1 else Fraction(numerator, denominator)


def _down(amperes: Decimal) -> int:
    return int((amperes * TENTHS_AN_AMPERE).to_integral_value(ROUND_FLOOR))


def _up(amperes: Decimal) -> int:
    return int((amperes * TENTHS_AN_AMPERE).to_integral_value(ROUND_CEILING))
