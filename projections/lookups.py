"""What `projections.trace` reads of tables, each by a key or an index; ids of every kind that a text may be."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.events.codec import read_body
from ledger.events.store import event_id
from projections.mentions import Kind, folded, key_of

# An id that people may write in either case: UUIDs and other hex, of some length.
_HEX = re.compile(r"[0-9a-f-]{8,}", re.IGNORECASE)
_UUID = re.compile(r"([0-9a-f]{32})(c?)")

# Where an id of a kind is mentioned, the latest first.
_MENTIONED = """
SELECT asked.number, event.notification_id, event.originator_id, event.originator_version, event.topic, event.state
FROM unnest(%s::bigint[]) WITH ORDINALITY AS asked (key, number)
CROSS JOIN LATERAL (
    SELECT position FROM projection.mentions WHERE mentions.key = asked.key ORDER BY position DESC LIMIT %s
) AS found
JOIN event_store.stored_events AS event ON event.notification_id = found.position
ORDER BY asked.number, event.notification_id
"""
_COUNTED = """
SELECT event.topic, count(*)
FROM projection.mentions
JOIN event_store.stored_events AS event ON event.notification_id = mentions.position
WHERE mentions.key = %s
GROUP BY event.topic
"""
# The first event of streams, which says what each is about.
_FIRST = (
    "SELECT originator_id FROM event_store.stored_events WHERE originator_id = ANY(%s) AND originator_version = 1"
)

_ENTRIES = """
SELECT entry.entry_id, entry.kind, entry.effective_at, entry.currency, entry.session_id, entry.payout_id,
       entry.reverses, entry.cause,
       (SELECT sum(amount_minor) FROM book.posting WHERE posting.entry_id = entry.entry_id AND amount_minor > 0)
