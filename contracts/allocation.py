"""An allocation problem as a document: circuits, and the sessions below them that want to charge.

Currents are in amperes per phase, power in W, energy in Wh, times in seconds from now on.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

import orjson
from pydantic import Field, PlainValidator, ValidationError, WithJsonSchema

from contracts.amounts import Number, PositiveNumber, UnsignedNumber
from contracts.errors import ContractError
from contracts.refusal import faults_of
from contracts.values import AtLeastOne, Coherent, Identifier, Many, Problem, Wire, bad_value, wrong_type

PHASES = (1, 2, 3)


def _phases(value: object) -> tuple[int, ...]:
    """Phases by their names, or how many there are: the first ones then."""
    if type(value) is int and value in PHASES:
        return PHASES[:value]
    if type(value) is list and value and all(type(each) is int and each in PHASES for each in value):
        return tuple(sorted({*value}))
    sentence = "must be a number of phases from 1 to 3, or a list of those that are used, such as [2]"
    raise bad_value(sentence) if type(value) in (int, list) else wrong_type(sentence)


Phases = Annotated[
    tuple[int, ...],
    PlainValidator(_phases),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 3},
                {"type": "array", "items": {"enum": list(PHASES)}, "minItems": 1, "uniqueItems": True},
            ]
        }
    ),
]


class CircuitGiven(Wire):
    """A circuit with its limits, and what is drawn there that is not ours to steer: by phase, or in all."""

    id: Identifier
    parent: Identifier | None = None
    max_a: UnsignedNumber | None = None
    max_w: UnsignedNumber | None = None
    base_a: Annotated[tuple[UnsignedNumber, UnsignedNumber, UnsignedNumber], Field(strict=False)] | None = None
    base_w: UnsignedNumber | None = None


class SessionGiven(Wire):
    """A session that wants to charge: what it needs still (below 0: nothing), when it leaves, what it has by now."""

    session_id: Identifier
    circuit: Identifier
    phases: Phases
    min_a: PositiveNumber
    max_a: UnsignedNumber
    need_wh: Number | None = None
    departs_in_s: Number | None = None
    connected_s: UnsignedNumber
    delivered_wh: UnsignedNumber | None = None
    priority: Annotated[int, Field(ge=0, le=9)] | None = None


class AllocationProblem(Coherent):
    """A problem: what may be told in steps of `step_a`, for the next `interval_s`, by `voltage_v` a phase."""

    step_a: PositiveNumber = Decimal(1)
    voltage_v: PositiveNumber
    interval_s: PositiveNumber
    circuits: AtLeastOne[CircuitGiven]
    sessions: Many[SessionGiven]

    @staticmethod
    def contradictions(fields: Any) -> Iterator[Problem]:
        """A circuit that is there twice, below nothing or below itself; a session that is, or in no circuit."""
        circuits: tuple[CircuitGiven, ...] = fields.circuits or ()
        parents = {each.id: each.parent for each in circuits}
        yield from _twice("circuits", "id", [each.id for each in circuits])
        for place, circuit in enumerate(circuits):
            if circuit.parent is not None and circuit.parent not in parents:
                yield Problem(("circuits", place, "parent"), circuit.parent, "is not among the circuits")
            elif _is_above_itself(circuit.id, parents):
                yield Problem(("circuits", place, "parent"), circuit.parent, "makes the circuit its own ancestor")
        sessions: tuple[SessionGiven, ...] = fields.sessions or ()
        yield from _twice("sessions", "session_id", [each.session_id for each in sessions])
        for place, session in enumerate(sessions):
            if fields.circuits and session.circuit not in parents:
                yield Problem(("sessions", place, "circuit"), session.circuit, "is not among the circuits")


def read_problem(document: bytes) -> AllocationProblem:
    """The problem that a JSON document states. Raises ContractError with what is wrong, where, and what to do."""
    try:
        given = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise ContractError(f"$ is no JSON: {error}; give one problem as a JSON object", "$") from None
    try:
        return AllocationProblem.model_validate(given)
    except ValidationError as error:
        faults = faults_of(error)
        sentences = "; ".join(f"{each.path} {each.problem}" for each in faults[:5])
        raise ContractError(sentences, faults[0].path) from None


def _twice(where: str, name: str, ids: list[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, each in enumerate(ids):
        if each in seen:
            yield Problem((where, place, name), each, "is there twice")
        seen.add(each)


def _is_above_itself(circuit: str, parents: dict[str, str | None]) -> bool:
    seen, each = {circuit}, parents.get(circuit)
    while each is not None and each not in seen:
        seen.add(each)
        each = parents.get(each)
    return each == circuit
