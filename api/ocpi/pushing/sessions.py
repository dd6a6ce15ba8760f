"""Sessions to a partner: PUT first and last, between them PATCH of what is new (mod_sessions § Receiver).

A PATCH adds its charging periods to those that the partner has. So it goes only where this worker itself was told
that the partner took what comes before; after any fault, and by another worker, the whole session goes.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from time import monotonic
from typing import Any

import orjson

from api.ocpi.client import PartnerFault
from api.ocpi.pushing.marked import push_marked
from api.ocpi.pushing.sources import Connection, Named, Pushed, is_of_partner, may_be_of_object
from projections.roaming.marks import Mark
from projections.roaming.outgoing import Key, Outgoing

MODULE = "sessions"
# So long lies at least between two pushes of one session that is in the same state.
INTERVAL_S = 60.0
# What a partner took of so many sessions is remembered; one that is forgotten is sent as a whole.
_REMEMBERED_MAX = 20_000
_PERIODS, _COST = "charging_periods", "total_cost"
# What a PATCH may say; of all else the whole session tells.
_MOVING = ("kwh", _COST, "status", "last_updated", _PERIODS)
_OVER = ("COMPLETED", "INVALID")


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a partner has of a session: so many charging periods, with a digest, and one of all that never moves."""

    last_updated: str
    periods: int
    digest: bytes
    rest: bytes
    has_cost: bool


@dataclass(frozen=True, slots=True)
class _Sent:
    """When a session was sent last, in which state, and what the partner took of it; None where it refused it."""

    at: float
    status: str
    taken: _Taken | None = None


class SessionPushes:
    """The source of sessions, for one worker: it knows what it has sent."""

    module = MODULE

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._sent: OrderedDict[Key, _Sent] = OrderedDict()

    async def push_some(self, to: Connection) -> Pushed:
        """See Source."""
        return await push_marked(to, MODULE, self._deliver)

    async def _deliver(self, to: Connection, mark: Mark, found: Outgoing) -> timedelta | None:
        """Send what is new, at once where the state is another; else for how long it has to wait."""
        if found.document is None:
            return None
        key, session = (mark.partner, mark.operator_id, mark.object_id), orjson.loads(found.document)
        known = self._sent.get(key)
        taken = known.taken if known is not None else None
        if known is not None and known.status == session["status"]:
            wait_s = known.at + self._interval_s - monotonic()
            if wait_s > 0:
                return timedelta(seconds=wait_s)
        # Until there is an answer nobody knows what the partner has, since one may be lost.
        self._sent.pop(key, None)
        now = _Sent(monotonic(), session["status"])
        try:
            if not (taken is not None and await _patched(to, mark, taken, session)):
                await _send(to, "PUT", mark, session, to.whole(MODULE, found.document))
        except PartnerFault as fault:
            if not is_of_partner(fault):
                self._remember(key, now)
            raise
        self._remember(key, replace(now, taken=_taken(session)))
        return None

    def _remember(self, key: Key, sent: _Sent) -> None:
        self._sent[key] = sent
        while len(self._sent) > _REMEMBERED_MAX:
            self._sent.popitem(last=False)


async def _patched(to: Connection, mark: Mark, known: _Taken, session: Mapping[str, Any]) -> bool:
    """Whether what is new was told by a PATCH; who takes none, or knows no such session, gets the whole."""
    body = _new_of(session, known)
    if body is None:
        return False
    try:
        await _send(to, "PATCH", mark, session, body)
    except PartnerFault as fault:
        if is_of_partner(fault) and not may_be_of_object(fault):
            raise
        return False
    return True


def _new_of(session: Mapping[str, Any], known: _Taken) -> dict[str, Any] | None:
    """What a PATCH has to say; None where only the whole will do.

    That is at the end, where what was told before is another by now, and where nothing is new and somebody has it
    sent all the same.
    """
    periods = session.get(_PERIODS, [])
    is_kept = _digest(periods[: known.periods]) == known.digest and _rest(session) == known.rest
    is_less = known.has_cost and _COST not in session
    if session["status"] in _OVER or not is_kept or is_less or session["last_updated"] == known.last_updated:
        return None
    found = {name: session[name] for name in _MOVING if name in session}
    if added := periods[known.periods :]:
        return found | {_PERIODS: added}
    found.pop(_PERIODS, None)
    return found


def _taken(session: Mapping[str, Any]) -> _Taken:
    periods = session.get(_PERIODS, [])
    return _Taken(session["last_updated"], len(periods), _digest(periods), _rest(session), _COST in session)


def _rest(session: Mapping[str, Any]) -> bytes:
    return _digest({name: said for name, said in session.items() if name not in _MOVING})


def _digest(said: Any) -> bytes:
    return sha256(orjson.dumps(said)).digest()


async def _send(
    to: Connection, method: str, mark: Mark, session: Mapping[str, Any], body: bytes | Mapping[str, Any]
) -> None:
    named = Named.of(session)
    # Sessions are for the party whose token it was, also behind a hub.
    await to.send(method, to.object_url(MODULE, named), body, to.routing(named, mark.partner))
