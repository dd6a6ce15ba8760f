"""Roaming partners as they are registered, and what each still has to pay."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.catalogue.parties import partner_key

# All that was registered, in the order of the events' own times: the last one stands.
_REGISTERED = """
SELECT event_time, data FROM intake.catalogue WHERE type = 'partner.registered' ORDER BY event_time, source, id
"""
# What partners owe in each currency: accepted and not invoiced yet (1200), and invoiced (1210). An account is read by
# its key.
_OWED = """
SELECT partner.name, line.currency,
       sum(line.amount) FILTER (WHERE account.code = '1200')::bigint,
       sum(line.amount) FILTER (WHERE account.code = '1210')::bigint
FROM unnest(%s::text[]) AS partner (name)
CROSS JOIN (VALUES ('1200'), ('1210')) AS account (code)
JOIN projection.account_lines AS line ON line.account = account.code || '/' || partner.name
GROUP BY partner.name, line.currency
ORDER BY partner.name, line.currency
"""


@dataclass(frozen=True, slots=True)
class PartnerOwes:
    """What a partner has not paid yet, in minor units: of CDRs that are not invoiced, and of invoices."""

    currency: str
    uninvoiced: int
    unpaid: int


@dataclass(frozen=True, slots=True)
class PartnerRow:
    """A partner (`DE-ABC`) as last registered, `data` as its event has it, and since when."""

    partner: str
    registered_at: datetime
    data: Mapping[str, Any]
    owes: tuple[PartnerOwes, ...]


def partners(cursor: Cursor[TupleRow]) -> list[PartnerRow]:
    """All partners by their keys. Needs a role that may read the intake."""
    latest: dict[str, tuple[datetime, Mapping[str, Any]]] = {}
    for event_time, raw in cursor.execute(_REGISTERED):
        data = orjson.loads(raw)
        latest[partner_key(data["country_code"], data["party_id"])] = (event_time, data)
    owed: dict[str, list[PartnerOwes]] = {name: [] for name in latest}
    for name, currency, uninvoiced, unpaid in cursor.execute(_OWED, (sorted(latest),)):
        if uninvoiced or unpaid:
            owed[name].append(PartnerOwes(currency, uninvoiced or 0, unpaid or 0))
    return [PartnerRow(name, *latest[name], tuple(owed[name])) for name in sorted(latest)]


def is_partner(cursor: Cursor[TupleRow], name: str) -> bool:
    """Whether a partner (`DE-ABC`, in any case) is registered. Needs a role that may read the intake."""
    named = (orjson.loads(raw) for _, raw in cursor.execute(_REGISTERED))
    return any(partner_key(data["country_code"], data["party_id"]) == name.upper() for data in named)
