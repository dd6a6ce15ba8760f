"""Measures what healthy receivers of notices wait for while a third of all fail, and whether anything is lost.

All notices are queued at once, an equal share to each target. By a script a third of the targets fail: they do not
answer and hang up later, hang up at first, answer 500 now and then or 503 with Retry-After at first, or are gone. Two
senders share the work as two processes would. First the real clock runs until every healthy target has all of its
notices; then it is moved on by hours, until nothing waits but for targets that are disabled.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Event, Thread
from time import monotonic

from api.outward.client import Outward
from api.outward.notices import WebhookNotices
from api.outward.sealing import Seal
from api.outward.sending import Sender
from api.outward.targets import Targets
from benchmarks.figures import Figure, figures
from benchmarks.stage import Stage
from domain.notice.subscription import Severity, Told
from ledger.access import notice_targets, notices
from ledger.access.door import Door
from ledger.access.notice_targets import NewVersion, NoticeTarget
from ledger.access.notices import DueNotice, Notice
from projections.schema import migrate

# What failing targets do, in turns: of a path's n-th request the answer, None for none, a negative one to hang up.
SCRIPT: tuple[Callable[[int], int | None], ...] = (
    lambda number: None if number < 8 else -1,
    lambda _: 410,
    lambda number: 500 if number % 3 == 0 else 204,
    lambda number: 503 if number < 3 else 204,
    lambda number: -1 if number < 5 else 204,
)
_STEP = timedelta(hours=6)
_REASONS = {204: "No Content", 410: "Gone", 500: "Internal Server Error", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class Extent:
    """How many notices there are in all, for how many targets, and for how long a request may take."""

    notices: int = 10_000
    targets: int = 50
    timeout_s: float = 15.0


WHOLE = Extent()


@dataclass(slots=True)
class Result:
    """What came of it: how long healthy targets waited for their next notice at most, and how many are where."""

    healthy_gap_s: float
    healthy_all_s: float
    taken: int
    twice: int
    lost: int
    of_disabled: int


@dataclass(slots=True)
class Receivers:
    """Receivers at one port, told apart by path: when each took which webhook-id, by a monotonic clock."""

    port: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    taken: dict[str, list[tuple[float, str]]] = field(default_factory=lambda: defaultdict(list))
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, answered as its path's script says."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ", 2)[1]
            fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            await reader.readexactly(int(fields["content-length"]))
            number = self.requests[path]
            self.requests[path] += 1
            status = _script(path)(number)
            if status is None:
                await self.ending.wait()
            elif status > 0:
                if status < 300:
                    self.taken[path].append((monotonic(), fields["webhook-id"]))
                later = "retry-after: 1\r\n" if status == 503 else ""
                said = f"HTTP/1.1 {status} {_REASONS[status]}\r\n{later}content-length: 0"
                writer.write(f"{said}\r\nconnection: close\r\n\r\n".encode())
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # Whoever waited for an answer has gone.
        finally:
            writer.close()


def _is_failing(number: int) -> bool:
    return number % 3 == 2


def _script(path: str) -> Callable[[int], int | None]:
    number = int(path.rpartition("/")[2])
    return SCRIPT[number // 3 % len(SCRIPT)] if _is_failing(number) else lambda _: 204


@contextmanager
def _receivers() -> Iterator[Receivers]:
    """The receivers, in a thread of their own."""
    found, ready = Receivers(), Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        server = await asyncio.start_server(found.answer, "127.0.0.1", 0, backlog=1_000)
        found.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await found.ending.wait()

    thread = Thread(target=loop.run_until_complete, args=(serve(),), name="receivers")
    thread.start()
    ready.wait()
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(found.ending.set)
        thread.join()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


@dataclass(slots=True)
class _Clock:
    """The real clock, moved on by hand."""

    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def deliver(dsn: str, extent: Extent = WHOLE) -> Result:
    """Queue notices in a migrated store without any, and send them until nothing waits."""
    clock = _Clock()
    with _receivers() as receivers, closing(Door(dsn, 8)) as door:
        queued = _queue(door, receivers.port, extent, clock.now())
        begun = monotonic()
        asyncio.run(_send(door, clock, receivers, queued, extent))
        return _result(door, receivers, queued, begun)


def _queue(door: Door, port: int, extent: Extent, now: datetime) -> Mapping[str, list[str]]:
    """Notices by the path of their target: their webhook-ids."""
    with door.transaction() as cursor:
        versions = [_version(number, port, now) for number in range(extent.targets)]
        notice_targets.put_versions(cursor, versions)
        notice_targets.bring_into_effect(cursor, now)
        targets = notice_targets.targets(cursor)
        made = [_notice(targets[number % len(targets)], number, now) for number in range(extent.notices)]
        notices.put(cursor, made, now)
    found: dict[str, list[str]] = defaultdict(list)
    for each in made:
        found[f"/{each.target.subscription_id}"].append(notices.delivery_id(each.id))
    return found


def _version(number: int, port: int, now: datetime) -> NewVersion:
    data = {
        "operator_id": f"OP-{number % 7}",
        "subscription_id": str(number),
        "events": ["payout.*"],
        "channel": "WEBHOOK",
        "target": f"http://127.0.0.1:{port}/{number}",
        "enabled": True,
    }
    return NewVersion(Told(now, "urn:benchmarks", f"m-{number}"), 0, data)


def _notice(target: NoticeTarget, number: int, now: datetime) -> Notice:
    data = {"payout_id": f"P-{number}", "amount": "12.30", "currency": "EUR"}
    return Notice(target, "payout.paid", Severity.INFO, f"cause-{number}", now, data)


async def _send(
    door: Door, clock: _Clock, receivers: Receivers, queued: Mapping[str, list[str]], extent: Extent
) -> None:
    seal, stop = Seal(), asyncio.Event()
    outward = Outward(Targets(allow_private=True), total_s=extent.timeout_s)
    senders = [Sender[DueNotice](WebhookNotices(door, seal, outward), clock=clock.now) for _ in range(2)]
    running = [asyncio.create_task(each.run(stop)) for each in senders]
    healthy = {path: len(ids) for path, ids in queued.items() if not _is_failing(int(path[1:]))}
    while any(len(receivers.taken[path]) < count for path, count in healthy.items()):
        _raise_what_ended(running)
        await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*running)
    while await asyncio.to_thread(_anything_waits, door):
        clock.ahead += _STEP
        await asyncio.gather(*(each.send_due() for each in senders))
    for each in senders:
        each.close()
    await outward.close()


def _raise_what_ended(running: list[asyncio.Task[None]]) -> None:
    for each in running:
        if each.done():
            each.result()


def _anything_waits(door: Door) -> bool:
    """Whether anything is to be sent to a target that is not disabled."""
    with door.transaction() as cursor:
        on = {each.id for each in notice_targets.targets(cursor) if each.is_enabled}
        waiting = notices.newest(cursor, 100_000, notices.NoticeFilter(status="PENDING"))
    return any(each.target_id in on for each in waiting)


def _result(door: Door, receivers: Receivers, queued: Mapping[str, list[str]], begun: float) -> Result:
    with door.transaction() as cursor:
        disabled = {f"/{each.subscription_id}" for each in notice_targets.targets(cursor) if not each.is_enabled}
    gaps, ends, twice, lost, of_disabled = [0.0], [0.0], 0, 0, 0
    for path, ids in queued.items():
        took = Counter(id_ for _, id_ in receivers.taken[path])
        missing = sum(id_ not in took for id_ in ids)
        twice += sum(count - 1 for count in took.values())
        lost += 0 if path in disabled else missing
        of_disabled += missing if path in disabled else 0
        if not _is_failing(int(path[1:])):
            times = [begun, *(at for at, _ in receivers.taken[path])]
            gaps += [later - earlier for earlier, later in pairwise(times)]
            ends.append(times[-1] - begun)
    taken = sum(len({id_ for _, id_ in each}) for each in receivers.taken.values())
    return Result(max(gaps), max(ends), taken, twice, lost, of_disabled)


def measure(stage: Stage, rounds: int, report: Callable[[str], None], extent: Extent = WHOLE) -> list[Figure]:
    """How long healthy targets wait, how many a second they take, and that nothing is lost or taken twice."""
    waits, counts = [], []
    for number in range(rounds):
        with stage.database() as dsn:
            migrate(dsn)
            found = deliver(dsn, extent)
        report(f"round {number + 1}: healthy targets waited {found.healthy_gap_s:.2f} s at most; {found}")
        waits.append(
            {
                "longest wait of a healthy target for its next one": found.healthy_gap_s,
                "all healthy targets have theirs": found.healthy_all_s,
            }
        )
        counts.append(
            {
                "taken": found.taken,
                "taken twice": found.twice,
                "lost": found.lost,
                "for targets that are disabled": found.of_disabled,
            }
        )
    return figures("s", [each.items() for each in waits]) + figures("", [each.items() for each in counts])
