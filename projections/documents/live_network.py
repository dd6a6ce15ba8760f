"""EVSEs as they are now, as documents: the same for resource, page and command."""

from datetime import datetime
from fractions import Fraction
from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor
from projections.documents.decimals import decimal
from projections.network.live import LiveEvse, LiveSession

# The fields of a document that are about the session that runs there.
OF_SESSIONS = (
    *("session_id", "session_state", "session_started_at", "session_heard_at"),
    *("energy_wh", "currency", "net", "gross"),
)


def live_evse_document(evse: LiveEvse) -> dict[str, Any]:
    """An EVSE with its session: `power_w`, `energy_wh` and amounts are decimal texts, None where there is none.

    Amounts are what the session costs so far, without and with VAT.
    """
    return {
        "operator_id": evse.operator_id,
        "location_id": evse.location_id,
        "evse_uid": evse.evse_uid,
        "power_w": evse.power_w,
        "state": evse.state,
        "since": _text(evse.since),
        "status": evse.status,
        "status_at": _text(evse.status_at),
        "last_sign_at": _text(evse.last_sign_at),
        "heartbeat_interval_s": evse.interval_s,
        **(_session(evse.session) if evse.session is not None else dict.fromkeys(OF_SESSIONS)),
    }


def _session(session: LiveSession) -> dict[str, Any]:
    cost = session.cost
    return {
        "session_id": session.session_id,
        "session_state": "CHARGING" if session.is_charging else "IDLE",
        "session_started_at": _text(session.started_at),
        "session_heard_at": _text(session.until),
        "energy_wh": decimal(Fraction(session.energy_wh)),
        "currency": cost.currency if cost else None,
        "net": format_minor(cost.net, cost.currency) if cost else None,
        "gross": format_minor(cost.gross, cost.currency) if cost else None,
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else utc_text(moment)
