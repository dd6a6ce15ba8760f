"""The processes that share the work of one command: this one, and others that it starts when there is enough to do.

Python runs on one core, so a backlog is taken in by several processes. The others die with this one, however it ends;
what one that was lost had in hand is done here, since every share of work can be done again.
"""

import logging
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Self, TypeAlias

from wattledger.shares import Hands, Share
from wattledger.store import Store

_log = logging.getLogger(__name__)

# Stage, what is done so far, and of how much where that is known.
OnProgress: TypeAlias = Callable[[str, int, int | None], None]

_END_S = 10.0


class Crew:
    """Does shares of work at once, the first of them in this process; one command at a time."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.hands = Hands(store)
        self._members: list[_Member] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self._members:
            member.dismiss()
        for member in self._members:
            member.wait()
        self.hands.close()

    @property
    def size(self) -> int:
        """How many processes there are now, this one included."""
        return 1 + len(self._members)

    def grow(self, size: int) -> None:
        """Start processes until there are so many; they get ready while this one goes on."""
        while self.size < size:
            self._members.append(_Member(self.store))

    def do(self, shares: Sequence[Share], stage: str, on_progress: OnProgress) -> None:
        """Do all shares, each in a process of its own; raises what the first one that failed raised."""
        if not shares:
            return
        own, *others = shares
        progress = _Progress(stage, on_progress)
        self.grow(len(shares))
        working = dict(zip(self._members, others, strict=False))
        for number, (member, share) in enumerate(working.items(), 1):
            member.begin(share, progress.of(number))

        def look(done: int, total: int | None) -> None:
            progress.of(0)(done, total)
            for member in working:
                member.look()

        own.do(self.hands, look)
        lost = [share for member, share in working.items() if not self._finish(member)]
        for share in lost:
            share.do(self.hands, look)

    def _finish(self, member: "_Member") -> bool:
        """Whether a member did its share; raises what it raised."""
        try:
            member.finish()
        except _MemberLost:
            _log.warning("a process that shared the work was lost; its share is done here")
            self._members.remove(member)
            member.wait()
            return False
        return True


class _MemberLost(Exception):
    """The process at the other end is gone; never leaves this module."""


class _Member:
    """Another process, and the share it has in hand."""

    def __init__(self, store: Store) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "wattledger.crew_member", str(theirs.fileno())]
            # A session of its own: Ctrl-C in the terminal is for this process, whose end ends the others.
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._line = Connection(ours.detach())
        self._on_share: Callable[[int, int | None], None] = _nobody
        self._busy, self._lost = False, False
        self._send((store.dsn, store.kafka["bootstrap_servers"], store.settings, logging.getLogger().level))

    def begin(self, share: Share, on_share: Callable[[int, int | None], None]) -> None:
        """Have it do a share; it may have been lost, which `finish` tells."""
        self._on_share, self._busy = on_share, True
        self._send(share)

    def look(self) -> None:
        """Pass on what it said so far, without waiting; raises what its share raised."""
        while self._busy and self._line.poll():
            self._hear()

    def finish(self) -> None:
        """Wait until it has done its share; raises what it raised, or _MemberLost."""
        while self._busy:
            wait([self._line])
            self._hear()
        if self._lost:
            raise _MemberLost

    def dismiss(self) -> None:
        """Hang up: it ends, whatever it is doing; a transaction that is open is rolled back."""
        self._line.close()

    def wait(self) -> None:
        """Until it has ended; it is killed when that takes long."""
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: Any) -> None:
        try:
            self._line.send(message)
        except OSError:
            _log.debug("a process that shared the work does not listen any more")

    def _hear(self) -> None:
        try:
            kind, content = self._line.recv()
        except (EOFError, OSError):
            self._busy, self._lost = False, True
            return
        if kind == "progress":
            self._on_share(*content)
            return
        self._busy = False
        if kind == "failed":
            raise content


class _Progress:
    """Adds up what several processes have done of one stage."""

    def __init__(self, stage: str, on_progress: OnProgress) -> None:
        self._stage, self._on_progress = stage, on_progress
        self._parts: dict[int, tuple[int, int | None]] = {}

    def of(self, number: int) -> Callable[[int, int | None], None]:
        """What the process of this number tells its progress to."""

        def tell(done: int, total: int | None) -> None:
            self._parts[number] = (done, total)
            totals = [total for _, total in self._parts.values()]
            known = None if None in totals else sum(total or 0 for total in totals)
            self._on_progress(self._stage, sum(done for done, _ in self._parts.values()), known)

        return tell


def _nobody(_done: int, _total: int | None) -> None:
    """Tell progress to nobody."""
