"""How many attempts to charge came to something, and of how many visits the first did, with the thresholds."""

from collections.abc import Iterable
from typing import Any

from domain.network.attempts import (
    CHARGING_MIN_S,
    ENERGY_MIN_WH,
    VISIT_GAP_S,
    Attempt,
    first_attempts,
    success_of,
)
from projections.documents.decimals import decimal_or_none


def success_documents(attempts: Iterable[Attempt], by: str, evse_uid: str | None = None) -> list[dict[str, Any]]:
    """Sums by `evse`, `site` or `operator`; visits count where their first attempt was made."""
    listed = list(attempts)
    first = first_attempts(listed)
    sums: dict[tuple[str, ...], list[Attempt]] = {}
    for each in listed:
        if evse_uid is None or each.evse_key == evse_uid.casefold():
            key = (each.operator_id, each.location_key, each.evse_key)
            sums.setdefault(key[: _DEPTH[by]], []).append(each)
    return [_document(of, first, by) for _, of in sorted(sums.items())]


_DEPTH = {"operator": 1, "site": 2, "evse": 3}


def _document(attempts: list[Attempt], first: set[str], by: str) -> dict[str, Any]:
    found = success_of(attempts, first)
    names = {"operator_id": attempts[0].operator_id, "location_id": attempts[0].location_id}
    names["evse_uid"] = attempts[0].evse_uid
    return {
        **dict(list(names.items())[: _DEPTH[by]]),
        "attempts": found.attempts,
        "succeeded": found.succeeded,
        "success_rate": decimal_or_none(found.rate),
        "visits": found.visits,
        "first_time": found.first_time,
        "first_time_rate": decimal_or_none(found.first_time_rate),
        "thresholds": {"energy_wh": ENERGY_MIN_WH, "charging_s": CHARGING_MIN_S, "visit_gap_s": VISIT_GAP_S},
    }
