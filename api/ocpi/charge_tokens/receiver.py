"""The receiver interface: a partner reads, puts and patches its own tokens (mod_tokens § Receiver Interface)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from api.ocpi.answers import Code, OcpiFault, done, enveloped, invalid, nothing_there
from api.ocpi.bearing import OcpiCall
from api.ocpi.bodies import body_of
from api.ocpi.routes import ocpi_route
from api.ocpi.versions import TOKENS, VERSIONS
from contracts.ocpi.token import DEFAULT_TYPE, Token, patched, stored_token, token_of
from domain.catalogue.parties import partner_key
from ledger.access import charge_tokens
from ledger.access.charge_tokens import Kept, Key, key_of

# What of a token stands in its URL; what is said there and in the body is the same.
_IN_URL = ("country_code", "party_id", "uid", "type")


async def _shown(call: OcpiCall) -> Response:
    key, connection = _key(call), call.partner.party
    found = await call.surface.at_the_door(lambda cursor: charge_tokens.find(cursor, connection, key))
    if found is None:
        raise _no_such(call)
    return enveloped(found)


async def _put(call: OcpiCall) -> Response:
    key = _key(call)
    body = await body_of(call.request)
    token = _valid(partial(token_of, body))
    _agree(call, body)
    kept = Kept(key, token.last_updated, token.document)
    created = await call.surface.at_the_door(lambda cursor: charge_tokens.put(cursor, call.partner.party, [kept]))
    if created is None:
        raise OcpiFault(Code.CLIENT, "the connection was ended meanwhile", 401)
    return done(status=201 if created else 200)


async def _patched(call: OcpiCall) -> Response:
    key, body = _key(call), await body_of(call.request)

    def change(cursor: Any) -> None:
        before = charge_tokens.find(cursor, call.partner.party, key, lock=True)
        if before is None:
            raise _no_such(call)
        if not isinstance(body, Mapping):
            raise invalid("the body: must be an object, with the fields that change")
        _agree(call, body)
        changes = {name: value for name, value in body.items() if name not in _IN_URL}
        after = _valid(partial(patched, before, changes))
        # By a PATCH that was late on its way nothing goes back; fields that it has may be older than those there.
        if after.last_updated >= stored_token(before).last_updated:
            charge_tokens.put(cursor, call.partner.party, [Kept(key, after.last_updated, after.document)])

    await call.surface.at_the_door(change)
    return done()


def _key(call: OcpiCall) -> Key:
    """The token that a URL names. Raises OcpiFault 404 where its party is none of this connection."""
    country, party, uid, type_ = _named(call)
    owner = partner_key(country, party)
    if owner not in call.route.owners or not uid:
        raise _no_such(call)
    return key_of(owner, type_, uid)


def _named(call: OcpiCall) -> tuple[str, str, str, str]:
    # An id may have a slash in it; one at the end of the path is none of its.
    uid = str(call.path["uid"]).removesuffix("/")
    type_ = call.request.query_params.get("type", DEFAULT_TYPE)
    return str(call.path["country_code"]), str(call.path["party_id"]), uid, type_


def _agree(call: OcpiCall, body: Mapping[str, Any]) -> None:
    """Raises OcpiFault 2001 where a body names another token than its URL."""
    for name, said in zip(_IN_URL, _named(call), strict=True):
        given = body.get(name, said)
        if not isinstance(given, str) or given.casefold() != said.casefold():
            hint = "; the type is a parameter of the URL, RFID by default" if name == "type" else ""
            raise invalid(f"{name}: is another one in the URL{hint}")


def _valid(read: "partial[Token]") -> Token:
    try:
        return read()
    except ValueError as error:
        raise invalid(str(error)) from None


def _no_such(call: OcpiCall) -> OcpiFault:
    _, _, uid, type_ = _named(call)
    return nothing_there(f"there is no token {uid[:36]!r} of the type {type_[:36]!r}", Code.UNKNOWN_TOKEN)


def routes() -> list[Route]:
    """Single tokens of each version; there is no list, since partners have their own."""
    found: list[Route] = []
    for version in VERSIONS:
        found += ocpi_route(f"/{version}/{TOKENS}", {}, version=version)
        methods = {"GET": _shown, "PUT": _put, "PATCH": _patched}
        found += ocpi_route(
            f"/{version}/{TOKENS}/{{country_code}}/{{party_id}}/{{uid:path}}", methods, version=version
        )
    return found
