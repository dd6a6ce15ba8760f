"""A stay of a car as a document: what `wattledger load plan` tries a limit on, beside the events of sessions.

Energy is in Wh, current in amperes a phase.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from contracts.allocation import Phases
from contracts.amounts import PositiveNumber
from contracts.errors import ContractError
from contracts.refusal import faults_of
from contracts.values import Coherent, Identifier, Problem, Time


class StayGiven(Coherent):
    """A car that was there from `connected_at` to `departs_at`, what it needed, and what it draws at most."""

    session_id: Identifier
    connected_at: Time
    departs_at: Time
    need_wh: PositiveNumber
    max_a: PositiveNumber
    phases: Phases = (1,)
    location_id: Identifier = "site"

    @staticmethod
    def contradictions(fields: Any) -> Iterator[Problem]:
        """A car that leaves no later than it came."""
        if fields.connected_at and fields.departs_at and fields.departs_at <= fields.connected_at:
            yield Problem(("departs_at",), str(fields.departs_at), "must be later than connected_at")


def read_stay(document: Any) -> StayGiven:
    """The stay that a JSON document states. Raises ContractError with what is wrong, and where."""
    try:
        return StayGiven.model_validate(document)
    except ValidationError as error:
        faults = faults_of(error)
        raise ContractError("; ".join(f"{each.path} {each.problem}" for each in faults[:5])) from None
