"""The sessions: one row each with what it came to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.session.decisions import SessionAssessed
from ledger.arrays import array
from ledger.events.codec import dump, read_body

_COLUMNS = (
    "session_id",
    "operator_id",
    "state",
    "reason",
    "energy_wh",
    "currency",
    "net",
    "vat",
    "gross",
    "commission",
    "commission_vat",
    "operator_share",
    "evse_uid",
    "partner",
)

# The latest outcome of a set of sessions.
_PUT = """
INSERT INTO projection.session_row (generation, session_id, operator_id, state, reason, energy_wh, currency, net, vat,
                                    gross, commission, commission_vat, operator_share, evse_uid, partner, shortfall,
                                    metered, tariff_hash)
SELECT %s, latest.*
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::numeric[], %s::text[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::jsonb[],
            %s::text[])
    AS latest
ON CONFLICT (generation, session_id) DO UPDATE
SET operator_id = excluded.operator_id, state = excluded.state, reason = excluded.reason,
    energy_wh = excluded.energy_wh, currency = excluded.currency, net = excluded.net, vat = excluded.vat,
    gross = excluded.gross, commission = excluded.commission, commission_vat = excluded.commission_vat,
    operator_share = excluded.operator_share, shortfall = excluded.shortfall, evse_uid = excluded.evse_uid,
    partner = excluded.partner, metered = excluded.metered, tariff_hash = excluded.tariff_hash
"""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Keeps the last SessionAssessed of each session."""

    topics: frozenset[str] = frozenset({SessionAssessed.__name__})
    table: str = "session_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Put the last outcome that the set has for each of its sessions."""
        latest: dict[str, dict[str, Any]] = {}
        for topic, state in events:
            outcome = read_body(topic, state)
            latest[outcome["session_id"]] = outcome
        if latest:
            outcomes = [latest[session_id] for session_id in sorted(latest)]
            columns = [array([outcome.get(name) for outcome in outcomes]) for name in _COLUMNS]
            shortfalls = array([outcome.get("shortfall", 0) for outcome in outcomes])
            metered = array([_metered(outcome) for outcome in outcomes])
            hashes = array([_tariff_hash(outcome) for outcome in outcomes])
            cursor.execute(_PUT, (generation, *columns, shortfalls, metered, hashes))


# A rating begins with its cause and the hash of the version of the tariff (domain.session.ratings).
_HASH = re.compile(r'"tariff":"([^"\\]*)","energy_wh":')


def _tariff_hash(outcome: dict[str, Any]) -> str | None:
    """By which version of a tariff a session is rated: that of its last rating; None where it is billed nothing."""
    ratings = outcome.get("ratings")
    if not ratings or outcome.get("gross") is None:
        return None
    found = _HASH.search(ratings[-1])
    return found[1] if found else None


def _metered(outcome: dict[str, Any]) -> str | None:
    """What the meter counted, as JSON; outcomes from before it was told have what was billed, at no known moment."""
    billed_wh = outcome.get("energy_wh")
    pairs = outcome.get("metered", [[None, billed_wh]] if billed_wh is not None else None)
    return dump(pairs).decode() if pairs else None