FROM book.entry
WHERE entry.entry_id = ANY(%s)
ORDER BY entry.effective_at, entry.kind, entry.entry_id
"""
_REVERSED_BY = "SELECT entry_id FROM book.entry WHERE reverses = %s"
_PAID_BY = "SELECT DISTINCT payout_id FROM intake.line WHERE entry_id = ANY(%s) AND payout_id IS NOT NULL"
_POSTINGS = "SELECT account, amount_minor FROM book.posting WHERE entry_id = %s ORDER BY line"

_PAYOUT_COLUMNS = """
payout_id, batch_id, operator_id, currency, business_date, attempt, amount, status, status_at, fired_at,
cardinality(entry_ids)
"""
_PAYOUTS = f"SELECT {_PAYOUT_COLUMNS} FROM projection.payouts WHERE payout_id = ANY(%s) ORDER BY fired_at, attempt"  # noqa: S608
# A payout with its other attempts.
_ATTEMPTS = f"""
SELECT {_PAYOUT_COLUMNS} FROM projection.payouts
WHERE operator_id = %s AND currency = %s AND business_date = %s ORDER BY attempt
"""  # noqa: S608 (the columns are a constant)
_PAID_ENTRIES = """
SELECT paid.entry_id
FROM projection.payouts CROSS JOIN LATERAL unnest(entry_ids) WITH ORDINALITY AS paid (entry_id, n)
WHERE payout_id = %s ORDER BY n LIMIT %s
"""
_PAID_SESSIONS = """
SELECT DISTINCT entry.session_id
FROM projection.payouts CROSS JOIN LATERAL unnest(entry_ids) AS paid (entry_id) JOIN book.entry USING (entry_id)
WHERE payouts.payout_id = %s AND entry.session_id IS NOT NULL
ORDER BY 1
"""
_PAYS = "SELECT payout_id FROM projection.payouts WHERE payout_id = ANY(%s) AND %s = ANY(entry_ids)"
_ORDERED = """
SELECT payout_id, operator_id, business_date, attempt, currency, amount, status FROM projection.payouts
WHERE payout_id = ANY(%s) ORDER BY operator_id, currency, business_date, attempt
"""
_FILE_OF = "SELECT name FROM intake.bank_file_payout WHERE payout_id = %s"
_FILE = "SELECT name, made_at, handed_off_at FROM intake.bank_file WHERE name = ANY(%s)"
_PAYOUTS_IN = "SELECT payout_id FROM intake.bank_file_payout WHERE name = %s ORDER BY payout_id"

_CDRS = """
SELECT cdr_id, credit, number, session_id, operator_id, issued_at FROM projection.cdrs WHERE cdr_id = ANY(%s)
"""
_CDRS_OF = """
SELECT cdr_id, credit, number, session_id, operator_id, issued_at FROM projection.cdrs
WHERE session_id = %s ORDER BY number, credit
"""
_OUTCOMES = """
SELECT session_id, operator_id, state, reason, gross, currency FROM projection.sessions WHERE session_id = ANY(%s)
"""

_CLAIMANTS = """
SELECT DISTINCT reference.ref, reference.session_id
FROM intake.reference JOIN unnest(%s::text[]) AS asked (ref) USING (ref)
WHERE reference.kind = %s
ORDER BY reference.session_id
"""
_REFERENCES = "SELECT kind, ref FROM intake.reference WHERE session_id = %s ORDER BY kind, ref"
_PROVIDERS = "SELECT ref FROM intake.reference WHERE session_id = ANY(%s) AND kind = 'payment'"

_LETTERS = """
SELECT deadletter_id, code, sentence, topic, event_source, event_id, event_type, recorded_at, replayed_at
FROM intake.deadletter
"""
_LETTER = f"{_LETTERS} WHERE deadletter_id = ANY(%s)"
_LETTERS_OF = f"{_LETTERS} WHERE event_id = %s ORDER BY recorded_at, deadletter_id LIMIT %s"
_WAITING = (
    "SELECT type, source, id, event_time, ref FROM intake.parked WHERE id = %s AND kind = 'cdr' ORDER BY source"
)
_WAITING_FOR = "SELECT type, source, id, event_time, ref FROM intake.parked WHERE kind = 'cdr' AND ref = ANY(%s)"


class OrderedPayout(NamedTuple):
    """A payout that was ordered of a bank, as it now is; `amount` in minor units."""

    payout_id: str
    operator_id: str
    business_date: date
    attempt: int
    currency: str
    amount: int
    status: str


class Mention(NamedTuple):
    """A stored event that mentions an id, with its stored body."""

    position: int
    stream_id: UUID
    version: int
    topic: str
    body: Mapping[str, Any]

    @property
    def event_id(self) -> str:
        """The id of the event."""
        return str(event_id(self.stream_id, self.version))


class EntryRow(NamedTuple):
    """An entry, with the sum of its debits in minor units."""

    entry_id: UUID
    kind: str
    effective_at: datetime
    currency: str
    session_id: str | None
    payout_id: str | None
    reverses: UUID | None
    cause: UUID
    amount: int


class Payout(NamedTuple):
    """A payout; `entries` is how many it pays."""

    payout_id: str
    batch_id: str
    operator_id: str
    currency: str
    business_date: Any
    attempt: int
    amount: int
    status: str
    status_at: datetime
    fired_at: datetime
    entries: int


class Cdr(NamedTuple):
    """A CDR that went out, or the credit CDR of one."""

    cdr_id: str
    credit: bool
    number: int
    session_id: str
    operator_id: str
    issued_at: datetime


class Outcome(NamedTuple):
    """What a session came to."""

    session_id: str
    operator_id: str
    state: str
    reason: str
    gross: int | None
    currency: str | None


class Letter(NamedTuple):
    """A dead letter, without its record."""

    deadletter_id: UUID
    code: str
    sentence: str
    topic: str
    source: str | None
    id: str | None
    type: str | None
    recorded_at: datetime
    replayed_at: datetime | None


class Waiting(NamedTuple):
    """A partner's message about a CDR (`ref`) that nobody knows yet."""

    type: str
    source: str
    id: str
    time: datetime
    ref: str


