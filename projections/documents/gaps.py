"""Gaps as documents: times in UTC, kWh as decimal text."""

from fractions import Fraction
from typing import Any

from projections.documents.decimals import decimal
from projections.documents.uptime import time_text
from projections.network.gaps import Gap

COLUMNS = ("operator_id", "location_id", "evse_uid", "kind", "from", "to", "risk_kwh", "messages", "session_id")


def gap_document(gap: Gap) -> dict[str, Any]:
    """A gap; `to` is null while it goes on, `risk_kwh` where nobody knows, the others where they say nothing."""
    return {
        "operator_id": gap.operator_id,
        "location_id": gap.location_id,
        "evse_uid": gap.evse_uid,
        "kind": gap.kind.value,
        "from": time_text(gap.begin),
        "to": None if gap.end is None else time_text(gap.end),
        "risk_kwh": None if gap.risk_wh is None else decimal(Fraction(gap.risk_wh) / 1000),
        "messages": gap.number,
        "session_id": gap.session_id or None,
    }
