"""Older versions of events, turned into today's before they are checked.

An event's version is the last segment of its `dataschema` URI, `.../charging.session.ended/0` for example; without
one, or with one newer than ours, it is read as the current version. A step takes data of one version, already checked
against the model of that version, to the next.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

from contracts.amounts import DecimalText
from contracts.envelope import Event
from contracts.values import Identifier, Text, Time, Wire

CURRENT_VERSION = 1

_VERSION = re.compile(r"[/:]v?([0-9]{1,4})(?:\.json)?$")


class SessionEndedDataV0(Wire):
    """How gateways of the pilot told the end of a session: the stop register in kWh and an OCPP `stop_reason`."""

    session_id: Identifier
    ended_at: Time
    meter_stop_kwh: DecimalText
    stop_reason: Text | None = None


class SessionEndedV0(Event):
    """`charging.session.ended`, version 0."""

    type: Literal["charging.session.ended"]
    data: SessionEndedDataV0


@dataclass(frozen=True, slots=True)
class Step:
    """One version of a type: the model that checks it and the function that takes its data to the next version."""

    model: type[Event]
    upcast: Callable[[Mapping[str, Any]], dict[str, Any]]


def _session_ended_from_0(data: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in data.items() if name not in ("meter_stop_kwh", "stop_reason")}
    # OCPP 1.6 leaves the reason out when the session was stopped locally, in the regular way.
    reason = data.get("stop_reason") or "Local"
    stop_wh = format((Decimal(data["meter_stop_kwh"]) * 1000).normalize(), "f")
    return {**kept, "meter_stop_wh": stop_wh, "reason": reason}


STEPS: Mapping[tuple[str, int], Step] = MappingProxyType(
    {("charging.session.ended", 0): Step(SessionEndedV0, _session_ended_from_0)}
)


def version_of(dataschema: object) -> int:
    """The version an event's `dataschema` names; the current one where it names none or a newer one."""
    if not isinstance(dataschema, str):
        return CURRENT_VERSION
    found = _VERSION.search(dataschema)
    return min(int(found.group(1)), CURRENT_VERSION) if found else CURRENT_VERSION
