"""Heads of streams: the last version of each, and what a session's says it depends on, against the stream itself.

A head that is behind its stream stops whoever writes there; one that hides what a session waits for keeps it from
being judged. What the clock works out whenever it looks is compared only where money would wait for it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import orjson

from ledger.audit.amounts import instant, microseconds, minor_of
from ledger.audit.meter import CORRECTED, ends_of, starts_of
from ledger.audit.payments import charges_of
from ledger.audit.report import Tally
from ledger.audit.sessions import Session, pending_of
from ledger.audit.snapshot import Snapshot
from ledger.audit.spool import Spool
from ledger.audit.streams import stream_id_of

_SESSIONS = """
SELECT session_id, version, stale OR fault IS NOT NULL, operator_id, partner, settled,
       CASE WHEN isfinite(started_at) THEN (extract(epoch FROM started_at) * 1000000)::bigint END,
       CASE WHEN isfinite(latest_at) THEN (extract(epoch FROM latest_at) * 1000000)::bigint END,
       awaits_location,
       CASE WHEN isfinite(presumed_at) THEN (extract(epoch FROM presumed_at) * 1000000)::bigint END,
       CASE WHEN isfinite(ahead_until) THEN (extract(epoch FROM ahead_until) * 1000000)::bigint END,
       CASE WHEN isfinite(due_at) THEN (extract(epoch FROM due_at) * 1000000)::bigint END
FROM intake.session_head
"""
_STREAMS = "SELECT stream_id, version FROM intake.stream_head"
_VERSIONS = """
SELECT originator_id, max(originator_version) FROM event_store.stored_events
GROUP BY originator_id ORDER BY originator_id
"""
_COMPARED = ("operator_id", "partner", "settled", "started_at", "latest_at")
# The end of all time, as it is kept. Of a session that nothing is known of the latest moment is the beginning.
_END = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
_NOT_CHARGEABLE = "NOT_CHARGEABLE_ANY_MORE"
_SESSION, _STREAM, _TOLD = "intake.session_head", "intake.stream_head", "told"


def keep_head(session: Session, spool: Spool) -> None:
    """Note what a session's head should say; raises as reading a session does."""
    start, outcome = session.start, session.outcome
    moments = list(_moments(session))
    released = {body["share"]: body for body in session.stream.decided("ShareReleased")}
    matures = [instant(body["matures_at"]) for body in released.values() if body.get("matures_at")]
    latest = max([*moments, *matures], default=None)
    token = start.data.get("token") if start else None
    says = {
        "operator_id": session.operator_id,
        "partner": f"{token['country_code']}-{token['party_id']}".upper() if token else None,
        "settled": session.is_rated or bool(outcome and outcome["reason"] == _NOT_CHARGEABLE),
        "started_at": _us(start.at if start else None),
        "latest_at": _us(latest),
        "location": start.data["location_id"].casefold() if start else None,
        "matures": [_us(at) for at in matures],
        "moments": sorted({microseconds(at) for at in [*moments, *(fact.at for fact in _facts(session))]}),
        "waits_until": _us(_maturing(session, released)),
        "is_ahead": _is_ahead(session, released),
    }
    spool.add(session.stream.stream_id.hex.encode() + orjson.dumps([_TOLD, session.session_id, says]))


def _moments(session: Session) -> Iterator[datetime]:
    for fact in (*starts_of(session.stream), *ends_of(session.stream)):
        yield fact.at
    for fact in session.stream.facts.get(CORRECTED, ()):
        for name in ("started_at", "ended_at"):
            if fact.data.get(name) is not None:
                yield instant(fact.data[name])
    for _, booking in session.stream.standing.values():
        yield instant(booking["effective_at"])


def _facts(session: Session) -> Iterator[Any]:
    for facts in session.stream.facts.values():
        yield from facts


def _maturing(session: Session, released: dict[str, Any]) -> datetime | None:
    """When the clock has to let the session's share mature; None where it does not."""
    body = released.get("session")
    stream = session.stream
    if body is None or not body.get("matures_at") or any(key.startswith("maturing") for key in stream.standing):
        return None
    pending = pending_of(session)
    return instant(body["matures_at"]) if pending else None


