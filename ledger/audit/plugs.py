"""Sessions at one plug, read by the audit itself: which of them overlap, and what was found and held because of that.

A plug is a connector of an EVSE of an operator. A session and an earlier one (by start, then id) that overlap by more
than a minute are an OVERLAP of the later; where none is, one that starts a Wh or more below the stop of the one that
ended last before it is a REGISTER_OVERLAP.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from ledger.audit.amounts import exact, instant, microseconds
from ledger.audit.meter import is_no_show, verdict_of
from ledger.audit.report import Tally
from ledger.audit.sessions import RATED, SUSPENSE, Session, told_starts_and_ends
from ledger.audit.snapshot import Snapshot
from ledger.audit.spool import Spool

KINDS = ("OVERLAP", "REGISTER_OVERLAP")
_MINUTE = timedelta(minutes=1)
_RESOLUTION_WH = 1
# Later than any moment before 1970, so that the numbers of all moments sort as texts.
_OFFSET_US = 10**17

# Sessions as they stand at their plugs, in the order in which they are compared.
_KEPT = """
SELECT plug, started_at, session_id, ended_at, start_wh::text, stop_wh::text, counts, reach_at, reach_wh::text,
       reach_id, found, told
FROM intake.plug_session ORDER BY plug, started_at, session_id
"""
_NAMES = ("ended_at", "start_wh", "stop_wh", "counts", "reach_at", "reach_wh", "reach_id", "found", "told")
# Sessions that are still to be judged, and to take their places.
_UNJUDGED = "SELECT session_id FROM intake.session_head WHERE stale OR fault IS NOT NULL"
# Sessions whose streams are still to be told what was found.
_TO_BE_TOLD = "SELECT session_id FROM intake.plug_session WHERE found IS DISTINCT FROM told"


class _Visit(NamedTuple):
    """A session at its plug, with what its stream says: what it was told, what is open, and what became of it.

    `until` is None for one that has no place there; one that a review found to be none has its place, and nobody is
    beside it. `is_held` is what its operator's terms say, `is_settled` is false for one that waits to be judged.
    """

    session_id: str
    since: datetime
    until: datetime | None
    start_wh: Fraction
    stop_wh: Fraction
    told: tuple[str, str] | None
    open_kinds: list[str]
    state: str
    reason: str
    verdict: str
    is_held: bool
    is_settled: bool


def sessions_to_be_told(snapshot: Snapshot) -> frozenset[str]:
    """Sessions whose follow-up is still to come, after a crash or right now."""
    return frozenset(session_id for (session_id,) in snapshot.rows(_TO_BE_TOLD))


def keep_visit(session: Session, to_be_told: frozenset[str], spool: Spool) -> None:
    """Put a session beside those at its plug; raises as reading a session does."""
    start, end, outcome = session.start, session.end, session.outcome
    if start is None:
        return
    plug = _plug(session.operator_id, start.data["evse_uid"], start.data["connector_id"])
    place = f"{plug.hex} {microseconds(start.at) + _OFFSET_US:020} {session.session_id.encode().hex()} "
    says = {
        "since": start.at,
        "until": end.at if end is not None and _was_there(session) else None,
        "start_wh": str(exact(start.data["meter_start_wh"])),
        "stop_wh": str(exact(end.data["meter_stop_wh"])) if end is not None else "0",
        "told": _told(session),
        "open_kinds": _open_kinds(session),
        "state": outcome["state"] if outcome else "",
        "reason": outcome["reason"] if outcome else "",
        "verdict": verdict_of(session.stream),
        "is_held": session.terms is not None and session.terms.holds_overlaps,
        "is_settled": outcome is not None and session.is_settled and session.session_id not in to_be_told,
    }
    spool.add(place.encode() + orjson.dumps({"session_id": session.session_id, **says}))


def _plug(operator_id: str, evse_uid: str, connector_id: str) -> UUID:
    """What identifies a plug; ids of it are without case."""
    parts = (operator_id, evse_uid.casefold(), connector_id.casefold())
    return uuid5(NAMESPACE_URL, "wattledger:plug:" + ":".join(f"{len(part)}:{part}" for part in parts))


def _was_there(session: Session) -> bool:
    """Whether it is known when, by reports that agree; a reservation that nobody used took no place."""
    if is_no_show(session.stream):
        return False
    started, ended = told_starts_and_ends(session.stream)
    is_one = len(started) == 1 and len(ended) <= 1
    return is_one and session.start is not None and session.end is not None and session.start.at <= session.end.at


def _told(session: Session) -> tuple[str, str] | None:
    """What the session was told last of another one."""
    noted = session.stream.decided("OverlapNoted")
    return (noted[-1]["kind"], noted[-1]["other_id"]) if noted and noted[-1]["kind"] else None


def _open_kinds(session: Session) -> list[str]:
    """The kinds of what is open of the session beside others, each as often as it is."""
    found: dict[str, str] = {}
    for _, topic, body in session.stream.decisions:
        if topic == "FindingOpened" and body["finding"]["kind"] in KINDS:
            found[body["finding"]["key"]] = body["finding"]["kind"]
        elif topic == "FindingEnded":
            found.pop(body["finding"]["key"], None)
    return sorted(found.values())


def check_plugs(snapshot: Snapshot, spool: Spool, tally: Tally) -> None:
    """What overlaps was found, and nothing else; it is held where the terms say so, and nothing else is for that.

    What is kept of sessions at their plugs, by which that is found, is what their streams say.
    """
    unjudged = frozenset(session_id for (session_id,) in snapshot.rows(_UNJUDGED))
    kept = _Beside(snapshot.rows(_KEPT), unjudged, tally)
    for plug, lines in groupby(spool.sorted(), key=lambda line: line.partition(b" ")[0]):
        for visit, should, last in _beside_each_other(_visit(line) for line in lines):
            tally.examined += 1
            if visit.is_settled:
                _check(visit, should, tally)
            if visit.until is not None:
                kept.compare(UUID(hex=plug.decode()), visit, should, last)
    kept.finish()


class _Beside:
    """Walks what is kept of sessions at their plugs beside their visits, which come in the same order."""

    def __init__(self, rows: Iterator[tuple[Any, ...]], unjudged: frozenset[str], tally: Tally) -> None:
        self._rows, self._unjudged, self._tally = rows, unjudged, tally
        self._next = next(rows, None)

    def compare(self, plug: UUID, visit: _Visit, should: tuple[str, str] | None, last: _Visit | None) -> None:
        """Compare what is kept of a visit; `last` is the one that ended last of it and all before it."""
        place = (plug, visit.since, visit.session_id.encode())
        while self._next is not None and _place(self._next) < place:
            self._stray(self._next)
            self._next = next(self._rows, None)
        where = f"intake.plug_session {visit.session_id}"
        if self._next is None or _place(self._next) != place:
            if visit.session_id not in self._unjudged:
                sentence = f"{where} is not kept at its plug {plug} at {visit.since}"
                self._tally.note(where, "its place", "none", sentence)
            return
        row, self._next = self._next, next(self._rows, None)
        if visit.session_id not in self._unjudged:
            reach = (None, None, None) if last in (None, visit) else (last.until, last.stop_wh, last.session_id)
            found, told = (f"{each[0]} {each[1]}" if each else None for each in (should, visit.told))
            wanted = (visit.until, visit.start_wh, visit.stop_wh, visit.verdict != "VOID", *reach, found, told)
            says = list(row[3:])
            for number in (1, 2, 5):
                says[number] = exact(says[number]) if says[number] is not None else None
            for name, value, kept in zip(_NAMES, wanted, says, strict=True):
                self._tally.compare(where, value, kept, f"its {name}")

    def finish(self) -> None:
        """What is left is of no session."""
        while self._next is not None:
            self._stray(self._next)
            self._next = next(self._rows, None)

    def _stray(self, row: tuple[Any, ...]) -> None:
        if row[2] in self._unjudged:
            return
        where = f"intake.plug_session {row[2]}"
        sentence = f"{where} is kept at plug {row[0]} at {row[1]}, where it was not by its facts"
        self._tally.note(where, "nothing", row[1], sentence)


def _place(row: tuple[Any, ...]) -> tuple[UUID, datetime, bytes]:
    return row[0], row[1], row[2].encode()


def _visit(line: bytes) -> _Visit:
    says: dict[str, Any] = orjson.loads(line.split(b" ", 3)[3])
    told = says.pop("told")
    since, until = instant(says.pop("since")), says.pop("until")
    return _Visit(
        since=since,
        until=instant(until) if until else None,
        told=tuple(told) if told else None,
        start_wh=exact(says.pop("start_wh")),
        stop_wh=exact(says.pop("stop_wh")),
        **says,
    )


def _beside_each_other(visits: Iterable[_Visit]) -> Iterator[tuple[_Visit, tuple[str, str] | None, _Visit | None]]:
    """The sessions of a plug in their order, each with what is wrong with it and whom it is beside.

    With each comes the one that ended last of it and all before it.
    """
    last: _Visit | None = None
    for visit in visits:
        if visit.until is None:
            yield visit, None, last
            continue
        wrong = _wrong(last, visit, visit.until) if last is not None else None
        if visit.verdict != "VOID" and (last is None or last.until is None or last.until <= visit.until):
            last = visit
        yield visit, wrong, last


def _wrong(last: _Visit, visit: _Visit, until: datetime) -> tuple[str, str] | None:
    """Beside the one that ended last of all that started before it: if that one was over, so were all of them."""
    if last.until is not None and last.until > visit.since + _MINUTE:
        return ("OVERLAP", last.session_id) if until > visit.since + _MINUTE else None
    return ("REGISTER_OVERLAP", last.session_id) if last.stop_wh - visit.start_wh >= _RESOLUTION_WH else None


def _check(visit: _Visit, should: tuple[str, str] | None, tally: Tally) -> None:
    where = f"session {visit.session_id}"
    if should != visit.told:
        tally.compare(where, _words(should), _words(visit.told), "what is wrong with it beside others at its plug")
    is_open = should is not None and not visit.verdict
    wanted = [should[0]] if should is not None and is_open else []
    tally.compare(where, wanted, visit.open_kinds, "the findings that are open because of others at its plug")
    if is_open and visit.is_held:
        if visit.state == RATED:
            tally.note(where, SUSPENSE, RATED, f"{where} is rated although it overlaps and its operator holds such")
        return
    if visit.reason in KINDS:
        tally.note(where, "not " + visit.reason, visit.reason, f"{where} is held with {visit.reason} without a cause")


def _words(overlap: tuple[str, str] | None) -> str:
    return f"{overlap[0]} beside session {overlap[1]}" if overlap else "nothing"
