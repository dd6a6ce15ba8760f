"""Sessions as partners ask for them (OCPI 2.2.1, mod_sessions): the list, and what drivers would like of charging."""

from starlette.responses import Response
from starlette.routing import Route

from api.ocpi.answers import done, invalid, nothing_there
from api.ocpi.bearing import OcpiCall
from api.ocpi.bodies import body_of
from api.ocpi.paging import listed
from api.ocpi.routes import ocpi_route
from api.ocpi.versions import VERSIONS
from ledger.access.ocpi_partners import UNDATED_SESSIONS
from projections.roaming.pages import is_own

MODULE = "sessions"
# Charging preferences are for chargers that follow them, and none is reached from here.
_NOT_POSSIBLE = "NOT_POSSIBLE"


async def _list(call: OcpiCall) -> Response:
    """A page; `date_from` is required here, and of no other list (mod_sessions § GET), but for those with a flag."""
    if "date_from" not in call.request.query_params and not call.partner.has(UNDATED_SESSIONS):
        raise invalid("date_from: is required of sessions, such as 2026-03-01T00:00:00Z")
    return await listed(call, MODULE)


async def _preferences(call: OcpiCall) -> Response:
    """NOT_POSSIBLE for a session of the partner's own, whatever it would like; another's is not there."""
    preferences = await body_of(call.request)
    name, parties, operators = str(call.path["session_id"]), sorted(call.route.sees), call.route.operators
    if not await call.surface.read(lambda snapshot: is_own(snapshot.cursor, MODULE, parties, operators, name)):
        raise nothing_there(f"there is no session {name[:64]!r}")
    if not isinstance(preferences, dict) or not isinstance(preferences.get("profile_type"), str):
        raise invalid("profile_type: is required, such as REGULAR")
    return done(_NOT_POSSIBLE)


def routes() -> list[Route]:
    """The list of each version, and the preferences of one session."""
    found: list[Route] = []
    for version in VERSIONS:
        path = f"/{version}/{MODULE}"
        found += ocpi_route(path, {"GET": _list}, version=version)
        found += ocpi_route(f"{path}/{{session_id}}/charging_preferences", {"PUT": _preferences}, version=version)
    return found
