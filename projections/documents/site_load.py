"""What a site may draw, and what it draws, as documents: power in W and kW, currents in A, as decimal texts."""

from fractions import Fraction
from typing import Any

from domain.calendar import utc_text
from domain.exact import Exact
from domain.load.in_force import OFF, LimitedCircuit, LimitVersion
from projections.documents.decimals import decimal, decimal_or_none
from projections.documents.load import load_document, power_text
from projections.network.site_now import AgainstLimit, SiteNow

NOT_MANAGED = "No limit is in force: what cars draw here is not managed."
SWITCHED_OFF = "Its limit is switched off (OFF): what cars draw here is not managed."


def kilowatts(power_w: Exact | None) -> str | None:
    """Power in kW."""
    return None if power_w is None else decimal(Fraction(power_w, 1000))


def site_load_document(found: SiteNow) -> dict[str, Any]:
    """A site as it is now: whether it is managed and why not, its limit and the limits in force, what flows."""
    why_not = None if found.is_managed else SWITCHED_OFF if found.limits else NOT_MANAGED
    return {
        "operator_id": found.site.operator_id,
        "location_id": found.site.location_id,
        "time_zone": found.site.time_zone.key,
        "at": None if found.at is None else utc_text(found.at),
        "is_managed": found.is_managed,
        "why_not": why_not,
        "limit_kw": kilowatts(found.limit_w),
        "measured_kw": None if found.flow is None else kilowatts(found.flow.power_w),
        "measured_at": None if found.flow is None else utc_text(found.flow.read_at),
        "limits": [limit_document(each) for each in found.limits],
    }


def limit_document(found: LimitVersion) -> dict[str, Any]:
    """A limit as it was told, and what it comes to in kW; `limit_kw` is null where it is OFF."""
    return {
        "reason": found.reason,
        "mode": found.mode,
        "effective_from": utc_text(found.effective_from),
        "effective_to": None if found.effective_to is None else utc_text(found.effective_to),
        "told_at": utc_text(found.time),
        "limit_kw": None if found.mode == OFF else kilowatts(found.limit_w),
        "step_a": decimal_or_none(found.step_a),
        "circuits": [_circuit(each) for each in found.circuits],
    }


def _circuit(found: LimitedCircuit) -> dict[str, Any]:
    return {
        "circuit_id": found.circuit_id,
        "parent": found.parent,
        "max_a": decimal_or_none(found.max_a),
        "max_w": decimal_or_none(found.max_w),
        "evse_uids": [
            {"evse_uid": each.evse_uid, "phases": each.phases, "voltage_v": decimal_or_none(each.voltage_v)}
            for each in found.evses
        ],
    }


def against_limit_document(found: AgainstLimit) -> dict[str, Any]:
    """A quarter hour of a site with its limit: `kw` of its sessions, `measured_kw` of its meter.

    `above_kw` is by how much the meter, or where it says nothing the sessions, went above; null without a limit.
    """
    document = load_document(found.load)
    return {
        "operator_id": document["operator_id"],
        "location_id": document["location_id"],
        "start": document["start"],
        "limit_kw": kilowatts(found.limit_w),
        "kw": document["kw"],
        "measured_kw": power_text(found.load.measured_wh),
        "above_kw": kilowatts(found.above_w),
        "sessions": document["sessions"],
    }
