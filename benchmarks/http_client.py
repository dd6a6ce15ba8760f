"""A sender of HTTP requests that costs little: its processor time is taken from the server that it measures."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came, and when: seconds from the moment at which it was to be asked for."""

    status: int
    bytes_sent: int
    first_byte_s: float
    whole_s: float


class Sender:
    """Connections to a server that are kept; each request takes one that is free, or a new one."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str, headers: bytes = b"", due: float | None = None) -> Answer:
        """Ask for a path; `headers` are whole lines, `due` is when that should have been done."""
        began = time.perf_counter() if due is None else due
        reader, writer = await self._connection()
        writer.write(b"GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n" % (path.encode(), headers))
        head = await reader.readuntil(_END)
        first = time.perf_counter()
        size = len(head) + await _body(reader, head.lower())
        self._free.append((reader, writer))
        return Answer(int(head[9:12]), size, first - began, time.perf_counter() - began)

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._free:
            reader, writer = self._free.pop()
            # Servers end connections that were idle for a while.
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)

    def close(self) -> None:
        """Close all connections."""
        for _, writer in self._free:
            writer.close()
        self._free.clear()


async def _body(reader: asyncio.StreamReader, head: bytes) -> int:
    if b"content-length: " in head:
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        return length
    if b"transfer-encoding: chunked" not in head:
        return 0
    size = 0
    while True:
        line = await reader.readuntil(b"\r\n")
        await reader.readexactly(int(line, 16) + 2)
        size += len(line) + int(line, 16) + 2
        if int(line, 16) == 0:
            return size


async def open_loop(requests: Sequence[Callable[[float], Awaitable[Answer]]], per_second: float) -> list[Answer]:
    """Ask each at its time, whether those before are answered or not; times count from when each was due."""
    began = time.perf_counter()
    tasks = []
    for number, request in enumerate(requests):
        due = began + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.ensure_future(request(due)))
    return list(await asyncio.gather(*tasks))


async def saturated(request: Callable[[int], Awaitable[Answer]], at_once: int, seconds: float) -> float:
    """Answers a second, with so many always asked for; raises ValueError where one is none."""
    ends, counts = time.perf_counter() + seconds, [0] * at_once

    async def ask(number: int) -> None:
        while time.perf_counter() < ends:
            answer = await request(number + counts[number] * at_once)
            if answer.status != 200:
                raise ValueError(f"a look-up was answered with {answer.status}")
            counts[number] += 1

    began = time.perf_counter()
    await asyncio.gather(*(ask(number) for number in range(at_once)))
    return sum(counts) / (time.perf_counter() - began)


def percentile_ms(seconds: Iterable[float], part: float) -> float:
    """Milliseconds within which this part (0 to 1) was done."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1_000