def _is_ahead(session: Session, released: dict[str, Any]) -> bool:
    """Whether the share may be paid and the driver has paid less than the bill, with nobody to bear it."""
    body, terms, outcome = released.get("session"), session.terms, session.outcome
    if body is None or not body["released_at"] or session.partner is not None or terms is None or outcome is None:
        return False
    if terms.fund_release != "ON_SESSION" or not session.is_rated or not outcome["gross"]:
        return False
    captured = -session.stream.sum("J01c", f"1105/{session.session_id}")
    captured += sum(minor_of(fact.data["amount"]) for fact in charges_of(session))
    return captured < outcome["gross"] and not session.stream.bookings("PaymentWrittenOff", "PaymentLost")


def check_heads(snapshot: Snapshot, spool: Spool, tally: Tally) -> None:
    """Every stream has one head, at its last version; and a session's says what its stream does."""
    for session_id, *row in snapshot.rows(_SESSIONS):
        key = stream_id_of(f"session:{session_id}").hex.encode()
        spool.add(key + orjson.dumps([_SESSION, session_id, row]))
    for stream_id, version in snapshot.rows(_STREAMS):
        spool.add(stream_id.hex.encode() + orjson.dumps([_STREAM, str(stream_id), [version]]))
    versions = iter(snapshot.rows(_VERSIONS))
    at_version = next(versions, None)
    for key, lines in groupby(spool.sorted(), key=lambda line: line[:32]):
        stream_id = UUID(hex=key.decode())
        while at_version is not None and at_version[0] < stream_id:
            _without_head(at_version[0], tally)
            at_version = next(versions, None)
        version = 0
        if at_version is not None and at_version[0] == stream_id:
            version, at_version = at_version[1], next(versions, None)
        _check(stream_id, version, [orjson.loads(line[32:]) for line in lines], tally)
    while at_version is not None:
        _without_head(at_version[0], tally)
        at_version = next(versions, None)


def _without_head(stream_id: UUID, tally: Tally) -> None:
    where = f"stream {stream_id}"
    tally.note(where, "a head", "none", f"{where} has events and no head; whoever writes to it begins anew")


def _check(stream_id: UUID, version: int, found: list[Any], tally: Tally) -> None:
    heads = [each for each in found if each[0] != _TOLD]
    told = next((says for kind, _, says in found if kind == _TOLD), None)
    if not heads:
        _without_head(stream_id, tally)
    for table, name, row in heads:
        tally.examined += 1
        where = f"{table} {name}"
        tally.compare(where, version, row[0], "the version, which its stream has,")
        if len(heads) > 1:
            tally.note(where, "one head", len(heads), f"{where} is one of {len(heads)} heads of a stream")
        if table == _SESSION and told is not None and not row[1]:
            _check_session(where, told, row, tally)


def _check_session(where: str, told: dict[str, Any], row: list[Any], tally: Tally) -> None:
    *_, location, presumed_at, ahead_until, due_at = row
    for name, value in zip(_COMPARED, row[2:7], strict=True):
        wanted = told[name]
        if name == "latest_at" and wanted is None:
            wanted = value if value is None or value < 0 else None
        tally.compare(where, wanted, value, f"its {name}")
    if location not in (None, told["location"]):
        sentence = f"{where} waits for location {location}, and its session is at {told['location']}"
        tally.note(where, told["location"], location, sentence)
    if presumed_at is not None and presumed_at not in told["matures"]:
        sentence = f"{where} presumes a maturing at {presumed_at}, and nothing matures then"
        tally.note(where, told["matures"], presumed_at, sentence)
    if told["is_ahead"] and ahead_until != _us(_END):
        sentence = f"{where}: its driver has not paid, its share may be paid, and it is not noted that it is ahead"
        tally.note(where, _END, ahead_until, sentence)
    elif ahead_until not in (None, _us(_END), *told["moments"]):
        sentence = f"{where} is ahead of its driver until {ahead_until}, and nothing happened then"
        tally.note(where, "a moment of its facts", ahead_until, sentence)
    if told["waits_until"] is not None and (due_at is None or due_at > told["waits_until"]):
        sentence = (
            f"{where} is looked at by the clock {_at(due_at)}, and its share matures {_at(told['waits_until'])}"
        )
        tally.note(where, _at(told["waits_until"]), _at(due_at), sentence)


def _us(at: datetime | None) -> int | None:
    return microseconds(at) if at is not None else None


def _at(moment_us: int | None) -> str:
    return f"at {datetime.fromtimestamp(moment_us / 1_000_000, UTC)}" if moment_us is not None else "never"
