"""Sign-in by name and password: ten failures of one name in a quarter of an hour, and no more are tried."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from api.access import passwords
from api.access.limits import SIGN_INS, Buckets
from ledger.access import people, sign_ins
from ledger.access.door import Door

# Each takes 32 MiB and a processor for some 50 ms: no more than this at once, whoever waits.
_AT_ONCE: Final = 2
_PASSWORD_MAX: Final = 1_024


@dataclass(frozen=True, slots=True)
class Checked:
    """What a name and a password came to.

    `person` is the name as it is kept, of an account that there is, and `is_right` whether the password is hers;
    `wait_s` says that nothing was tried, and for how long.
    """

    person: str | None = None
    is_right: bool = False
    wait_s: float = 0.0


class PasswordCheck:
    """Checks passwords in threads of its own."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._addresses = Buckets(SIGN_INS)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="password")

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(cancel_futures=True)

    async def check(self, name: str, password: str, address: str) -> Checked:
        """What they come to. It takes as long for a name that nobody has. Raises MachineryFault."""
        if wait_s := self._addresses.take(address):
            return Checked(wait_s=wait_s)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._check, name, password)

    def _check(self, name: str, password: str) -> Checked:
        with self._door.transaction() as cursor:
            wait_s = sign_ins.attempt(cursor, name)
            person, kept = people.password_of(cursor, name) or (None, None)
        if wait_s is not None:
            return Checked(person, wait_s=wait_s)
        if not passwords.verified(password[:_PASSWORD_MAX], kept) or person is None or len(password) > _PASSWORD_MAX:
            return Checked(person)
        with self._door.transaction() as cursor:
            sign_ins.succeeded(cursor, name)
            if kept is not None and passwords.is_outdated(kept):
                people.rehash(cursor, person, passwords.hashed(password))
        return Checked(person, is_right=True)
