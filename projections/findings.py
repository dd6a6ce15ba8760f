"""The findings that are open, as the streams that keep them said last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.findings import FindingEnded, FindingOpened
from ledger.arrays import array
from ledger.events.codec import read_body

_COLUMNS = ("kind", "subject", "operator_id", "since", "sentence", "currency", "amount")

# What a set opened, or said anew, and left open.
_PUT = """
INSERT INTO projection.finding_row (generation, stream, key, kind, subject, operator_id, since, sentence,
                                            currency, amount)
SELECT %s, latest.*
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[],
            %s::bigint[]) AS latest
ON CONFLICT (generation, stream, key) DO UPDATE
SET kind = excluded.kind, subject = excluded.subject, operator_id = excluded.operator_id, since = excluded.since,
    sentence = excluded.sentence, currency = excluded.currency, amount = excluded.amount
"""

# What it ended.
_DROP = """
DELETE FROM projection.finding_row AS kept
USING unnest(%s::text[], %s::text[]) AS ended (stream, key)
WHERE kept.generation = %s AND (kept.stream, kept.key) = (ended.stream, ended.key)
"""


@dataclass(frozen=True, slots=True)
class Findings:
    """Keeps what was opened by stream and key, until it ends."""

    topics: frozenset[str] = frozenset({FindingOpened.__name__, FindingEnded.__name__})
    table: str = "finding_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Put or forget what the set says last of each."""
        latest: dict[tuple[str, str], dict[str, Any] | None] = {}
        for topic, state in events:
            body = read_body(topic, state)
            finding = body["finding"]
            latest[body["stream"], finding["key"]] = finding if topic == FindingOpened.__name__ else None
        opened = {key: finding for key, finding in sorted(latest.items()) if finding is not None}
        ended = sorted(key for key, finding in latest.items() if finding is None)
        if ended:
            cursor.execute(_DROP, (*[array(column) for column in zip(*ended, strict=True)], generation))
        if opened:
            keys = [array(column) for column in zip(*opened, strict=True)]
            columns = [array([finding.get(name) for finding in opened.values()]) for name in _COLUMNS]
            cursor.execute(_PUT, (generation, *keys, *columns))
