"""OCPI Sessions as plain documents (mod_sessions, Session object), at the costs that a CDR of the same would have."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.cdr.costs import cost_fields, price_of
from domain.cdr.document import cdr_token, known_tariff
from domain.cdr.periods import charging_periods
from domain.cdr.taxes import TOTAL, taxes_to_store
from domain.cdr.text import datetime_text, short_id
from domain.cdr.version_2_3_0 import cdr_2_3_0
from domain.charging import WH_PER_KWH
from domain.exact import Exact
from domain.rating.pricing import four_decimals
from domain.rating.rating import Rating
from domain.rating.session_trace import Reading
from domain.tariff.taxes import Tax
from domain.values import value


class SessionStatus(StrEnum):
    """What OCPI calls the state of a session (mod_sessions, SessionStatus)."""

    RESERVATION = "RESERVATION"
    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    INVALID = "INVALID"


@value
class Cost:
    """What a session costs: its rating, the amounts in minor units, and the tariff that it was priced with.

    `registers` are the cumulative readings in Wh that it was priced by, the first at its start; `taxes` those that
    were configured for a tariff which leaves taxes open.
    """

    rating: Rating
    net_minor: int
    gross_minor: int
    tariff: Mapping[str, Any]
    taxes: tuple[Tax, ...] = ()
    registers: Sequence[Reading] = ()


@value
class SessionSource:
    """All that a Session says. `country_code` and `party_id` are the operator's, `token` the driver's.

    Without a `cost` it tells `energy_wh` alone: no price is known, which does not mean that it is free of charge.
    """

    session_id: str
    country_code: str
    party_id: str
    currency: str
    token: Mapping[str, Any]
    auth_method: str
    location_id: str
    evse_uid: str
    connector_id: str
    status: SessionStatus
    started_at: datetime
    ended_at: datetime | None = None
    energy_wh: Exact = 0
    cost: Cost | None = None
    authorization_reference: str | None = None


def session_documents(source: SessionSource) -> tuple[dict[str, Any], dict[str, Any]]:
    """The Session of OCPI 2.2.1 and that of 2.3.0: JSON-ready dicts with Decimals, without `last_updated`.

    They differ in `total_cost` alone: a Price of 2.3.0 names its taxes one by one. Costs, energy and charging periods
    are those that a CDR has of the same rating.
    """
    cost = source.cost
    energy_wh = source.energy_wh if cost is None else cost.rating.energy_wh
    told: dict[str, Any] = {
        "country_code": source.country_code,
        "party_id": source.party_id,
        "id": object_id(source.session_id),
        "start_date_time": datetime_text(source.started_at),
        "end_date_time": None if source.ended_at is None else datetime_text(source.ended_at),
        "kwh": four_decimals(energy_wh, WH_PER_KWH),
        "cdr_token": cdr_token(source.token, source.country_code, source.party_id),
        "auth_method": source.auth_method,
        "authorization_reference": source.authorization_reference,
        "location_id": short_id("location", source.location_id),
        "evse_uid": short_id("evse", source.evse_uid),
        "connector_id": short_id("connector", source.connector_id),
        "currency": source.currency,
        "status": source.status.value,
    }
    older = {name: said for name, said in told.items() if said is not None}
    if cost is None:
        return older, dict(older)
    tariff = known_tariff(cost.tariff, cost.taxes)
    older["charging_periods"] = charging_periods(cost.rating, tariff["id"], cost.registers)
    totals = _totals(cost, tariff, source.currency)
    newer = cdr_2_3_0(totals, taxes_to_store(cost.rating, totals), None)
    return older | {TOTAL: totals[TOTAL]}, older | {TOTAL: newer[TOTAL]}


def object_id(session_id: str) -> str:
    """The id of a Session, as its CDRs name it."""
    return short_id("session", session_id)


def _totals(cost: Cost, tariff: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """What a CDR says of costs, and of the tariff that tells which taxes they bear."""
    parts = cost_fields(cost.rating, cost.net_minor, cost.gross_minor, currency)
    known = {name: part for name, part in parts.items() if part is not None}
    total = price_of(cost.net_minor, cost.gross_minor, currency)
    return {"currency": currency, "tariffs": [tariff], TOTAL: total, **known}
