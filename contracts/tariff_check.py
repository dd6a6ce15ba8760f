"""Everything that is wrong with a tariff at once, for whoever writes tariffs; the intake names the first only."""

from typing import Any

from pydantic import ValidationError

from contracts.catalogue import TariffData
from contracts.decode import Message, decode_event
from contracts.inbound import INBOUND_MODEL_OF
from contracts.refusal import Fault, faults_of

TARIFF_TYPES = ("tariff.published", "tariff.rerating_ordered")

# What a tariff alone lacks of the data it is published with; neither has a say in whether it is good.
_AROUND = {"operator_id": "any", "effective_from": "2000-01-01T00:00:00Z"}
_PREFIX = "tariff"


def tariff_faults(document: object) -> list[Fault]:
    """What refuses an OCPI tariff, with paths from the tariff on; empty for a good one."""
    try:
        TariffData.model_validate({**_AROUND, "tariff": document})
    except ValidationError as error:
        return [fault._replace(path=_inside(fault.path)) for fault in faults_of(error)]
    return []


def event_faults(event: dict[str, Any]) -> list[Fault]:
    """What refuses an event that brings a tariff, with paths from the event on; empty for a good one."""
    refusal = decode_event(event, may_hold_nul=True)
    if isinstance(refusal, Message):
        return []
    model = INBOUND_MODEL_OF.get(str(event.get("type")))
    try:
        if model is not None:
            model.model_validate(event)
    except ValidationError as error:
        return faults_of(error)
    return [Fault(refusal.code, refusal.path, "", refusal.sentence.removeprefix(refusal.path).strip())]


def _inside(path: str) -> str:
    return path.removeprefix(_PREFIX).removeprefix(".") or "$"
