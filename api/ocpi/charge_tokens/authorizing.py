"""Whether a driver may charge: by the list of tokens, or by asking the partner (mod_tokens § POST, WhitelistType).

ALWAYS and ALLOWED: our list decides, and nobody waits for a partner. NEVER: the partner alone. ALLOWED_OFFLINE: the
partner, and our list only where it cannot be reached. A token that is not valid is refused wherever the list decides.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from api.ocpi.answers import Code
from api.ocpi.charge_tokens.partners import Partners, tokens_url
from api.ocpi.client import PartnerFault, one_object
from api.ocpi.routing import route_to
from api.ocpi.surface import OcpiSurface
from contracts.ocpi.token import DEFAULT_TYPE, Token, stored_token, token_of
from ledger.access import charge_tokens, ocpi_hubs, ocpi_partners
from ledger.access.charge_tokens import Kept, key_of
from ledger.access.ocpi_partners import Partner, PartnerState
from projections.roaming.places import Place, place

# All that is done for one question, and what of it is left for telling the answer.
TOTAL_S = 2.0
TELL_S = 0.4
_ALLOWED, _NOT_ALLOWED = "ALLOWED", "NOT_ALLOWED"
# All that a partner may answer; another word allows nothing.
_SAID = (_ALLOWED, _NOT_ALLOWED, "BLOCKED", "EXPIRED", "NO_CREDIT")
_ON_THE_LIST = frozenset({"ALWAYS", "ALLOWED"})
_BY_LIST, _BY_PARTNER = "WHITELIST", "AUTH_REQUEST"
_REFERENCE_MAX, _INFO_MAX = 36, 255
# Of these a partner cannot be asked now; all else is an answer.
_AWAY = frozenset({401, 429})
_FAULTS_OF_THEIRS = range(3000, 4000)


@dataclass(frozen=True, slots=True)
class Question:
    """Who wants to charge where; `party` (COUNTRY-PARTY) where the reader knows whose token it is.

    `operator_id` is None where the location alone has to tell whose it is.
    """

    uid: str
    location_id: str
    operator_id: str | None = None
    evse_uid: str | None = None
    type: str = DEFAULT_TYPE
    party: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is answered: `allowed` as OCPI has it (mod_tokens, AllowedType), and `reason`, where we are the ones.

    UNKNOWN_TOKEN    nobody who is connected has such a token
    NOT_VALID        the list says so
    NOT_REACHED      the partner has to be asked and could not be within 2 s, or our list was asked in its place
    NOT_ASKED        the partner has to be asked and offers no way to
    MORE_NEEDED      the partner cannot decide by what we can tell it
    NOT_HERE         the partner allows it, and not at this EVSE
    NOT_UNDERSTOOD   the partner answered something that OCPI does not have
    UNKNOWN_OPERATOR no such operator is registered
    TOO_LATE         the question is older than anybody waits for

    `auth_method` is WHITELIST where our list decided, AUTH_REQUEST where the partner did (mod_cdrs, AuthMethod), None
    where nobody could; `partner` is the connection, `token` the partner's.
    """

    allowed: str
    reason: str | None = None
    auth_method: str | None = None
    partner: str | None = None
    token: Token | None = None
    authorization_reference: str | None = None
    info: str | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """A connection that decides, and the token as it is in our list: None where only its party was named."""

    partner: Partner
    token: Token | None

    @property
    def is_asked(self) -> bool:
        """Whether its partner has the word, so that it takes a while."""
        return self.token is None or self.token.whitelist not in _ON_THE_LIST


def holders_of(cursor: Any, questions: Sequence[Question]) -> list[list[Holder]]:
    """Who decides each question, in order; nobody where nobody knows the token."""
    held = charge_tokens.held_by(cursor, [(each.uid, each.type, each.party) for each in questions])
    known = {each.party: each for each in ocpi_partners.partners(cursor) if each.state == PartnerState.CONNECTED}
    ways = ocpi_hubs.ways(cursor)
    found = []
    for question, tokens in zip(questions, held, strict=True):
        listed = [(each, stored_token(document)) for each, document in tokens if each in known]
        # What a hub told of a party that has a connection of its own by now is not that party's word any more.
        holders = [Holder(known[each], token) for each, token in listed if ways.get(token.party, each) == each]
        if not holders and question.party is not None:
            way = ways.get(question.party.upper())
            holders = [Holder(known[way], None)] if way in known else []
        found.append(holders)
    return found


async def authorize(surface: OcpiSurface, partners: Partners, question: Question) -> Verdict:
    """The answer to one question, within 2 s. Raises OcpiFault 503 while the database is away."""
    until = asyncio.get_running_loop().time() + TOTAL_S - TELL_S
    (holders,) = await surface.at_the_door(lambda cursor: holders_of(cursor, [question]))
    return await decided(surface, partners, question, holders, until)


async def decided(
    surface: OcpiSurface, partners: Partners, question: Question, holders: Sequence[Holder], until: float
) -> Verdict:
    """The answer of those who decide, by the moment `until` of the event loop's clock.

    Of several connections that have such a token the one that brought it first is taken, unless it refuses and
    another allows it. Raises OcpiFault 503 while the database is away.
    """
    if not holders:
        return Verdict(_NOT_ALLOWED, "UNKNOWN_TOKEN")
    verdicts = await asyncio.gather(*(_decided(surface, partners, question, each, until) for each in holders))
    return next((each for each in verdicts if each.allowed == _ALLOWED), verdicts[0])


