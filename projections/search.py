"""What has an id, for whoever may see it, and where it is shown: one look-up of every kind of id at once.

Reads only what a tenant may read, too: the views of the read models, and those of schema `surface`. What is found by
the events that mention it needs the read model `mentions`; as far as that has followed, it is found.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote, urlencode
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import MESSAGE_TYPES
from domain.session.session import session_stream
from ledger.events.codec import read_body
from ledger.events.store import event_id
from projections.lookups import is_same, spellings, uuids
from projections.mentions import Kind, folded, ids_in, key_of, keys_between

IsAsked: TypeAlias = Callable[[str], bool]

ACCOUNT = "account"
# How many things are told at most, and how many events are read for each kind that an id may be of.
FOUND_MAX = 50
_READ = 20

# Everything that has one of these ids, by key; whose an entry is, its session or its payout says.
_EXACT = """
SELECT 'session' AS kind, session_id AS id, operator_id FROM projection.sessions WHERE session_id = ANY(%(names)s)
UNION ALL
SELECT 'payout', payout_id, operator_id FROM surface.payouts WHERE payout_id = ANY(%(names)s)
UNION ALL
SELECT 'cdr', cdr_id, operator_id FROM surface.cdrs WHERE cdr_id = ANY(%(names)s)
UNION ALL
SELECT 'entry', entry_id::text,
       coalesce((SELECT operator_id FROM projection.sessions AS whose WHERE whose.session_id = entries.session_id),
                (SELECT operator_id FROM surface.payouts AS whose WHERE whose.payout_id = entries.payout_id))
FROM surface.entries WHERE entry_id = ANY(%(uuids)s)
UNION ALL
(SELECT 'evse', evse_uid, operator_id FROM projection.sessions WHERE evse_uid = ANY(%(names)s) LIMIT %(read)s)
UNION ALL
SELECT 'account', asked.account, line.operator_id
FROM unnest(%(accounts)s::text[]) AS asked (account)
CROSS JOIN LATERAL (
    SELECT operator_id FROM projection.account_lines WHERE account_lines.account = asked.account LIMIT 1
) AS line
"""
# The same of UUIDs that begin with some digits: texts in one case, entries by their numbers.
_BEGINNING = """
(SELECT 'session' AS kind, session_id AS id, operator_id FROM projection.sessions
 WHERE session_id >= %(first)s AND session_id < %(beyond)s ORDER BY session_id LIMIT %(limit)s)
UNION ALL
(SELECT 'session', session_id, operator_id FROM projection.sessions
 WHERE session_id >= %(large)s AND session_id < %(beyond_large)s AND %(large)s <> %(first)s
 ORDER BY session_id LIMIT %(limit)s)
UNION ALL
(SELECT 'payout', payout_id, operator_id FROM surface.payouts
 WHERE payout_id >= %(first)s AND payout_id < %(beyond)s ORDER BY payout_id LIMIT %(limit)s)
UNION ALL
(SELECT 'cdr', cdr_id, operator_id FROM surface.cdrs
 WHERE cdr_id >= %(first)s AND cdr_id < %(beyond)s ORDER BY cdr_id LIMIT %(limit)s)
UNION ALL
(SELECT 'entry', entry_id::text,
       coalesce((SELECT operator_id FROM projection.sessions AS whose WHERE whose.session_id = entries.session_id),
                (SELECT operator_id FROM surface.payouts AS whose WHERE whose.payout_id = entries.payout_id))
 FROM surface.entries WHERE entry_id >= %(least)s AND entry_id <= %(greatest)s ORDER BY entry_id LIMIT %(limit)s)
