"""Who asks: the partner of a token, told by its SHA-256 and by how that partner writes tokens."""

from dataclasses import dataclass
from functools import partial

from starlette.requests import Request

from api.access.gate import address_of
from api.access.limits import whole_seconds
from api.ocpi.answers import Code, OcpiFault, invalid, nothing_there, unknown_token
from api.ocpi.routing import Route
from api.ocpi.surface import OcpiSurface
from api.ocpi.tokens import given_tokens
from api.parameters import SLASH_WITHIN
from ledger.access import ocpi_partners
from ledger.access.ocpi_partners import Bearer, Partner, PartnerState, digest_of


@dataclass(frozen=True, slots=True)
class OcpiCall:
    """A request of a partner: the `token` that it brought, and the `version` of the URL, "" above all versions.

    `routed` is between which parties it goes, of modules that messages are routed to.
    """

    request: Request
    surface: OcpiSurface
    partner: Partner
    token: str
    of_handshake: bool
    version: str
    routed: Route | None = None

    @property
    def route(self) -> Route:
        """Between which parties it goes; only of modules that messages are routed to."""
        assert self.routed is not None
        return self.routed

    @property
    def path(self) -> dict[str, str]:
        """The parts of the path that have names, decoded once; a slash may be within one."""
        return {name: str(part).replace(SLASH_WITHIN, "/") for name, part in self.request.path_params.items()}


async def call_of(request: Request, version: str, *, handshake: bool) -> OcpiCall:
    """The call of a partner that is let in.

    `handshake` where a token opens it that is only one of a handshake (token A). Raises OcpiFault 401 for nobody that
    we know, and 429 for who asks too often.
    """
    surface: OcpiSurface = request.app.state.ocpi
    found = await _bearer(surface, request)
    if found is None:
        if wait_s := surface.strangers.take(address_of(request)):
            raise _too_many(wait_s)
        raise unknown_token()
    bearer, token = found
    if wait_s := surface.requests.take(bearer.partner.party):
        raise _too_many(wait_s)
    if bearer.of_handshake and not handshake:
        raise unknown_token()
    # No identifier has one, and no database takes it.
    if any("\0" in str(part) for part in request.path_params.values()):
        raise nothing_there("there is nothing at this path")
    for name, value in request.query_params.multi_items():
        if "\0" in value:
            raise invalid(f"{name[:60]!r}: has a character 0, which nothing has")
    return OcpiCall(request, surface, bearer.partner, token, bearer.of_handshake, version)


async def _bearer(surface: OcpiSurface, request: Request) -> tuple[Bearer, str] | None:
    given = request.headers.getlist("authorization")
    # Of two, whoever is in front of us may have read the other one.
    for encoding, token in given_tokens(given[0] if len(given) == 1 else None).items():
        # Before the store is read: what is retired no more then, the store has refused since.
        if digest_of(token) in surface.retired:
            continue
        bearer = await surface.at_the_door(partial(ocpi_partners.bearer, token=token))
        if bearer is None or bearer.partner.token_encoding != encoding:
            continue
        if bearer.partner.state != PartnerState.SUSPENDED:
            return bearer, token
    return None


def _too_many(wait_s: float) -> OcpiFault:
    seconds = whole_seconds(wait_s)
    return OcpiFault(Code.CLIENT, f"too many requests; try again in {seconds} s", 429, {"Retry-After": seconds})
