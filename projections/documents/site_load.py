"""What a site may draw, and what it draws, as documents: power in W and kW, currents in A, as decimal texts."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from domain.calendar import utc_text
from domain.exact import Exact, exact
from domain.load.limit_power import limit_w
from projections.documents.decimals import decimal
from projections.documents.load import load_document, power_text
from projections.load.alerts import Alert
from projections.load.profiles import CarNow
from projections.network.site_limits import ToldLimit
from projections.network.site_now import AgainstLimit, SiteNow

NOT_MANAGED = "No limit is in force: what cars draw here is not managed."
SWITCHED_OFF = "Its limit is switched off (OFF): what cars draw here is not managed."


def kilowatts(power_w: Exact | None) -> str | None:
    """Power in kW."""
    return None if power_w is None else decimal(Fraction(power_w, 1000))


def site_load_document(found: SiteNow) -> dict[str, Any]:
    """A site as it is now: whether it is managed and why not, its limits, what flows,
    who gets what, and what was missed last."""
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
        "sessions": [car_document(each) for each in found.cars],
        "missed": [missed_document(each) for each in found.missed],
    }


def limit_document(found: ToldLimit) -> dict[str, Any]:
    """A limit as it was told, and what it comes to in kW; `limit_kw` is null where it is OFF."""
    data = found.data
    return {
        "reason": data["reason"],
        "mode": data["mode"],
        "effective_from": data["effective_from"],
        "effective_to": data["effective_to"],
        "told_at": utc_text(found.told_at),
        "limit_kw": kilowatts(limit_w(found.version)),
        "step_a": _number(data["step_a"]),
        "circuits": [_circuit(each) for each in data["circuits"]],
    }


def _circuit(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "circuit_id": told["circuit_id"],
        "parent": told.get("parent"),
        "max_a": _number(told.get("max_a")),
        "max_w": _number(told.get("max_w")),
        "evse_uids": [
            {"evse_uid": each["evse_uid"], "phases": each["phases"], "voltage_v": _number(each.get("voltage_v"))}
            for each in told.get("evse_uids") or ()
        ],
    }


def _number(told: str | int | float | None) -> str | None:
    return None if told is None else decimal(exact(told))


def car_document(found: CarNow) -> dict[str, Any]:
    """Who gets what: A in each phase, and why; `answer` is what the charger said, WAITING before it did."""
    return {
        "session_id": found.session_id,
        "evse_uid": found.evse_uid,
        "started_at": utc_text(found.started_at),
        "limit_a": _amperes(found.limit_a),
        "phases": found.phases,
        "why": found.why,
        "valid_from": None if found.valid_from is None else utc_text(found.valid_from),
        "answer": found.answer,
        "drawn_a": _amperes(found.drawn_a),
        "may_draw_a": _amperes(found.may_draw_a),
    }


def missed_document(found: Alert) -> dict[str, Any]:
    """A limit that was missed: which circuit, from when to when (null: still), by how much at most."""
    return {
        "circuit_id": found.subject,
        "from": utc_text(found.from_at),
        "to": None if found.to_at is None else utc_text(found.to_at),
        "over_a": _amperes(found.data.get("over_a")),
        "over_w": found.data.get("over_w"),
    }


def _amperes(tenths: int | None) -> str | None:
    return None if tenths is None else decimal(Fraction(tenths, 10))


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