"""
# Dead letters, by their ids and by those of the messages in them; only for who may see all.
_LETTERS = """
SELECT 'dead_letter', deadletter_id::text, NULL FROM intake.deadletter
WHERE deadletter_id >= %(least)s AND deadletter_id <= %(greatest)s
UNION ALL
SELECT 'dead_letter', deadletter_id::text, NULL FROM intake.deadletter WHERE event_id = ANY(%(names)s)
"""
# The latest events that mention one of these keys.
_MENTIONED = """
SELECT asked.key, found.stream_id, found.version, found.topic, found.state
FROM unnest(%(keys)s::bigint[]) AS asked (key)
CROSS JOIN LATERAL (
    SELECT stream_id, version, topic, state, position FROM surface.mentions
    WHERE mentions.key = asked.key ORDER BY mentions.position DESC LIMIT %(read)s
) AS found
ORDER BY found.position
"""
# Events that mention a key between two.
_MENTIONED_BETWEEN = """
SELECT key, stream_id, version, topic, state FROM surface.mentions
WHERE key >= %(least)s AND key <= %(greatest)s
ORDER BY key, position LIMIT %(limit)s
"""
# Sessions that are known from payments alone have no row; their streams have a first event.
_STREAMS = "SELECT stream_id FROM surface.events WHERE stream_id = ANY(%s) AND version = 1"
# The decisions that say whose streams are, in their order.
_SAID_OF_STREAMS = """
SELECT stream_id, topic, state FROM surface.events
WHERE stream_id = ANY(%s) AND topic IN ('SessionAssessed', 'PayoutCreated') ORDER BY version
"""
# Whose sessions and payouts are, by their ids.
_OWNERS = """
SELECT session_id, operator_id FROM projection.sessions WHERE session_id = ANY(%(sessions)s)
UNION ALL
SELECT payout_id, operator_id FROM surface.payouts WHERE payout_id = ANY(%(payouts)s)
"""
# What only the events know.
_MENTIONED_KINDS = (
    *(Kind.MESSAGE, Kind.EVENT, Kind.PAYMENT, Kind.REFUND, Kind.DISPUTE, Kind.SETTLEMENT, Kind.INVOICE),
    *(Kind.BATCH, Kind.BANK_REFERENCE, Kind.EVSE, Kind.CDR),
)
_OF_SESSIONS = (Kind.PAYMENT, Kind.REFUND, Kind.DISPUTE)


class Found(NamedTuple):
    """Something that has the id that was asked for.

    `href` is the path of its resource below /v1, or of what it stands in: a payment's session, a settlement's event.
    """

    kind: str
    id: str
    href: str
    operator_id: str | None


class _Meant(NamedTuple):
    """What an event means by an id; `session_id` or `payout_id` say whose it is where it does not itself."""

    kind: Kind
    id: str
    href: str
    stream_id: UUID
    operator_id: str | None = None
    session_id: str = ""
    payout_id: str = ""

    @property
    def owner(self) -> str:
        """What says whose it is."""
        return self.session_id or self.payout_id or str(self.stream_id)


def search(cursor: Cursor[TupleRow], text: str, *, sees_all: bool) -> list[Found]:
    """What has an id: letter by letter, UUIDs and hex in either case and with hyphens or without.

    Where nothing has it and it is the beginning of a UUID, 6 digits or more, what begins so. At most FOUND_MAX, by
    kind and id. `sees_all` is whether the cursor's role may read the intake, which a tenant's may not.
    """
    asked = text.strip()
    if not asked or not asked.isprintable():
        return []
    look = _Search(cursor, asked, sees_all)
    found = look.exact() or look.beginning()
    return sorted(dict.fromkeys(found), key=lambda each: (each.kind, each.id, each.href))[:FOUND_MAX]


@dataclass(frozen=True, slots=True)
class _Search:
    """One question to the store."""

    cursor: Cursor[TupleRow]
    asked: str
    sees_all: bool

    def exact(self) -> list[Found]:
        names, ids = spellings(self.asked), uuids(self.asked)
        code, slash, dimension = self.asked.partition("/")
        accounts = [f"{code}/{name}" for name in spellings(dimension)] if slash else [code]
        # No dead letter lies between the greatest and the least.
        least, greatest = (ids[0], ids[0]) if ids else (UUID(int=2**128 - 1), UUID(int=0))
        found = self._rows(
            _EXACT,
            {"names": names, "uuids": ids, "accounts": accounts, "least": least, "greatest": greatest, "read": _READ},
        )
        found += self._sessions_without_row(names, {each.id for each in found if each.kind == Kind.SESSION})
        # Messages of a charger are many, and a tenant's session has to be looked for behind each: its sessions tell.
        kinds = [kind for kind in _MENTIONED_KINDS if self.sees_all or kind is not Kind.EVSE]
        keys = {key_of(kind, self.asked): kind for kind in kinds}
        rows = self.cursor.execute(_MENTIONED, {"keys": list(keys), "read": _READ}).fetchall()
        return found + self._mentioned(
            [(keys[key], *row) for key, *row in rows], lambda id_: is_same(self.asked, id_)
        )

    def beginning(self) -> list[Found]:
        between = keys_between(self.asked)
        if between is None or _is_uuid(self.asked):
            return []
        digits = folded(self.asked)
        prefix = _hyphenated(digits)
        least, greatest = UUID(digits[:32].ljust(32, "0")), UUID(digits[:32].ljust(32, "f"))
        found = self._rows(
            _BEGINNING,
            {"first": prefix, "beyond": f"{prefix}g", "large": prefix.upper(), "beyond_large": f"{prefix.upper()}g"}
            | {"least": least, "greatest": greatest, "limit": FOUND_MAX, "names": []},
        )
        rows = self.cursor.execute(
            _MENTIONED_BETWEEN, {"least": between[0], "greatest": between[1], "limit": 4 * FOUND_MAX}
        ).fetchall()
        by_mark = {key_of(kind, str(UUID(int=0))) & 0xFF: kind for kind in _MENTIONED_KINDS}
        marked = [(by_mark[key & 0xFF], *row) for key, *row in rows if key & 0xFF in by_mark]
        mentioned = self._mentioned(marked, lambda id_: _is_uuid(id_) and folded(id_).startswith(digits))
        return _with_mentioned(found, mentioned)

    def _rows(self, query: str, parameters: Mapping[str, Any]) -> list[Found]:
        whole = f"{query} UNION ALL {_LETTERS}" if self.sees_all else query
        rows = self.cursor.execute(whole.encode(), parameters).fetchall()
        return [
            Found(
                kind,
                id_,
                _href_of_evse(id_, operator_id) if kind == Kind.EVSE else _href_of(kind, id_),
                operator_id or None,
            )
            for kind, id_, operator_id in rows
        ]

    def _sessions_without_row(self, names: Sequence[str], known: set[str]) -> list[Found]:
        streams = {session_stream(name): name for name in names if name not in known}
        rows = self.cursor.execute(_STREAMS, (list(streams),)).fetchall()
        return [Found(Kind.SESSION, streams[id_], _href_of(Kind.SESSION, streams[id_]), None) for (id_,) in rows]

    def _mentioned(self, rows: Sequence[tuple[Any, ...]], is_asked: IsAsked) -> list[Found]:
        """What events mean by the ids that are asked for; whose they are is looked up at once."""
        meant = [each for row in rows for each in _meant(*row, is_asked=is_asked)]
        meant = [each for each in meant if each.session_id or not _is_told_with_session(each, meant)]
        owners = self._owners(meant)
        return [
            Found(each.kind, each.id, each.href, each.operator_id or owners.get(each.owner) or None) for each in meant
        ]

    def _owners(self, meant: Sequence[_Meant]) -> dict[str, str]:
        """Whose things are by their session, their payout, or else the stream of the event."""
        owners: dict[str, str] = {}
        unsaid = [each for each in meant if not each.operator_id]
        asked = {
            "sessions": [each.session_id for each in unsaid if each.session_id],
            "payouts": [each.payout_id for each in unsaid if each.payout_id],
        }
        if any(asked.values()):
            owners |= dict(self.cursor.execute(_OWNERS, asked).fetchall())
        streams = {each.stream_id for each in unsaid if not (each.session_id or each.payout_id)}
        if streams:
            for stream_id, topic, state in self.cursor.execute(_SAID_OF_STREAMS, (list(streams),)).fetchall():
                owners[str(stream_id)] = read_body(topic, bytes(state))["operator_id"]
        return owners


def _with_mentioned(found: list[Found], mentioned: list[Found]) -> list[Found]:
    """What has a table, and what only events know: of CDRs those that never went out."""
    known = {each.id for each in found if each.kind == Kind.CDR}
    return found + [each for each in mentioned if each.kind != Kind.CDR or each.id not in known]


def _meant(
    kind: Kind, stream_id: UUID, version: int, topic: str, state: bytes, *, is_asked: IsAsked
) -> Iterator[_Meant]:
    """What of a kind an event means by ids that are asked for; nothing where it only shares the key."""
    id_ = str(event_id(stream_id, version))
    body = read_body(topic, bytes(state))
    if topic not in MESSAGE_TYPES:
        yield from _meant_by_decision(kind, id_, stream_id, body, is_asked)
        return
    data = body["data"]
    owner = {
        "operator_id": data.get("operator_id"),
        "session_id": data.get("session_id", ""),
        "payout_id": data.get("payout_id", ""),
    }
    if kind is Kind.EVENT and is_asked(id_):
        yield _Meant(kind, id_, _href_of(kind, id_), stream_id, **owner)
    elif kind is Kind.MESSAGE and is_asked(body["id"]):
        yield _Meant(kind, body["id"], _href_of(Kind.EVENT, id_), stream_id, **owner)
    for named, name in ids_in(data):
        if named is kind and is_asked(name):
            yield _Meant(kind, name, _href_in_message(kind, name, id_, data), stream_id, **owner)


def _meant_by_decision(
    kind: Kind, id_: str, stream_id: UUID, body: Mapping[str, Any], is_asked: Any
) -> Iterator[_Meant]:
    parts = (body, body.get("booking") or {}, body.get("finding") or {})
    said = {name: str(part[name]) for part in parts for name in ("operator_id", "session_id") if part.get(name)}
    if kind is Kind.EVENT and is_asked(id_):
        yield _Meant(kind, id_, _href_of(kind, id_), stream_id, **said)
    elif kind is Kind.BATCH and is_asked(str(body.get("batch_id", ""))):
        yield _Meant(kind, body["batch_id"], _href_of(Kind.PAYOUT, body["payout_id"]), stream_id, body["operator_id"])


def _href_in_message(kind: Kind, id_: str, of_event: str, data: Mapping[str, Any]) -> str:
    """Where something is shown that only messages know: with what the message is about, or the message itself."""
    if kind is Kind.EVSE and "operator_id" in data:
        return _href_of_evse(id_, data["operator_id"])
    if kind in _OF_SESSIONS and "session_id" in data:
        return _href_of(Kind.SESSION, data["session_id"])
    if kind is Kind.BANK_REFERENCE and "payout_id" in data:
        return _href_of(Kind.PAYOUT, data["payout_id"])
    return _href_of(Kind.EVENT, of_event)


def _is_told_with_session(each: _Meant, all_: Sequence[_Meant]) -> bool:
    """Whether a payment, or what belongs to one, that a settlement names is told by messages of sessions, too."""
    return each.kind in _OF_SESSIONS and any(
        other.session_id and (other.kind, other.id) == (each.kind, each.id) for other in all_
    )


_FOLDERS: Mapping[str, str] = {
    Kind.SESSION: "sessions",
    Kind.PAYOUT: "payouts",
    Kind.CDR: "cdrs",
    Kind.ENTRY: "entries",
    Kind.EVENT: "events",
    Kind.DEAD_LETTER: "dead-letters",
}


def _href_of_evse(id_: str, operator_id: str) -> str:
    """The sessions at a charger, whose id is its operator's own."""
    return f"/sessions?{urlencode({'operator_id': operator_id, 'evse_uid': id_})}"


def _href_of(kind: str, id_: str) -> str:
    if kind == ACCOUNT:
        return f"/balances?{urlencode({'account': id_})}"
    return f"/{_FOLDERS[kind]}/{quote(id_, safe='')}"


def _is_uuid(id_: str) -> bool:
    return len(folded(id_)) in (32, 33) and keys_between(id_) is not None


def _hyphenated(digits: str) -> str:
    """The beginning of a UUID as it is written, from its digits; `c` behind a whole one is that of a credit CDR."""
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32], digits[32:].upper())
    return "-".join(part for part in parts if part)