async def _decided(
    surface: OcpiSurface, partners: Partners, question: Question, holder: Holder, until: float
) -> Verdict:
    partner, token = holder.partner, holder.token
    if not holder.is_asked:
        return _listed(holder)
    url = tokens_url(partner)
    try:
        if url is None:
            raise PartnerFault(f"{partner.party} offers no tokens")
        async with asyncio.timeout_at(until):
            return await _asked(surface, partners, question, holder, url)
    except (PartnerFault, TimeoutError) as fault:
        answered = _answered(fault)
        if answered is not None:
            return Verdict(_NOT_ALLOWED, answered, _BY_PARTNER, partner.party, token)
        # Whose card it was is in no log.
        reason = str(fault).replace(quote(token.uid if token is not None else question.uid, safe=""), "...")
        partners.tell_away(partner, reason or "it does not answer within 2 s")
        if token is not None and token.whitelist == "ALLOWED_OFFLINE":
            found = _listed(holder)
            return replace(found, reason=found.reason or "NOT_REACHED")
        return Verdict(_NOT_ALLOWED, "NOT_ASKED" if url is None else "NOT_REACHED", None, partner.party, token)


def _listed(holder: Holder) -> Verdict:
    token = holder.token
    assert token is not None
    if token.valid:
        return Verdict(_ALLOWED, None, _BY_LIST, holder.partner.party, token)
    return Verdict(_NOT_ALLOWED, "NOT_VALID", _BY_LIST, holder.partner.party, token)


def _answered(fault: Exception) -> str | None:
    """What an error of a partner says of a token; None where it says nothing, since it could not be asked.

    An unknown token is HTTP 404 to some and 2004 to others.
    """
    if not isinstance(fault, PartnerFault) or fault.status is None or fault.status in _AWAY or fault.status >= 500:
        return None
    if fault.status == 404 or fault.code == Code.UNKNOWN_TOKEN:
        return "UNKNOWN_TOKEN"
    if fault.code == Code.TOO_LITTLE:
        return "MORE_NEEDED"
    return None if fault.code in _FAULTS_OF_THEIRS else "NOT_UNDERSTOOD"


async def _asked(surface: OcpiSurface, partners: Partners, question: Question, holder: Holder, url: str) -> Verdict:
    """What the partner says. Raises PartnerFault, TimeoutError from outside, and OcpiFault without a database."""
    partner, token = holder.partner, holder.token
    where = await surface.read(
        lambda snapshot: place(
            snapshot.cursor, partner.party, question.operator_id, question.location_id, question.evse_uid
        )
    )
    uid, type_ = (token.uid, token.type) if token is not None else (question.uid, question.type)
    at = f"{url.rstrip('/')}/{quote(uid, safe='')}/authorize?{urlencode({'type': type_})}"
    to = token.party if token is not None else question.party or partner.party
    answer = await partners.client(partner).ask("POST", at, where.references, route_to(to, where.operator))
    said = one_object(answer.data)
    if not isinstance(said, Mapping) or said.get("allowed") not in _SAID:
        return Verdict(_NOT_ALLOWED, "NOT_UNDERSTOOD", _BY_PARTNER, partner.party, token)
    reference, info = said.get("authorization_reference"), said.get("info")
    token = await _learned(surface, holder, question, said.get("token")) or token
    verdict = Verdict(
        str(said["allowed"]),
        None,
        _BY_PARTNER,
        partner.party,
        token,
        reference if _is_text(reference, _REFERENCE_MAX) else None,
        _info(info),
    )
    if verdict.allowed == _ALLOWED and not _is_allowed_at(where, said.get("location")):
        return replace(verdict, allowed=_NOT_ALLOWED, reason="NOT_HERE")
    return verdict


def _is_allowed_at(where: Place, location: Any) -> bool:
    """Whether a partner that says which EVSEs it allows names the one we asked for (AuthorizationInfo, location)."""
    location = one_object(location)
    if where.evse_uid is None or not isinstance(location, Mapping) or not location.get("evse_uids"):
        return True
    return where.evse_uid.casefold() in {str(each).casefold() for each in location["evse_uids"]}


def _is_text(value: Any, length_max: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= length_max and value.isascii() and value.isprintable()


def _info(said: Any) -> str | None:
    """What a driver may be shown: DisplayText, or text alone; without what no text holds."""
    text = said.get("text") if isinstance(said, Mapping) else said
    if not isinstance(text, str) or not text:
        return None
    return "".join(each for each in text if each.isprintable())[:_INFO_MAX] or None


async def _learned(surface: OcpiSurface, holder: Holder, question: Question, said: Any) -> Token | None:
    """The token as the partner has it now, kept where it is the one that was asked about and of that partner."""
    try:
        token = token_of(said)
    except ValueError:
        return None
    partner, before = holder.partner, holder.token
    key, asked = key_of(token.party, token.type, token.uid), key_of(token.party, question.type, question.uid)
    if key != asked or (before and token.party != before.party):
        return None
    kept = Kept(key, token.last_updated, token.document)

    def keep(cursor: Any) -> bool:
        if token.party not in ocpi_hubs.voices(cursor, partner).speaks:
            return False
        return charge_tokens.put(cursor, partner.party, [kept]) is not None

    return token if await surface.at_the_door(keep) else None
