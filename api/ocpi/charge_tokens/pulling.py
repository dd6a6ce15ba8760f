"""A partner's own list of tokens, pulled page by page (mod_tokens § Sender Interface, transport § Pagination).

Each page is kept in one transaction and then forgotten here, so that a long list needs no more memory than a short
one. What fails in the middle leaves the pages before it, which are as true as they were.
"""

from collections.abc import Sequence
from typing import Any

from api.ocpi.charge_tokens.partners import Partners, tokens_url
from api.ocpi.client import PartnerFault
from api.ocpi.routing import route_to
from api.ocpi.surface import OcpiSurface
from api.ocpi.walking import walked
from contracts.ocpi.token import Token, token_of
from ledger.access import charge_token_pulls, charge_tokens, ocpi_hubs, ocpi_partners
from ledger.access.charge_tokens import Kept, key_of
from ledger.access.ocpi_partners import Partner
from projections.ocpi_parties import our_parties

# No list is as long: a partner whose pages have no end is not followed for ever.
TOKENS_MAX = 20_000_000
_REASON_MAX = 300


async def pull(surface: OcpiSurface, partners: Partners, connection: str) -> None:
    """Pull the list of a partner that was taken for it, and note what came of it. Raises OcpiFault 503."""
    partner = await surface.at_the_door(lambda cursor: ocpi_partners.present(cursor, connection))
    url = tokens_url(partner)
    if url is None:
        reason = "the partner offers no list of tokens"
        await surface.at_the_door(lambda cursor: charge_token_pulls.done(cursor, connection, reason))
        return
    try:
        await _pages(surface, partners, partner, url)
    except PartnerFault as fault:
        told = str(fault)[:_REASON_MAX]
        await surface.at_the_door(lambda cursor: charge_token_pulls.failed(cursor, connection, told))
    else:
        await surface.at_the_door(lambda cursor: charge_token_pulls.done(cursor, connection))


async def _pages(surface: OcpiSurface, partners: Partners, partner: Partner, url: str) -> None:
    client = partners.client(partner)
    voices = await surface.at_the_door(lambda cursor: ocpi_hubs.voices(cursor, partner))
    ours = await surface.read(lambda snapshot: our_parties(snapshot.cursor))
    # A hub is asked for all at once (transport_and_format § GET All via Hubs).
    headers = route_to(partner.party, ours[0] if ours else None)
    seen = refused = 0
    async for page in walked(client, url, TOKENS_MAX, headers):
        tokens = [token for each in page if (token := _own(each, voices.speaks)) is not None]
        seen, refused = seen + len(page), refused + len(page) - len(tokens)
        await surface.at_the_door(_keeping(partner.party, tokens, seen, refused))


def _own(said: Any, owners: frozenset[str]) -> Token | None:
    """The token, if it is one, and of a party of that connection."""
    try:
        token = token_of(said)
    except ValueError:
        return None
    return token if token.party in owners else None


def _keeping(connection: str, tokens: Sequence[Token], seen: int, refused: int) -> Any:
    kept = [Kept(key_of(each.party, each.type, each.uid), each.last_updated, each.document) for each in tokens]

    def keep(cursor: Any) -> None:
        if charge_tokens.put(cursor, connection, kept) is None:
            raise PartnerFault(f"{connection} has left")
        charge_token_pulls.go_on(cursor, connection, seen, refused)

    return keep
