"""The processes that share the work of one command: this one, and others that it starts when there is enough to do.

Python runs on one core, so a backlog is taken in by several processes. The others die with this one, however it ends;
what one that was lost had in hand is done here, since every portion of it can be done again.
"""

import logging
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Self, TypeAlias

from wattledger.logs import this_form
from wattledger.portions import Hands, OnPortion, Portion
from wattledger.store import Store

_log = logging.getLogger(__name__)

# Stage, what is done so far, and of how much where that is known.
OnProgress: TypeAlias = Callable[[str, int, int | None], None]

_END_S = 10.0


class Crew:
    """Does portions of work at once, the first of them in this process; one command at a time."""

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
        """Start processes until there are so many; they get ready while this one goes on.

        Where the system gives no more, the work is done by those that there are.
        """
        while self.size < size:
            try:
                self._members.append(_Member(self.store))
            except OSError as refusal:
                _log.warning("no further process can be started (%s): the work goes on with %d", refusal, self.size)
                return

    def do(self, portions: Sequence[Portion], stage: str, on_progress: OnProgress) -> None:
        """Do all portions, each in a process of its own; raises what the first one that failed raised."""
        if not portions:
            return
        progress = _Progress(stage, on_progress)
        self.grow(len(portions))
        working = dict(zip(self._members, portions[1:], strict=False))
        tellers = {member: progress.of(number) for number, member in enumerate(working, 1)}
        try:
            for member, portion in working.items():
                member.begin(portion, tellers[member])
            for portion in (portions[0], *portions[1 + len(working) :]):
                portion.do(self.hands, _both(progress.of(0), lambda: _hear_all(working)))
            while busy := [member for member in working if member.busy]:
                wait([member.line for member in busy])
                _hear_all(busy)
            for member, portion in working.items():
                if member.failure is not None:
                    raise member.failure
                if member.lost:
                    _log.warning("a process that shared the work was lost; its portion is done here")
                    self._leave(member)
                    portion.do(self.hands, tellers[member])
        except BaseException:
            # Nothing they have in hand can be counted on now: they end, and others may be started.
            for member in list(working):
                self._leave(member)
            raise

    def _leave(self, member: "_Member") -> None:
        """Be without a member from here on."""
        if member in self._members:
            self._members.remove(member)
            member.dismiss()
            member.wait()


def _hear_all(members: Iterable["_Member"]) -> None:
    for member in members:
        member.look()


def _both(tell: OnPortion, look: Callable[[], None]) -> OnPortion:
    """Tells progress, and has a look at the others whenever there is some."""

    def tell_and_look(done: int, total: int | None) -> None:
        tell(done, total)
        look()

    return tell_and_look


class _Member:
    """Another process, and the portion it has in hand."""

    def __init__(self, store: Store) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "wattledger.crew_member", str(theirs.fileno())]
            # A session of its own: Ctrl-C in the terminal is for this process, whose end ends the others.
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )
        self.line = Connection(ours.detach())
        self.busy, self.lost = False, False
        self.failure: Exception | None = None
        self._on_portion: OnPortion = _nobody
        self._send((store.dsn, store.kafka["bootstrap_servers"], store.settings, this_form()))

    def begin(self, portion: Portion, on_portion: OnPortion) -> None:
        """Have it do a portion: `busy` until it is done, `lost` or has a `failure`."""
        self._on_portion, self.busy = on_portion, True
        self._send(portion)

    def look(self) -> None:
        """Take in what it said so far, without waiting."""
        while self.busy and self.line.poll():
            self._hear()

    def dismiss(self) -> None:
        """Hang up: it ends, whatever it is doing; a transaction that is open is rolled back."""
        self.line.close()

    def wait(self) -> None:
        """Until it has ended; it is killed when that takes long."""
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, message: Any) -> None:
        try:
            self.line.send(message)
        except OSError:
            _log.debug("a process that shared the work no longer listens")

    def _hear(self) -> None:
        try:
            kind, content = self.line.recv()
        except (EOFError, OSError):
            self.busy, self.lost = False, True
            return
        if kind == "progress":
            self._on_portion(*content)
            return
        self.busy = False
        if kind == "failed":
            self.failure = content


class _Progress:
    """Adds up what several processes have done of one stage."""

    def __init__(self, stage: str, on_progress: OnProgress) -> None:
        self._stage, self._on_progress = stage, on_progress
        self._parts: dict[int, tuple[int, int | None]] = {}

    def of(self, number: int) -> OnPortion:
        """What the process of this number tells its progress to."""

        def tell(done: int, total: int | None) -> None:
            self._parts[number] = (done, total)
            totals = [total for _, total in self._parts.values()]
            known = None if None in totals else sum(total or 0 for total in totals)
            self._on_progress(self._stage, sum(done for done, _ in self._parts.values()), known)

        return tell


def _nobody(_done: int, _total: int | None) -> None:
    """Tell progress to nobody."""
