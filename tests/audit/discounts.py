"""Discounts of the network: sessions of which the platform or another operator bears a part."""

from datetime import timedelta

from tests.audit.network import BEGINNING, TARIFFS, Event, _event, _iso


def told_of_discounts() -> list[Event]:
    """Two discounts, each with a session that nobody paid the rest of."""
    found = []
    for number, (funder, off) in enumerate((("PLATFORM", {"percent": "10"}), ("OP-B", {"per_kwh": "0.05"})), 1):
        name = f"D-{number}"
        says = {"discount_id": name, "operator_id": "OP-A", "effective_from": _iso(BEGINNING), "funder": funder}
        found.append(_event("discount.published", name, BEGINNING, says | off))
        at = BEGINNING + timedelta(days=3, hours=3 * number)
        start = {
            "session_id": f"S-{name}",
            "operator_id": "OP-A",
            "location_id": "L-9",
            "evse_uid": f"E-{name}",
            "connector_id": "1",
            "started_at": _iso(at),
            "meter_start_wh": 0,
            "tariff_id": TARIFFS["OP-A"][0],
            "auth_method": "WHITELIST",
            "discount_ids": [name, "D-NOBODY"],
        }
        found.append(_event("charging.session.started", f"S-{name}", at, start))
        ended = at + timedelta(hours=1)
        end = {"session_id": f"S-{name}", "ended_at": _iso(ended), "meter_stop_wh": "20000", "reason": "UNPLUGGED"}
        found.append(_event("charging.session.ended", f"S-{name}", ended, end))
    return found
