"""OCPI 2.2.1 CDRs and credit CDRs as plain documents, from a rated session.

Numbers are Decimals of at most four decimals, for the caller to write as JSON numbers with their shortest text; what
is carried along (the tariff, a location's texts) stays as it came.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from domain.cdr.costs import cost_fields, price_of
from domain.cdr.location import cdr_location
from domain.cdr.periods import charging_periods
from domain.cdr.signed import signed_data
from domain.cdr.tariff import tariff_2_2_1
from domain.cdr.text import NOT_AVAILABLE, SameObject, datetime_text, short_id
from domain.errors import DomainError
from domain.rating.pricing import ocpi_volumes
from domain.rating.rating import Rating
from domain.rating.session_trace import Reading
from domain.tariff.taxes import Tax
from domain.values import value

UNKNOWN_TOKEN_TYPE = "OTHER"  # noqa: S105 - an OCPI TokenType


@value
class CdrSource:
    """All that a CDR says: the session, its rating, and the posted amounts in minor units.

    `country_code` and `party_id` are the operator's. `location` is the OCPI Location and `token` the session's
    token, None where they are not known; `tariff` is the OCPI Tariff as it was sent. The CDR runs from the start of
    the first period, a reservation's included, to the end of the last. `signed_values` are the meter's signed
    records in time order. `registers` are the cumulative readings in Wh that the session was billed with, the first
    at its start and the last at its end. `tariff_hash` is the sha-256 of the tariff as it was published, `taxes` what
    was configured for a tariff that leaves taxes open, `replaces` the id of the CDR that this one takes the place of.
    A `no_show` is a reservation that expired: it has no session, and EVSE and connector only where they were
    reserved. Raises DomainError when the rating has no periods.
    """

    cdr_id: str
    session_id: str
    country_code: str
    party_id: str
    currency: str
    auth_method: str
    location_id: str
    evse_uid: str
    connector_id: str
    tariff: Mapping[str, Any]
    rating: Rating
    net_minor: int
    gross_minor: int
    issued_at: datetime
    token: Mapping[str, Any] | None = None
    location: Mapping[str, Any] | None = None
    meter_id: str | None = None
    signed_values: tuple[str, ...] = ()
    registers: Sequence[Reading] = ()
    tariff_hash: str | None = None
    taxes: tuple[Tax, ...] = ()
    replaces: str | None = None
    estimated: bool = False
    no_show: bool = False
    authorization_reference: str | None = None
    discounts: str = ""

    def __post_init__(self) -> None:
        if not self.rating.periods:
            raise DomainError(f"session {self.session_id} has no charging periods; a CDR needs at least one")


def cdr_document(source: CdrSource) -> dict[str, Any]:
    """The CDR of a session (OCPI 2.2.1 mod_cdrs, CDR object): a JSON-ready dict with Decimals for numbers.

    total_cost is net and gross exactly. Its parts add up to it unless min_price or max_price moved the total: then
    each is rounded by itself, since OCPI does not scale them. total_time includes parking and reservation.
    """
    rating, periods = source.rating, source.rating.periods
    volumes = ocpi_volumes(rating)
    tariff = known_tariff(source.tariff, source.taxes)
    document = {
        "country_code": source.country_code,
        "party_id": source.party_id,
        "id": source.cdr_id,
        "start_date_time": datetime_text(periods[0].start),
        "end_date_time": datetime_text(periods[-1].end),
        "session_id": None if source.no_show else short_id("session", source.session_id),
        "cdr_token": cdr_token(source.token, source.country_code, source.party_id),
        "auth_method": source.auth_method,
        "authorization_reference": source.authorization_reference,
        "cdr_location": _location(
            SameObject(source.location), source.location_id, source.evse_uid, source.connector_id, source.country_code
        ),
        "meter_id": source.meter_id,
        "currency": source.currency,
        "tariffs": [tariff],
        "charging_periods": charging_periods(rating, tariff["id"], source.registers),
        "signed_data": signed_data(source.signed_values),
        "total_cost": price_of(source.net_minor, source.gross_minor, source.currency),
        **cost_fields(rating, source.net_minor, source.gross_minor, source.currency),
        "total_energy": volumes["total_energy"],
        "total_time": volumes["total_time"],
        "total_parking_time": volumes["total_parking_time"] if rating.parking_time_us else None,
        "remark": _remark(source),
        "last_updated": datetime_text(source.issued_at),
    }
    return {name: value for name, value in document.items() if value is not None}


def credit_id(cdr_id: str) -> str:
    """The id of the credit CDR of a CDR."""
    return f"{cdr_id}-C"


def credit_document(cdr: Mapping[str, Any], issued_at: datetime) -> dict[str, Any]:
    """The credit CDR of a CDR (OCPI mod_cdrs, Credit CDRs): all repeated, total_cost alone negated.

    Raises DomainError for a CDR that is a credit CDR itself.
    """
    if cdr.get("credit"):
        raise DomainError(f"CDR {cdr['id']} is a credit CDR; only a normal CDR can be credited")
    negated = {side: -amount if amount else amount for side, amount in cdr["total_cost"].items()}
    return {
        **cdr,
        "id": credit_id(cdr["id"]),
        "total_cost": negated,
        "credit": True,
        "credit_reference_id": cdr["id"],
        "last_updated": datetime_text(issued_at),
    }


@lru_cache(maxsize=1024)
def _location(location: SameObject, *names: str) -> dict[str, Any]:
    """Most sessions are at a connector that was used before."""
    return cdr_location(location.thing, *names)


def known_tariff(tariff: Mapping[str, Any], taxes: tuple[Tax, ...]) -> dict[str, Any]:
    """The tariff as it stands in a CDR, the same object each time: one version of it prices many sessions."""
    return _tariff(SameObject(tariff), taxes)


@lru_cache(maxsize=1024)
def _tariff(tariff: SameObject, taxes: tuple[Tax, ...]) -> dict[str, Any]:
    return tariff_2_2_1(tariff.thing, taxes)


def _remark(source: CdrSource) -> str | None:
    """Which version of the tariff priced the session, and which CDRs it took to get here (OCPI CDR, remark)."""
    said = []
    if source.tariff_hash:
        said.append(f"tariff sha256:{source.tariff_hash}")
    if source.replaces:
        said.append(f"replaces {source.replaces}, credited by {credit_id(source.replaces)}")
    if source.estimated:
        said.append("estimated")
    if source.discounts:
        said.append(source.discounts)
    return "; ".join(said) or None


def cdr_token(token: Mapping[str, Any] | None, country_code: str, party_id: str) -> dict[str, Any]:
    """The driver's token (OCPI CdrToken), or what stands for it where the session has none.

    An ad-hoc driver's token is unknown to us: the operator is its party, and its type the one that claims least.
    `country_code` and `party_id` are the operator's.
    """
    known = token or {}
    return {
        "country_code": (known.get("country_code") or country_code).upper(),
        "party_id": known.get("party_id") or party_id,
        "uid": short_id("token", known.get("uid") or NOT_AVAILABLE),
        "type": known.get("type") or UNKNOWN_TOKEN_TYPE,
        "contract_id": short_id("contract", known.get("contract_id") or NOT_AVAILABLE),
    }
