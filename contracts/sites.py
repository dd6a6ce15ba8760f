"""What a site may draw, by its circuits, and what its own meter says that it drew."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from contracts.amounts import Number, PositiveNumber, UnsignedNumber, WattHours
from contracts.envelope import Event
from contracts.values import Identifier, Many, Problem, Time, Wire, bad_value, refuse_all

Phases = Annotated[int, Field(ge=1, le=3)]


def _three(amperes: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    if len(amperes) != 3:
        raise bad_value("must have three members, one for each phase; send 0 for a phase that is not connected")
    return amperes


ThreePhases = Annotated[Many[Number], AfterValidator(_three), Field(json_schema_extra={"minItems": 3, "maxItems": 3})]


class CircuitEvse(Wire):
    """An EVSE behind a circuit: on how many phases, and the voltage between phase and neutral."""

    evse_uid: Identifier
    phases: Phases
    voltage_v: PositiveNumber | None = None


class Circuit(Wire):
    """A fuse or a feeder below its parent: at most `max_a` amperes in each phase, or `max_w` watts, or both."""

    circuit_id: Identifier
    parent: Identifier | None = None
    max_a: UnsignedNumber | None = None
    max_w: UnsignedNumber | None = None
    evse_uids: Many[CircuitEvse] = ()


class LimitSetData(Wire):
    """What a site may draw in [`effective_from`, `effective_to`), or until another version, as a tree of circuits."""

    operator_id: Identifier
    location_id: Identifier
    effective_from: Time
    effective_to: Time | None = None
    circuits: Many[Circuit]
    mode: Literal["MAX_MIN", "OFF"]
    step_a: PositiveNumber | None = None
    reason: Literal["GRID", "DIMMED", "TARIFF"]

    @model_validator(mode="after")
    def _is_a_tree(self) -> "LimitSetData":
        if self.effective_to is not None and self.effective_to < self.effective_from:
            raise bad_value("is before effective_from; a limit cannot end before it begins", "effective_to")
        if not self.circuits and self.mode != "OFF":
            raise bad_value("is empty: nothing would be limited; name a circuit, or send mode OFF", "circuits")
        refuse_all(_faults(self.circuits))
        return self


def _faults(circuits: Sequence[Circuit]) -> Iterator[Problem]:
    """What keeps circuits from being a tree of limits in which each EVSE has one place."""
    parent_of: dict[str, str | None] = {}
    places: dict[str, str] = {}
    for number, circuit in enumerate(circuits):
        where, id_ = ("circuits", number), circuit.circuit_id
        if id_ in parent_of:
            yield Problem((*where, "circuit_id"), id_, "is the id of another circuit too; give each an id of its own")
        parent_of.setdefault(id_, circuit.parent)
        if circuit.max_a is None and circuit.max_w is None:
            yield Problem((*where, "max_a"), None, "is missing and so is max_w; send one of them, or both")
        for place, evse in enumerate(circuit.evse_uids):
            first = places.setdefault(evse.evse_uid, id_)
            if first != id_ or evse.evse_uid in {each.evse_uid for each in circuit.evse_uids[:place]}:
                sentence = f"is in circuit {first} already; an EVSE is fed by one circuit"
                yield Problem((*where, "evse_uids", place, "evse_uid"), evse.evse_uid, sentence)
    for number, circuit in enumerate(circuits):
        if sentence := _astray(circuit, parent_of):
            yield Problem(("circuits", number, "parent"), circuit.parent, sentence)


def _astray(circuit: Circuit, parent_of: dict[str, str | None]) -> str:
    """What is wrong with the way from a circuit up to its root, if anything."""
    if circuit.parent is not None and circuit.parent not in parent_of:
        return "is no circuit of this limit; name one that is, or leave parent out"
    above, seen = circuit.parent, set[str]()
    while above is not None and above not in seen:
        if above == circuit.circuit_id:
            return "leads back to this circuit; no circuit is above itself"
        seen.add(above)
        above = parent_of.get(above)
    return ""


class LoadMeasuredData(Wire):
    """The registers of a site's own meter: what it took from the grid, and gave; amperes by phase at that moment."""

    operator_id: Identifier
    location_id: Identifier
    read_at: Time
    import_wh: WattHours
    export_wh: WattHours | None = None
    phase_a: ThreePhases | None = None


class LimitSet(Event):
    """`site.limit_set`."""

    type: Literal["site.limit_set"]
    data: LimitSetData


class LoadMeasured(Event):
    """`site.load_measured`."""

    type: Literal["site.load_measured"]
    data: LoadMeasuredData