def is_same(asked: str, id_: str) -> bool:
    """Whether an id is the one that was asked for: letter by letter, or as hex in either case."""
    return asked == id_ or bool(_HEX.fullmatch(asked) and folded(asked) == folded(id_))


def spellings(asked: str) -> list[str]:
    """The ways in which an id may be stored: as it is; where it is hex in small and large letters, and as a UUID."""
    found = [asked]
    if _HEX.fullmatch(asked):
        found += [asked.lower(), asked.upper()]
    if match := _UUID.fullmatch(folded(asked)):
        id_ = UUID(match[1])
        found += [f"{id_}-C"] if match[2] else [str(id_), str(id_).upper(), id_.hex, id_.hex.upper()]
    return list(dict.fromkeys(found))


def uuids(asked: str) -> list[UUID]:
    """The id as a UUID, where it is one."""
    match = _UUID.fullmatch(folded(asked))
    return [UUID(match[1])] if match and not match[2] else []


@dataclass(slots=True)
class Lookups:
    """What is asked of the store by a cursor that may read everything."""

    cursor: Cursor[TupleRow]

    def _rows(self, query: str, *parameters: Any) -> list[TupleRow]:
        return self.cursor.execute(query.encode(), parameters).fetchall()

    def mentions(self, kinds: Sequence[Kind], id_: str, limit: int) -> dict[Kind, list[Mention]]:
        """The latest events that mention an id, by what it is the id of; whoever asks sees whether they mean it."""
        found: dict[Kind, list[Mention]] = {kind: [] for kind in kinds}
        for number, position, stream, version, topic, state in self._rows(
            _MENTIONED, [key_of(kind, id_) for kind in kinds], limit
        ):
            body = read_body(topic, bytes(state))
            found[kinds[number - 1]].append(Mention(position, stream, version, topic, body))
        return found

    def counts(self, kind: Kind, id_: str) -> dict[str, int]:
        """How many events mention an id, by topic."""
        return dict(self._rows(_COUNTED, key_of(kind, id_)))

    def known_streams(self, stream_ids: Sequence[UUID]) -> set[UUID]:
        """Those of these streams that have events."""
        return {stream for (stream,) in self._rows(_FIRST, list(stream_ids))}

    def entries(self, entry_ids: Sequence[UUID]) -> list[EntryRow]:
        """Entries by id, in the order of the journal."""
        rows = self._rows(_ENTRIES, list(entry_ids))
        return [EntryRow._make((*row[:-1], int(row[-1]))) for row in rows]

    def postings(self, entry_id: UUID) -> list[tuple[str, int]]:
        """Accounts and amounts of an entry, debit positive."""
        return [(account, amount) for account, amount in self._rows(_POSTINGS, entry_id)]

    def reversed_by(self, entry_id: UUID) -> list[UUID]:
        """The entry that takes this one back, if there is one."""
        return [row[0] for row in self._rows(_REVERSED_BY, entry_id)]

    def payouts(self, payout_ids: Iterable[str]) -> list[Payout]:
        """Payouts by id."""
        return [Payout(*row) for row in self._rows(_PAYOUTS, list(payout_ids))]

    def attempts(self, payout: Payout) -> list[Payout]:
        """All attempts of a payout, itself among them."""
        rows = self._rows(_ATTEMPTS, payout.operator_id, payout.currency, payout.business_date)
        return [Payout(*row) for row in rows]

    def paying(self, entry_ids: Sequence[UUID]) -> list[Payout]:
        """The payouts that pay any of these entries, every attempt of them."""
        latest = self.payouts(row[0] for row in self._rows(_PAID_BY, list(entry_ids)))
        found = {each.payout_id: each for payout in latest for each in self.attempts(payout)}
        return list(found.values())

    def pays(self, payouts: Sequence[Payout], entry_id: UUID) -> list[Payout]:
        """Those of these payouts that name an entry."""
        rows = self._rows(_PAYS, [each.payout_id for each in payouts], entry_id)
        named = {row[0] for row in rows}
        return [each for each in payouts if each.payout_id in named]

    def paid_entries(self, payout_id: str, limit: int) -> list[UUID]:
        """The first entries that a payout pays."""
        return [row[0] for row in self._rows(_PAID_ENTRIES, payout_id, limit)]

    def paid_sessions(self, payout_id: str) -> list[str]:
        """The sessions whose entries a payout pays."""
        return [row[0] for row in self._rows(_PAID_SESSIONS, payout_id)]

    def file_of(self, payout_id: str) -> str | None:
        """The bank file that a payout stands in."""
        rows = self._rows(_FILE_OF, payout_id)
        return rows[0][0] if rows else None

    def files(self, names: Sequence[str]) -> list[tuple[str, datetime, datetime | None]]:
        """Bank files by name: when each was made and handed off."""
        return [(name, made_at, handed_off_at) for name, made_at, handed_off_at in self._rows(_FILE, list(names))]

    def payouts_in(self, name: str) -> list[str]:
        """The payouts in a bank file."""
        return [row[0] for row in self._rows(_PAYOUTS_IN, name)]

    def cdrs(self, cdr_ids: Iterable[str]) -> list[Cdr]:
        """CDRs and credit CDRs by id."""
        return [Cdr(*row) for row in self._rows(_CDRS, list(cdr_ids))]

    def cdrs_of(self, session_id: str) -> list[Cdr]:
        """The CDRs and credit CDRs of a session."""
        return [Cdr(*row) for row in self._rows(_CDRS_OF, session_id)]

    def outcomes(self, session_ids: Sequence[str]) -> dict[str, Outcome]:
        """What sessions came to, by id; one that is known from payments alone came to nothing."""
        return {row[0]: Outcome(*row) for row in self._rows(_OUTCOMES, list(session_ids))}

    def claimants(self, kind: str, refs: Sequence[str]) -> dict[str, list[str]]:
        """The sessions that claim payments or CDRs, by reference."""
        found: dict[str, list[str]] = {}
        for ref, session_id in self._rows(_CLAIMANTS, list(refs), kind):
            found.setdefault(ref, []).append(session_id)
        return found

    def references(self, session_id: str) -> list[tuple[str, str]]:
        """The payments and CDRs that a session claims, as kind and reference."""
        return [(kind, ref) for kind, ref in self._rows(_REFERENCES, session_id)]

    def providers(self, session_ids: Sequence[str], payment_id: str) -> list[str]:
        """The providers of a payment that these sessions captured."""
        refs = [str(row[0]).split("\t") for row in self._rows(_PROVIDERS, list(session_ids))]
        return sorted({provider for provider, *rest in refs if rest == [payment_id]})

    def letters(self, ids: Sequence[UUID]) -> list[Letter]:
        """Dead letters by id."""
        return [Letter(*row) for row in self._rows(_LETTER, list(ids))]

    def letters_of(self, message_id: str, limit: int) -> list[Letter]:
        """Dead letters of records with this message id."""
        return [Letter(*row) for row in self._rows(_LETTERS_OF, message_id, limit)]

    def waiting(self, message_id: str) -> list[Waiting]:
        """Partners' messages with this id that wait for a CDR."""
        return [Waiting(*row) for row in self._rows(_WAITING, message_id)]

    def waiting_for(self, cdr_ids: Sequence[str]) -> list[Waiting]:
        """Partners' messages that wait for these CDRs."""
        return [Waiting(*row) for row in self._rows(_WAITING_FOR, list(cdr_ids))]


def ordered_payouts(cursor: Cursor[TupleRow], payout_ids: Sequence[str]) -> list[OrderedPayout]:
    """Payouts by their ids, by operator."""
    return [OrderedPayout(*row) for row in cursor.execute(_ORDERED, (list(payout_ids),)).fetchall()]
