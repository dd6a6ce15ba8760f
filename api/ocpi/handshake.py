"""The handshake of credentials from both sides (OCPI 2.2.1, credentials § Use cases).

Who began has sent a token B; the other side reads the versions by it before it answers with C. After any error
nothing has changed: both sides know each other as before.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from api.ocpi.answers import Code, OcpiFault, invalid
from api.ocpi.client import PartnerClient, PartnerFault, one_object
from api.ocpi.surface import OcpiSurface
from api.ocpi.tokens import new_token
from api.ocpi.versions import CREDENTIALS, VERSIONS
from api.outward.targets import TargetRefused
from contracts.ocpi.credentials import Credentials, credentials_of
from domain.catalogue.parties import partner_key
from ledger.access import ocpi_partners
from ledger.access.ocpi_hubs import HUB
from ledger.access.ocpi_partners import Agreed, Partner, digest_of, endpoint_of

# What a partner has taken is stored here, too, as soon as the database is there.
_STORE_TRIES, _STORE_PAUSE_S = 30, 1.0


@dataclass(frozen=True, slots=True)
class Interfaces:
    """The version that both sides have, and the partner's endpoints in it, as `{identifier, role, url}`."""

    version: str
    endpoints: tuple[dict[str, str], ...]

    @property
    def credentials(self) -> str | None:
        """Where credentials are, whichever role was told of them: it has no meaning there."""
        return endpoint_of(self.endpoints, CREDENTIALS)


class MaybeTaken(OcpiFault):
    """The partner did not answer as OCPI says when we sent credentials: it may have taken them."""


async def interfaces(client: PartnerClient, versions_url: str) -> Interfaces:
    """What a partner offers.

    Raises OcpiFault 3001 where its API cannot be used, 3002 without a common version, 3003 without credentials.
    """
    try:
        listed = _by_version((await client.ask("GET", versions_url)).data)
        version = next((each for each in VERSIONS if each in listed), None)
        if version is None:
            known = ", ".join(VERSIONS)
            raise OcpiFault(Code.UNSUPPORTED_VERSION, f"{versions_url} lists none of {known}")
        endpoints = _endpoints((await client.ask("GET", listed[version])).data)
    except (PartnerFault, _NotSo) as fault:
        raise OcpiFault(Code.CANNOT_USE_API, f"your API cannot be used: {fault}") from fault
    found = Interfaces(version, endpoints)
    if found.credentials is None:
        raise OcpiFault(Code.NO_ENDPOINTS, f"{listed[version]} lists no endpoint of credentials")
    return found


async def take_credentials(
    surface: OcpiSurface, partner: Partner, token: str, given: Credentials, told: Sequence[Mapping[str, Any]]
) -> str:
    """The partner registers, or renews what it registered: our new token for it, stored with all it told.

    `token` is the one that it asked by, `told` are our roles, with which it is answered. Raises OcpiFault; nothing
    has changed then.
    """
    try:
        surface.targets.checked_url(given.url)
    except TargetRefused as refused:
        raise invalid(f"url: {refused}") from refused
    await _refuse_foreign(surface, partner, given)
    async with PartnerClient(surface.targets, given.token, partner.token_encoding) as client:
        found = await interfaces(client, given.url)
    ours = new_token()
    party = partner.party
    agreed = _agreed(surface, party, digest_of(ours), given, found, told)
    if not await surface.at_the_door(lambda cursor: ocpi_partners.connect(cursor, party, token, agreed, partner)):
        raise OcpiFault(
            Code.CLIENT, "another handshake of yours was done meanwhile; use the token that it gave you", 405
        )
    return ours


async def begin(
    surface: OcpiSurface, partner: Partner, their_token: str, ours: Mapping[str, Any], method: str
) -> None:
    """We register at a partner (POST) or renew (PUT) by a token of theirs.

    `ours` are our credentials with a new token. The partner reads our versions by it before it answers, so that it
    has to be known already. Raises OcpiFault, MaybeTaken where it may have taken them.
    """
    assert partner.versions_url is not None
    token = str(ours["token"])
    async with PartnerClient(surface.targets, their_token, partner.token_encoding) as client:
        found = await interfaces(client, partner.versions_url)
        url = found.credentials
        assert url is not None
        try:
            answer = (await client.ask(method, url, ours)).data
        except PartnerFault as fault:
            refused = fault.code is not None and fault.status is not None and fault.status < 500
            kind = OcpiFault if refused else MaybeTaken
            raise kind(Code.CANNOT_USE_API, f"the partner does not take our credentials: {fault}") from fault
        except asyncio.CancelledError as cancelled:
            raise MaybeTaken(Code.CANNOT_USE_API, "we stopped before the partner had answered") from cancelled
    try:
        given = credentials_of(answer)
    except ValueError as error:
        raise MaybeTaken(Code.CANNOT_USE_API, f"the partner answered no credentials: {error}") from error
    try:
        await _refuse_foreign(surface, partner, given)
    except OcpiFault as fault:
        raise MaybeTaken(fault.code, fault.message) from fault
    agreed = _agreed(surface, partner.party, digest_of(token), given, found, ours["roles"])
    if not await _stored(surface, partner.party, token, agreed):
        raise OcpiFault(Code.CLIENT, "another handshake with this partner was done meanwhile")


