"""How much waits for people, for the badges of the navigation: counted now and then, and not for each page."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from ledger.database import Role
from ledger.errors import MachineryFault
from projections.overview import waiting
from projections.reading import Readers, Scope

# Counts are of this age at most when pages are asked for; where counting is long, it takes a small part of the time.
_FRESH_S: Final = 5.0
_PART: Final = 50


class Waiting:
    """Keeps the counts of an application; the first page waits for them, later ones have those of a moment ago."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._counts: Mapping[str, int] | None = None
        self._next_at = 0.0
        self._counting: asyncio.Task[None] | None = None

    async def counts(self) -> Mapping[str, int]:
        """What waits, by the places of the navigation; nothing where the database does not answer."""
        if self._counting is None and time.monotonic() >= self._next_at:
            self._counting = asyncio.create_task(self._count())
        if self._counts is None and self._counting is not None:
            await asyncio.shield(self._counting)
        return self._counts or {}

    async def _count(self) -> None:
        begun = time.monotonic()
        try:
            self._counts = await asyncio.get_running_loop().run_in_executor(None, self._read)
        except MachineryFault:
            # The page itself says so, where its own read fails, too.
            pass
        finally:
            now = time.monotonic()
            self._next_at = now + max(_FRESH_S, (now - begun) * _PART)
            self._counting = None

    def _read(self) -> Mapping[str, int]:
        return self._readers.read(Scope(Role.AUDITOR), lambda snapshot: waiting(snapshot.cursor))
