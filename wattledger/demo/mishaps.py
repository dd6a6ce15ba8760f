"""What else happens in the demo: a charger that falls silent for good, and a reservation that nobody uses."""

from collections.abc import Iterator
from datetime import timedelta

from wattledger.demo.cast import NECKAR, WADDEN, Site
from wattledger.demo.catalogue import evse_uid
from wattledger.demo.charging import Visit
from wattledger.demo.messages import FIRST_DAY, Event, event, stamp

SILENT_SESSION, NO_SHOW = "S-3001", "S-3002"
# Networks with fewer sessions have no room for mishaps.
SESSIONS_MIN = 100
_SILENT_FROM = FIRST_DAY + timedelta(days=9, hours=14, minutes=20)
FALLS_SILENT = _SILENT_FROM + timedelta(minutes=24)
_REGISTER_WH, _WH_A_READING, _READINGS = 3_400_000, 7_200, 3
_RESERVED_FROM = FIRST_DAY + timedelta(days=6, hours=16)
_EXPIRES_AFTER = timedelta(minutes=30)


def gateway(site: Site) -> str:
    """The source of what a site's chargers tell."""
    return f"urn:demo:gateway:{site.location_id.lower()}"


def silent_session(evse: int) -> Iterator[Event]:
    """Three readings, and then nothing: the operator's contract has it closed by estimate a day and a half later."""
    site = WADDEN.sites[1]
    start = {
        "session_id": SILENT_SESSION,
        "operator_id": WADDEN.operator_id,
        "location_id": site.location_id,
        "evse_uid": evse_uid(site, evse),
        "connector_id": "1",
        "started_at": stamp(_SILENT_FROM),
        "meter_start_wh": _REGISTER_WH,
        "tariff_id": site.tariff_id,
        "auth_method": "COMMAND",
    }
    yield event("charging.session.started", gateway(site), SILENT_SESSION, _SILENT_FROM, start)
    for number in range(1, _READINGS + 1):
        at = _SILENT_FROM + number * timedelta(minutes=8)
        register_wh = _REGISTER_WH + number * _WH_A_READING
        reading = {"session_id": SILENT_SESSION, "read_at": stamp(at), "register_wh": register_wh}
        yield event("charging.session.metered", gateway(site), SILENT_SESSION, at, reading, str(number))


def no_show(evse: int) -> tuple[Event, Visit]:
    """A fast charger that was held for half an hour; the visit is what a payment for it is about."""
    site, expired_at = NECKAR.sites[1], _RESERVED_FROM + _EXPIRES_AFTER
    data = {
        "session_id": NO_SHOW,
        "reservation_id": "RES-1",
        "operator_id": NECKAR.operator_id,
        "location_id": site.location_id,
        "evse_uid": evse_uid(site, evse),
        "connector_id": "1",
        "tariff_id": site.tariff_id,
        "reserved_from": stamp(_RESERVED_FROM),
        "expired_at": stamp(expired_at),
    }
    said = event("charging.reservation.expired", gateway(site), NO_SHOW, expired_at, data)
    visit = Visit(NO_SHOW, NECKAR, site, evse, _RESERVED_FROM, expired_at, expired_at, 0, 0, site.tariff_id)
    return said, visit
