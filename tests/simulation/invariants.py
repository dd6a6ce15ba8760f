"""What holds after each action, whatever happened, asked of the store and the broker by connections of its own."""

from collections import defaultdict
from typing import Any, TypeAlias

import orjson
import psycopg
from psycopg import Cursor, IsolationLevel
from psycopg.rows import TupleRow

from consumers.outgoing import all_outgoing
from contracts.decode import Message, decode
from engine.ports import Record
from ledger.intake import outbox
from ledger.intake.messages import message_key
from tests.simulation.broker import Broker
from tests.simulation.plan import History
from tests.support.integrity import check_balances, check_entries

_UNBALANCED = "SELECT currency, sum(amount_minor) FROM book.posting GROUP BY currency HAVING sum(amount_minor) <> 0"
_POSITIONS = """
SELECT topic, partition, greatest(next_offset, 0),
       coalesce(accepted + duplicates + conflicts + dead_lettered, 0), coalesce(dead_lettered, 0)
FROM intake.position LEFT JOIN intake.tally USING (topic, partition)
"""
_KEYS = "SELECT uuid_send(key) FROM intake.message"
# Those of records; a fact that was taken in and cannot count has one too, which comes from no partition.
_LETTERS = "SELECT count(*) FROM intake.deadletter WHERE partition IS NOT NULL"
_BEHIND = """
SELECT name, position FROM projection.generation
WHERE position > (SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events)
"""
_PAYOUTS = """
SELECT state FROM event_store.stored_events
WHERE topic = 'PayoutCreated' AND notification_id > %s ORDER BY notification_id
"""
_LAST = "SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events"
_ROWS_MAX = 100_000


# A partition and a key, within which records keep their order.
Lane: TypeAlias = tuple[str, int, bytes | None]


class Invariants:
    """Checks that raise AssertionError; what was seen before is kept, so that nothing is read twice."""

    def __init__(self, dsn: str, broker: Broker, told: History) -> None:
        self._broker, self._told = broker, told
        self._connection = psycopg.connect(dsn, autocommit=True)
        self._connection.isolation_level = IsolationLevel.REPEATABLE_READ
        self._decoded: dict[bytes, bytes | tuple[str, str, bytes] | None] = {}
        self._seen_rows: set[int] = set()
        self._to_be_sent: dict[Lane, list[bytes]] = defaultdict(list)
        self._read_to = 0
        self._paid: dict[str, str] = {}
        self._reissued: dict[str, str] = {}

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def check(self) -> None:
        """All that holds at any moment."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            assert cursor.execute(_UNBALANCED).fetchall() == []
            self._check_positions(cursor)
            assert cursor.execute(_BEHIND).fetchall() == [], "a projection is ahead of the store"
            self._check_paid(cursor)
            self._note_outbox(cursor)
        self._check_sent(is_over=False)

    def check_end(self) -> None:
        """All that holds once nothing is left to be done."""
        self.check()
        with self._connection.transaction(), self._connection.cursor() as cursor:
            assert outbox.is_empty(cursor)
            assert check_balances(cursor) + check_entries(cursor) == []
        self._check_sent(is_over=True)

    def _check_positions(self, cursor: Cursor[TupleRow]) -> None:
        """What was passed is exactly what is known: as a message, once, or as a dead letter."""
        keys, bad = set[bytes](), set[object]()
        letters = 0
        for topic, number, next_offset, counted, refused in cursor.execute(_POSITIONS).fetchall():
            letters += refused
            where = f"{topic}/{number}"
            assert counted == next_offset, f"{where} stands at {next_offset}, and {counted} records are counted"
            for record in self._broker.logs.get((topic, number), [])[:next_offset]:
                known_as = self._known_as(record)
                if isinstance(known_as, bytes):
                    keys.add(known_as)
                else:
                    bad.add(known_as or (record.home, record.offset))
        known = {key for (key,) in cursor.execute(_KEYS).fetchall()}
        assert known == keys, f"{len(keys - known)} messages passed and not known, {len(known - keys)} not passed"
        kept = cursor.execute(_LETTERS).fetchone()
        assert kept == (letters,) == (len(bad),), f"{len(bad)} records are bad, {letters} counted, {kept} kept"

    def _known_as(self, record: Record) -> bytes | tuple[str, str, bytes] | None:
        """The key of a message, or what tells a bad record from others: where it lies, for one without an id."""
        value = record.value or b""
        if value not in self._decoded:
            found = decode(value, record.headers)
            source, id_ = found.source or "", found.id or ""
            if isinstance(found, Message) and value not in self._told.breaking:
                self._decoded[value] = message_key(source, id_)
            else:
                self._decoded[value] = (source, id_, value) if source and id_ else None
        return self._decoded[value]

    def _check_paid(self, cursor: Cursor[TupleRow]) -> None:
        """An entry is paid by one payout, and by those that repeat it one after the other."""
        last = self._last(cursor)
        for (state,) in cursor.execute(_PAYOUTS, (self._read_to,)).fetchall():
            payout = orjson.loads(state)
            payout_id, again = payout["payout_id"], payout.get("reissue_of")
            if again is not None:
                assert self._reissued.setdefault(again, payout_id) == payout_id, f"{again} is repeated twice"
                continue
            for entry_id in payout["entry_ids"]:
                first = self._paid.setdefault(entry_id, payout_id)
                assert first == payout_id, f"entry {entry_id} is paid by {first} and by {payout_id}"
        self._read_to = last

    @staticmethod
    def _last(cursor: Cursor[TupleRow]) -> int:
        row: Any = cursor.execute(_LAST).fetchone()
        return int(row[0])

    def _note_outbox(self, cursor: Cursor[TupleRow]) -> None:
        for row in outbox.pending(cursor, _ROWS_MAX, self._seen_rows):
            self._seen_rows.add(row.outbox_id)
            for record in all_outgoing(row):
                self._to_be_sent[*Broker.home_of(record), record.key].append(record.value)

    def _check_sent(self, *, is_over: bool) -> None:
        """Of each key the broker has what was to be sent, from its first on and in that order; repeats apart."""
        sent: dict[Lane, dict[bytes, None]] = defaultdict(dict)
        for (topic, partition), log in self._broker.logs.items():
            if topic.startswith("settlement."):
                for record in log:
                    sent[topic, partition, record.key].setdefault(record.value or b"")
        for lane in sorted(self._to_be_sent.keys() | sent.keys(), key=repr):
            wanted, found = self._to_be_sent[lane], list(sent[lane])
            assert found == wanted[: len(found)], f"{lane} was sent otherwise than it was to be: {found} not {wanted}"
            assert not is_over or len(found) == len(wanted), f"{lane}: {len(found)} of {len(wanted)} were sent"
