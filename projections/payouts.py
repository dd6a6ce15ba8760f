"""The payouts: what each pays, to which account, and what the bank said."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.payout.content import decided_content
from domain.payout.events import PayoutCreated, PayoutHandedOff, PayoutStatusChanged
from ledger.events.codec import decode, dump
from projections.movements import EventSet

# A set of new payouts, the entries of each as the text of an array, since arrays of arrays must be of one length.
_PUT = """
INSERT INTO projection.payout_row (generation, operator_id, currency, business_date, attempt, payout_id, batch_id,
                                   amount, reserve, status, status_at, fired_at, reissue_of, holder_name,
                                   country_code, bank_account, entry_ids, execution_date, time_zone, calendars,
                                   calendar_versions, position, content_hash, retained, withheld, fee, doubts,
                                   approvals_needed, bank_profile, first_effective_at)
SELECT %s, made.operator_id, made.currency, made.business_date, made.attempt, made.payout_id, made.batch_id,
       made.amount, made.reserve, made.status, made.fired_at, made.fired_at, made.reissue_of, made.holder_name,
       made.country_code, made.bank_account, made.entry_ids::uuid[], made.execution_date, made.time_zone,
       made.calendars::text[], made.calendar_versions::text[], made.position,
       made.content_hash, made.retained, made.withheld, made.fee, made.doubts::text[], made.approvals,
       made.bank_profile,
       (SELECT min(line.effective_at) FROM intake.line AS line WHERE line.entry_id = ANY (made.entry_ids::uuid[])
        AND line.operator_id = made.operator_id)
FROM unnest(%s::text[], %s::text[], %s::date[], %s::int[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],
            %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::text[], %s::date[],
            %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::text[], %s::int[], %s::text[])
    AS made (operator_id, currency, business_date, attempt, payout_id, batch_id, amount, reserve, status, fired_at,
             reissue_of, holder_name, country_code, bank_account, entry_ids, execution_date, time_zone, calendars,
             calendar_versions, position, content_hash, retained, withheld, fee, doubts, approvals, bank_profile)
ON CONFLICT (generation, operator_id, currency, business_date, attempt) DO NOTHING
"""

# The latest status of a set of payouts.
_CHANGE = """
WITH of AS (SELECT %s::int AS generation)
UPDATE projection.payout_row AS kept
SET status = latest.status, status_at = latest.at, reason = latest.reason,
    decided_at = CASE WHEN latest.status = 'REJECTED' THEN latest.at ELSE kept.decided_at END,
    decided_position = CASE WHEN latest.status = 'REJECTED' THEN latest.position ELSE kept.decided_position END
FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::bigint[])
    AS latest (payout_id, status, at, reason, position)
WHERE kept.generation = (SELECT generation FROM of) AND kept.payout_id = latest.payout_id
"""

# Payouts that people let go: what each keeps of what it pays is among its entries from then on.
_HAND_OFF = """
WITH of AS (SELECT %s::int AS generation)
UPDATE projection.payout_row AS kept
SET handed_off_at = gone.at, decided_at = gone.at, decided_position = gone.position,
    execution_date = gone.execution_date, handed_off_by = gone.by::text[],
    entry_ids = ARRAY(SELECT DISTINCT id FROM unnest(kept.entry_ids || gone.own::uuid[]) AS id ORDER BY id)
FROM unnest(%s::text[], %s::timestamptz[], %s::date[], %s::text[], %s::text[], %s::bigint[])
    AS gone (payout_id, at, execution_date, by, own, position)
WHERE kept.generation = (SELECT generation FROM of) AND kept.payout_id = gone.payout_id
"""


def _array_text(values: Sequence[str]) -> str:
    """The text of an array of texts, each in quotes."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{each}"' for each in quoted) + "}"


def _row(made: PayoutCreated, position: int) -> tuple[object, ...]:
    return (
        made.operator_id,
        made.currency,
        made.business_date,
        made.attempt,
        made.payout_id,
        made.batch_id,
        made.amount,
        made.reserve,
        made.status,
        made.fired_at,
        made.reissue_of,
        made.holder_name,
        made.country_code,
        dump(made.bank_account).decode(),
        f"{{{','.join(sorted(str(UUID(entry_id)) for entry_id in made.entry_ids))}}}",
        made.execution_date,
        made.time_zone,
        _array_text(made.calendars),
        _array_text(made.calendar_versions),
        position,
        decided_content(made),
        made.retained,
        sum(made.withheld.values()),
        made.fee + made.fee_vat,
        _array_text(made.doubts),
        made.approvals,
        made.bank_profile,
    )


@dataclass(frozen=True, slots=True)
class Payouts:
    """Keeps every PayoutCreated, with its position, its hand-off and the last PayoutStatusChanged about it."""

    topics: frozenset[str] = frozenset(
        {PayoutCreated.__name__, PayoutStatusChanged.__name__, PayoutHandedOff.__name__}
    )
    table: str = "payout_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Put the payouts that the set creates, then the last status it has for any.

        Raises TypeError for events without their places.
        """
        if not isinstance(events, EventSet) or len(events.places) != len(events):
            raise TypeError("payouts are kept with their positions: an EventSet with places is needed")
        decisions = [
            (decode(topic, state), place.position)
            for (topic, state), place in zip(events, events.places, strict=True)
        ]
        _put(cursor, _PUT, [_row(each, at) for each, at in decisions if isinstance(each, PayoutCreated)], generation)
        gone = [_gone(each, at) for each, at in decisions if isinstance(each, PayoutHandedOff)]
        _put(cursor, _HAND_OFF, gone, generation)
        latest = {each.payout_id: (each, at) for each, at in decisions if isinstance(each, PayoutStatusChanged)}
        changes = [(each.payout_id, each.status, each.at, each.reason, at) for each, at in latest.values()]
        _put(cursor, _CHANGE, changes, generation)


def _gone(event: PayoutHandedOff, position: int) -> tuple[object, ...]:
    by, own = _array_text(event.by), _array_text(event.own_entries)
    return event.payout_id, event.at, event.execution_date, by, own, position


def _put(cursor: Cursor[TupleRow], query: LiteralString, rows: Sequence[tuple[object, ...]], generation: int) -> None:
    """Write a set of rows, the columns as arrays."""
    if rows:
        cursor.execute(query, (generation, *[list(column) for column in zip(*rows, strict=True)]))