async def _stored(surface: OcpiSurface, party: str, token: str, agreed: Agreed) -> bool:
    """As `ocpi_partners.connect`, of what the partner has stored already: the database is waited for."""
    for _ in range(_STORE_TRIES):
        try:
            return await surface.at_the_door(lambda cursor: ocpi_partners.connect(cursor, party, token, agreed))
        except OcpiFault as fault:
            away = fault
            await asyncio.sleep(_STORE_PAUSE_S)
    raise MaybeTaken(away.code, "the partner has taken our credentials, and the database is away") from away


def roles_digest(roles: Iterable[Mapping[str, Any]]) -> bytes:
    """The SHA-256 of roles of ours, by which it is known whether a partner has them as they are.

    What is absent is the same whether or not it is written out.
    """
    said = [
        role
        | {"business_details": {name: said for name, said in role["business_details"].items() if said is not None}}
        for role in map(dict, roles)
    ]
    return sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()


def _agreed(
    surface: OcpiSurface,
    party: str,
    digest: bytes,
    given: Credentials,
    found: Interfaces,
    told: Sequence[Mapping[str, Any]],
) -> Agreed:
    return Agreed(
        digest,
        surface.vault.sealed(given.token, party),
        given.url,
        found.version,
        found.endpoints,
        [role.model_dump(mode="json", exclude_none=True) for role in given.roles],
        roles_digest(told),
    )


async def _refuse_foreign(surface: OcpiSurface, partner: Partner, given: Credentials) -> None:
    """OCPI lets anybody claim any party; a token was given to one, which has to be among them.

    A hub of OCPI 2.3.0 names itself as `hub_party_id`, and its roles are the parties that it reaches: of those that
    have a connection of their own it is no way to. What others put into roles they claim to be, and nobody is a party
    of another connection.
    """
    claimed = {partner_key(role.country_code, role.party_id) for role in given.roles}
    hub = given.hub_party_id if partner.role == HUB else None
    itself = claimed if hub is None else {partner_key(hub[:2], hub[2:])}
    if partner.party not in itself:
        where = "roles" if hub is None else "hub_party_id"
        raise invalid(
            f"{where}: the token was given to {partner.party}, which is not among {', '.join(sorted(itself))}"
        )
    if partner.role != HUB:
        if foreign := ", ".join(sorted(claimed - {partner.party})):
            raise invalid(f"roles: the token was given to {partner.party} alone, and {foreign} is another party")
        if partner.role not in {role.role.upper() for role in given.roles}:
            raise invalid(f"roles: the token was given to {partner.party} as {partner.role}, which is not among them")
    known: list[Partner] = await surface.at_the_door(ocpi_partners.partners)
    others = {other.party for other in known if other.state != ocpi_partners.PartnerState.LEFT} - {partner.party}
    if others & itself:
        # Which of them is connected is nobody else's business.
        raise invalid("roles: one of these parties is somebody else here")


# What a version may have of interfaces, and how an address is written; more is not looked at.
_ENDPOINTS_MAX = 100
_TEXT = re.compile(r"[\x21-\x7E]{1,2000}")


class _NotSo(Exception):
    """What a partner answered is not what OCPI says."""


def _by_version(data: Any) -> dict[str, str]:
    rows = data if isinstance(data, list) else [data]
    found = {row["version"]: row["url"] for row in rows if _has_texts(row, "version", "url")}
    if not found:
        raise _NotSo("the answer lists no versions")
    return found


def _endpoints(data: Any) -> tuple[dict[str, str], ...]:
    details = one_object(data)
    rows = details.get("endpoints") if isinstance(details, dict) else None
    if not isinstance(rows, list):
        raise _NotSo("the version's details list no endpoints")
    return tuple(
        {"identifier": row["identifier"], "role": str(row.get("role", ""))[:20], "url": row["url"]}
        for row in rows
        if _has_texts(row, "identifier", "url") and _TEXT.fullmatch(str(row.get("role") or "-"))
    )[:_ENDPOINTS_MAX]


def _has_texts(row: Any, *names: str) -> bool:
    """Whether a row has these, each of a length and of characters that can be kept and asked for."""
    return isinstance(row, dict) and all(
        isinstance(row.get(name), str) and _TEXT.fullmatch(row[name]) is not None for name in names
    )
