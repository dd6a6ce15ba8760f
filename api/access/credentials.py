"""Who a request is from: the key it brings, or the session of its cookie.

What was found is kept for seconds, so that many requests of one key cost the database one look-up; a key that is
revoked, a session that ends elsewhere and a person who is disabled are refused once that is over.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from api.access.principal import Principal
from api.problems import Problem, unavailable
from ledger.access import keys, people, sessions
from ledger.access.door import Door
from ledger.errors import MachineryFault

T = TypeVar("T")

# How long a key or a session is believed without a look into the database.
KEPT_S = 5.0
_KEPT_MAX = 10_000
_THREADS = 4
# Who waits for a server that says nothing is told soon.
_WAIT_S = 1.8


@dataclass(frozen=True, slots=True)
class _Kept:
    principal: Principal
    until: float


class Credentials:
    """Looks keys and sessions up, and keeps what it found; for one event loop."""

    def __init__(self, door: Door, clock: Callable[[], float] = time.monotonic) -> None:
        self._door, self._clock = door, clock
        self._kept: dict[bytes, _Kept] = {}
        self._asked: dict[bytes, asyncio.Task[_Kept | None]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="door")

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(cancel_futures=True)

    async def by_key(self, authorization: str) -> Principal:
        """The principal of an `Authorization` header. Raises Problem 401, and 503 while the database is away."""
        scheme, _, given = authorization.partition(" ")
        parsed = keys.parsed(given) if scheme.lower() == "bearer" else None
        if parsed is None:
            raise _refused("the header Authorization is not `Bearer wl_ID_SECRET`; give a key in that form")
        key_id, secret = parsed
        # By id and secret: a wrong secret of a known key is another credential.
        found = await self._find(sha256(given.encode()).digest(), lambda: self._key(key_id, secret))
        if found is None:
            raise _refused("the key is unknown, has ended or was revoked; ask an administrator for another one")
        return found

    async def by_cookie(self, cookie: str) -> Principal:
        """The principal of a session's cookie. Raises Problem 401, and 503 while the database is away."""
        digest = cookie_digest(cookie)
        found = await self._find(digest, lambda: self._session(digest))
        if found is None:
            raise _refused("the session is over; sign in again")
        return found

    async def start_session(self, person: str, cookie_before: str | None) -> str:
        """A new session of a person, with an id of its own whatever the browser had before: its cookie."""
        cookie = secrets.token_urlsafe(32)

        def start() -> None:
            with self._door.transaction() as cursor:
                if cookie_before is not None:
                    sessions.end(cursor, cookie_digest(cookie_before))
                people.note_sign_in(cursor, person)
                sessions.start(cursor, cookie_digest(cookie), person)

        await self.in_thread(start)
        if cookie_before is not None:
            self._kept.pop(cookie_digest(cookie_before), None)
        return cookie

    async def end_session(self, cookie: str) -> None:
        """End the session of a cookie, at once."""
        digest = cookie_digest(cookie)

        def end() -> None:
            with self._door.transaction() as cursor:
                sessions.end(cursor, digest)

        await self.in_thread(end)
        self._kept.pop(digest, None)

    def forget(self) -> None:
        """Believe nothing that was found before: a key or a person was ended here."""
        self._kept.clear()

    async def in_thread(self, work: Callable[[], T]) -> T:
        """What work with the database comes to. Raises Problem 503 while that is away, or says nothing in time."""
        asked = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # What comes after all is looked at by nobody.
        asked.add_done_callback(lambda late: late.cancelled() or late.exception())
        done, _ = await asyncio.wait({asked}, timeout=_WAIT_S)
        if not done:
            raise unavailable("the database does not answer")
        try:
            return asked.result()
        except MachineryFault as fault:
            raise unavailable(str(fault)) from fault

    async def _find(self, digest: bytes, look: Callable[[], _Kept | None]) -> Principal | None:
        kept = self._kept.get(digest)
        if kept is not None and kept.until > self._clock():
            return kept.principal
        asked = self._asked.get(digest)
        if asked is None:
            # Many requests at once ask the database once.
            asked = self._asked[digest] = asyncio.create_task(self.in_thread(look))
            asked.add_done_callback(lambda _: self._asked.pop(digest, None))
        found = await asyncio.shield(asked)
        if found is None:
            self._kept.pop(digest, None)
            return None
        self._keep(digest, found)
        return found.principal

    def _keep(self, digest: bytes, found: _Kept) -> None:
        self._kept.pop(digest, None)
        self._kept[digest] = found
        if len(self._kept) > _KEPT_MAX:
            del self._kept[next(iter(self._kept))]

    def _key(self, key_id: str, secret: str) -> _Kept | None:
        with self._door.transaction() as cursor:
            key = keys.proven(cursor, key_id, secret)
        return None if key is None else self._until(Principal.of_key(key_id, key), key.expires_in_s)

    def _session(self, digest: bytes) -> _Kept | None:
        with self._door.transaction() as cursor:
            session = sessions.alive(cursor, digest)
        if session is None:
            return None
        who = Principal(session.name, session.role, session.operators, session_id=digest.hex()[:16], is_person=True)
        return self._until(who, session.left_s)

    def _until(self, principal: Principal, left_s: float | None) -> _Kept:
        return _Kept(principal, self._clock() + min(KEPT_S, KEPT_S if left_s is None else left_s))


def cookie_digest(cookie: str) -> bytes:
    """What is kept of a cookie, which has 256 random bits."""
    return sha256(cookie.encode("utf-8", "replace")).digest()


def no_credential() -> Problem:
    """401 for a request that brings nothing."""
    return _refused("there is no credential; give a key as `Authorization: Bearer wl_ID_SECRET`, or sign in")


def _refused(detail: str) -> Problem:
    return Problem(401, "not_authenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="WattLedger"'})
