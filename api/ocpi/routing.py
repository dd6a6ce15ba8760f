"""Between which parties a message goes (OCPI: transport_and_format § Message Routing).

The token says who speaks. Headers choose among what it may do and never widen it: a hub that says in whose name it
asks is answered as that party.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers

from api.ocpi.answers import Code, OcpiFault, invalid
from api.ocpi.surface import OcpiSurface
from domain.catalogue.parties import partner_key
from ledger.access import ocpi_hubs
from ledger.access.ocpi_hubs import Voices
from ledger.access.ocpi_partners import Partner
from projections.ocpi_parties import Party, operator_of_party

_COUNTRY, _PARTY = "ocpi-{}-country-code", "ocpi-{}-party-id"
# Headers of a request that come back in its answer under the other name.
_SWAPPED = (("from", "to"), ("to", "from"))


@dataclass(frozen=True, slots=True)
class Route:
    """Who asks, and whom.

    `owners` are the parties whose objects the partner may write, `sees` those whose sessions and CDRs it may read,
    `operators` the ids of ours that are asked, None for all.
    """

    owners: frozenset[str]
    sees: frozenset[str]
    operators: Sequence[str] | None


async def route_of(surface: OcpiSurface, partner: Partner, headers: Headers) -> Route:
    """The route of a request.

    Raises OcpiFault 2001 for a party that the partner does not speak for, and 2000 for one that is none of ours.
    """
    voices = await _voices(surface, partner)
    speaker, meant = _named(headers, "from"), _named(headers, "to")
    if speaker is not None and speaker not in voices.speaks:
        raise invalid(f"OCPI-from: {speaker[:20]} is no party that this connection speaks for")
    operators = None if meant is None else await _operators(surface, meant)
    if speaker is None or speaker == partner.party:
        return Route(voices.speaks, voices.sees, operators)
    return Route(frozenset({speaker}), voices.sees & {speaker}, operators)


def route_to(to: str, ours: Party | None) -> dict[str, str]:
    """The headers of a request to a party, COUNTRY-PARTY, from one of ours where there is any."""
    country, _, party = to.partition("-")
    found = {"OCPI-to-country-code": country, "OCPI-to-party-id": party}
    if ours is not None:
        found |= {"OCPI-from-country-code": ours.country_code, "OCPI-from-party-id": ours.party_id}
    return found


def swapped(headers: Headers) -> dict[str, str]:
    """The route of the answer to a request: back from whom it was for to whom it was from."""
    found: dict[str, str] = {}
    for given, told in _SWAPPED:
        for form in (_COUNTRY, _PARTY):
            value = headers.get(form.format(given))
            if value is not None and value.isascii() and value.isalnum():
                found[form.format(told).replace("ocpi", "OCPI")] = value
    return found


async def _voices(surface: OcpiSurface, partner: Partner) -> Voices:
    if partner.role != ocpi_hubs.HUB:
        return ocpi_hubs.alone(partner.party)
    return await surface.at_the_door(lambda cursor: ocpi_hubs.voices(cursor, partner))


async def _operators(surface: OcpiSurface, meant: str) -> Sequence[str] | None:
    if meant == surface.own_party:
        return None
    found = await surface.read(lambda snapshot: operator_of_party(snapshot.cursor, meant))
    if found is None:
        raise OcpiFault(Code.CLIENT, f"OCPI-to: {meant[:20]} is no party here; credentials list those that are")
    return [found]


def _named(headers: Headers, side: str) -> str | None:
    """The party that two headers name, COUNTRY-PARTY in capitals."""
    country, party = headers.get(_COUNTRY.format(side)), headers.get(_PARTY.format(side))
    if country is None and party is None:
        return None
    if country is None or party is None:
        raise invalid(f"OCPI-{side}-country-code and OCPI-{side}-party-id go together; send both, or neither")
    return partner_key(country.strip(), party.strip())
