"""Load of sites as documents: energy and power as decimal texts of at most six places, half up."""

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from domain.calendar import utc_text
from projections.network.load import LeftOut, Load, Peak

_KEPT, _TOLD = Decimal(1).scaleb(-20), Decimal(1).scaleb(-6)
# Wide enough for sums of years in Wh with all their places.
_EXACT = Context(prec=80, rounding=ROUND_HALF_UP)
_KW_PER_QUARTER_WH = Decimal(4) / 1000


def energy_text(wh: Decimal) -> str:
    """Energy as it is told: rounded to 20 places, as it is compared, then half up to 6, without zeros behind."""
    told = wh.quantize(_KEPT, context=_EXACT).quantize(_TOLD, context=_EXACT)
    text = f"{told:f}".rstrip("0").rstrip(".")
    return text if told else "0"


def _or_none(wh: Decimal | None) -> str | None:
    return None if wh is None else energy_text(wh)


def power_text(wh: Decimal | None) -> str | None:
    """The mean power in kW of a quarter hour's energy: Wh x 4 / 1000."""
    return (
        None if wh is None else energy_text(_EXACT.multiply(wh.quantize(_KEPT, context=_EXACT), _KW_PER_QUARTER_WH))
    )


def load_document(found: Load) -> dict[str, Any]:
    """Whose load it is, `start` of a quarter hour or `date` of a day, and Wh; what no meter measured is null."""
    document: dict[str, Any] = {"operator_id": found.site.operator_id, "location_id": found.site.location_id}
    if found.start is not None:
        document["start"] = utc_text(found.start)
    if found.day is not None:
        document["date"] = found.day.isoformat()
    document["energy_wh"] = energy_text(found.energy_wh)
    if found.start is not None:
        document |= {"kw": power_text(found.energy_wh), "sessions": found.sessions}
    return document | {
        "measured_wh": _or_none(found.measured_wh),
        "other_wh": _or_none(found.other_wh),
        "unexplained_wh": _or_none(found.unexplained_wh),
    }


def peak_document(found: Peak) -> dict[str, Any]:
    """The peak of a month: its energy, the highest quarter hour of sessions and of the meter, the load factor."""
    return {
        "operator_id": found.site.operator_id,
        "location_id": found.site.location_id,
        "month": f"{found.month:%Y-%m}",
        "time_zone": found.site.time_zone.key,
        "energy_wh": energy_text(found.energy_wh),
        "peak_start": utc_text(found.start) if found.start is not None else None,
        "peak_wh": _or_none(found.peak_wh),
        "peak_kw": power_text(found.peak_wh),
        "load_factor": _or_none(found.load_factor),
        "measured_peak_start": utc_text(found.measured_start) if found.measured_start is not None else None,
        "measured_peak_kw": power_text(found.measured_peak_wh),
    }


def left_out_document(found: LeftOut) -> dict[str, Any]:
    """A session that is in no figure of energy, with the reason."""
    return {
        "session_id": found.session_id,
        "operator_id": found.operator_id or None,
        "location_id": found.location_id or None,
        "evse_uid": found.evse_uid or None,
        "connector_id": found.connector_id or None,
        "started_at": utc_text(found.started_at) if found.started_at is not None else None,
        "ended_at": utc_text(found.ended_at) if found.ended_at is not None else None,
        "reason": found.reason,
    }
