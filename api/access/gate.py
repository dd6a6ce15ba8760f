"""The gate of the application: who comes in and how often, how people sign in, and what is noted of all that."""

from typing import TYPE_CHECKING, Final

from starlette.requests import Request

from api.access.audit import noted_read
from api.access.audit_writer import AuditWriter
from api.access.cookies import Cookies, is_loopback
from api.access.credentials import Credentials, no_credential
from api.access.limits import HEAVY, REQUESTS, Buckets, whole_seconds
from api.access.principal import Principal
from api.access.roles import Right, may
from api.access.settings import GateSettings
from api.access.sign_in import PasswordCheck
from api.problems import Problem
from ledger.access import people
from ledger.access.door import Door

if TYPE_CHECKING:
    from api.access.issuer import Issuer

_SAFE: Final = ("GET", "HEAD", "OPTIONS")
# Headers by which proxies say that somebody else asks.
_OF_PROXIES: Final = (*("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"),)


class Gate:
    """From `open` to `close`; one for an application."""

    def __init__(self, dsn: str, settings: GateSettings) -> None:
        """`dsn` is of a login that may act as the door's role."""
        self.settings = settings
        self.door = Door(dsn, seals=settings.people)
        self.audit = AuditWriter(self.door)
        self.credentials = Credentials(self.door)
        self.cookies = Cookies.of(settings.public_url)
        self.issuer = _issuer_of(settings)
        self.passwords = PasswordCheck(self.door)
        self._requests, self._heavy = Buckets(REQUESTS), Buckets(HEAVY)

    def open(self) -> None:
        """Begin. Raises RoleRefused and MachineryFault where the login or the database will not do.

        Whoever a development server let in is out where this is none.
        """
        if not self.settings.dev_login:
            with self.door.transaction() as cursor:
                people.end_developers(cursor)
        self.audit.start()

    def close(self) -> None:
        """Store what is noted, and give the connections back."""
        self.audit.close()
        self.credentials.close()
        self.passwords.close()
        self.door.close()

    async def authenticate(self, request: Request) -> Principal:
        """Who asks: by a key, or by a cookie where nothing of `/v1` is changed. Raises Problem 401, 429 and 503."""
        authorization = request.headers.get("authorization")
        if authorization is not None:
            principal = await self.credentials.by_key(authorization)
        else:
            principal = await self._by_cookie(request)
        request.state.principal = principal
        self._admit(request, principal)
        return principal

    async def admit_to_metrics(self, request: Request) -> None:
        """Raises Problem 401 and 403 unless this machine asks, by no proxy, or an administrator's key."""
        if request.client is not None and is_loopback(request.client.host) and not came_by_proxy(request):
            return
        principal = await self.authenticate(request)
        if not may(principal.duty, Right.CREDENTIALS):
            raise Problem(403, "role_may_not", "figures of the process are for this machine and for administrators")

    async def _by_cookie(self, request: Request) -> Principal:
        cookie = request.cookies.get(self.cookies.session)
        if cookie is None:
            raise no_credential()
        if request.scope["path"].startswith("/v1/") and request.method not in _SAFE:
            # A browser sends a cookie along whoever made it ask.
            raise no_credential()
        principal = await self.credentials.by_cookie(cookie)
        request.state.csrf = self.cookies.token(request) or ""
        return principal

    def _admit(self, request: Request, principal: Principal) -> None:
        who = principal.key_id or principal.name
        wait_s = self._requests.take(who)
        if wait_s:
            raise too_many(wait_s, "100 requests a second, and 200 at once, are allowed")
        noted = noted_read(request.scope["path"], request.scope["query_string"])
        if noted is not None and noted.is_heavy and (wait_s := self._heavy.take(who)):
            raise too_many(wait_s, "5 searches and exports a second are allowed")


def came_by_proxy(request: Request) -> bool:
    """Whether a proxy says that it asks for somebody else."""
    return any(name in request.headers for name in _OF_PROXIES)


def address_of(request: Request) -> str:
    """From where somebody signs in: through a proxy on this machine, the address that the proxy saw."""
    address = request.client.host if request.client else ""
    *_, seen = request.headers.get("x-forwarded-for", "").split(",")
    return seen.strip()[:64] if seen.strip() and is_loopback(address) else address


def _issuer_of(settings: GateSettings) -> "Issuer | None":
    if settings.issuer is None:
        return None
    from api.access.issuer import Issuer  # Here: most servers have none, and its libraries are large.

    return Issuer(settings.issuer, settings.public_url)


def too_many(wait_s: float, detail: str) -> Problem:
    """429, and when to try again."""
    seconds = whole_seconds(wait_s)
    return Problem(429, "too_many", f"{detail}; try again in {seconds} s", headers={"Retry-After": seconds})
