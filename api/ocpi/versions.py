"""Versions and their details: where everything else is (version_information_endpoint)."""

from starlette.responses import Response
from starlette.routing import Route

from api.ocpi.answers import done
from api.ocpi.bearing import OcpiCall
from api.ocpi.routes import ocpi_route
from ledger.access.ocpi_hubs import HUB

# In the order in which we like them.
VERSIONS = ("2.3.0", "2.2.1")
CREDENTIALS, HUB_CLIENT_INFO = "credentials", "hubclientinfo"
# What drivers charge by; partners bring theirs here.
TOKENS = "tokens"
# Modules that configure a connection; all others are functional, and routed between parties.
CONFIGURES = (CREDENTIALS, HUB_CLIENT_INFO)
# What each version offers: identifier and role; a list of what works, and of nothing else.
# The role of credentials has no meaning, and is SENDER (version_information_endpoint § Endpoint class).
SENDS = ("locations", "tariffs", "sessions", "cdrs")
MODULES: tuple[tuple[str, str], ...] = (
    (CREDENTIALS, "SENDER"),
    *((module, "SENDER") for module in SENDS),
    (TOKENS, "RECEIVER"),
)
# A hub, and nobody else, tells us of the parties behind it.
OF_HUBS: tuple[tuple[str, str], ...] = ((HUB_CLIENT_INFO, "RECEIVER"),)


async def _versions(call: OcpiCall) -> Response:
    return done([{"version": each, "url": call.surface.url(each)} for each in reversed(VERSIONS)])


async def _details(call: OcpiCall) -> Response:
    endpoints = [
        {"identifier": identifier, "role": role, "url": call.surface.url(f"{call.version}/{identifier}")}
        for identifier, role in (*MODULES, *(OF_HUBS if call.partner.role == HUB else ()))
    ]
    return done({"version": call.version, "endpoints": endpoints})


def routes() -> list[Route]:
    """Versions, and the details of each."""
    found = ocpi_route("/versions", {"GET": _versions}, handshake=True)
    for version in VERSIONS:
        found += ocpi_route(f"/{version}", {"GET": _details}, version=version, handshake=True)
    return found
