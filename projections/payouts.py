"""The payouts: what each pays, to which account, and what the bank said."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.payout.payout import PayoutCreated, PayoutStatusChanged
from ledger.events.codec import decode, dump

# A set of new payouts, the entries of each as the text of an array, since arrays of arrays must be of one length.
_PUT = """
INSERT INTO projection.payout_row (generation, operator_id, currency, business_date, attempt, payout_id, batch_id,
                                   amount, reserve, status, status_at, fired_at, reissue_of, holder_name,
                                   country_code, bank_account, entry_ids, execution_date, time_zone, calendars,
                                   calendar_versions)
SELECT %s, made.operator_id, made.currency, made.business_date, made.attempt, made.payout_id, made.batch_id,
       made.amount, made.reserve, made.status, made.fired_at, made.fired_at, made.reissue_of, made.holder_name,
       made.country_code, made.bank_account, made.entry_ids::uuid[], made.execution_date, made.time_zone,
       made.calendars::text[], made.calendar_versions::text[]
FROM unnest(%s::text[], %s::text[], %s::date[], %s::int[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],
            %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::text[], %s::date[],
            %s::text[], %s::text[], %s::text[])
    AS made (operator_id, currency, business_date, attempt, payout_id, batch_id, amount, reserve, status, fired_at,
             reissue_of, holder_name, country_code, bank_account, entry_ids, execution_date, time_zone, calendars,
             calendar_versions)
ON CONFLICT (generation, operator_id, currency, business_date, attempt) DO NOTHING
"""

# The latest status of a set of payouts.
_CHANGE = """
UPDATE projection.payout_row AS kept
SET status = latest.status, status_at = latest.at, reason = latest.reason
FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[]) AS latest (payout_id, status, at, reason)
WHERE kept.generation = %s AND kept.payout_id = latest.payout_id
"""


def _array_text(values: Sequence[str]) -> str:
    """The text of an array of texts, each in quotes."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{each}"' for each in quoted) + "}"


def _row(made: PayoutCreated) -> tuple[object, ...]:
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
    )


@dataclass(frozen=True, slots=True)
class Payouts:
    """Keeps every PayoutCreated with the last PayoutStatusChanged about it."""

    topics: frozenset[str] = frozenset({PayoutCreated.__name__, PayoutStatusChanged.__name__})
    table: str = "payout_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Put the payouts that the set creates, then the last status it has for any."""
        decisions = [decode(topic, state) for topic, state in events]
        made = [_row(decision) for decision in decisions if isinstance(decision, PayoutCreated)]
        latest = {decision.payout_id: decision for decision in decisions if isinstance(decision, PayoutStatusChanged)}
        if made:
            cursor.execute(_PUT, (generation, *[list(column) for column in zip(*made, strict=True)]))
        if latest:
            changes = [(each.payout_id, each.status, each.at, each.reason) for each in latest.values()]
            cursor.execute(_CHANGE, (*[list(column) for column in zip(*changes, strict=True)], generation))
