"""One record at a time to Kafka, for callers that wait for each: a producer that lives as long as its process.

It has a thread and an event loop of its own, so that any thread may publish. What the brokers do not take within
seconds fails the caller, who tells that nothing was done: so it must not go out when they are back. The next record
begins with a new producer.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer

from consumers.faults import BROKER_FAULTS, broker_faults
from consumers.publisher import RECORD_MAX_BYTES, Headers, Outgoing
from consumers.topics import ensure_topics
from ledger.errors import MachineryFault

# How long a record is tried, and each try; then the whole of what is sent at once, its producer's start included.
_REQUEST_MS = 2_000
_SEND_S = 4.0
# Who fails waits so long for what was not sent to be given up, which takes longer only where brokers hang.
_STOP_S = 1.0
# Two tries, the second of which began when the first was over.
_GIVEN_UP_S = 2 * _REQUEST_MS / 1000 + 1
_LOOK_S = 0.1


class Sender:
    """Publishes records from `start` to `close`; any thread may give them.

    `client_options` gives aiokafka's, `bootstrap_servers` among them, or None while nobody knows where brokers are.
    """

    def __init__(self, client_options: Callable[[], Mapping[str, Any] | None]) -> None:
        self._client_options = client_options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        self._producer: AIOKafkaProducer | None = None
        self._starting: asyncio.Lock | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin; no broker is asked before there is something to send."""
        self._thread.start()

    def close(self) -> None:
        """End, whatever is still on its way."""
        if self._thread.ident is None or not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(2 * _GIVEN_UP_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def publish(
        self, records: Sequence[tuple[str, bytes | None, bytes, Headers]]
    ) -> "Future[tuple[tuple[int, int], ...]]":
        """Send records of (topic, key, value, headers), in order; done once the brokers have all of them.

        It comes to the partition and the offset of each.
        It fails with MachineryFault within seconds while the brokers are away: some may be there then, or come to be,
        and the same again does no harm.
        """
        made = [Outgoing(*record) for record in records]
        return self._submit(self._send(made))

    def _submit(
        self, work: Coroutine[Any, Any, tuple[tuple[int, int], ...]]
    ) -> "Future[tuple[tuple[int, int], ...]]":
        if not self._thread.is_alive():
            work.close()
            failed: Future[tuple[tuple[int, int], ...]] = Future()
            failed.set_exception(MachineryFault("Kafka is not spoken to any more: this process is ending"))
            return failed
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _send(self, records: Sequence[Outgoing]) -> tuple[tuple[int, int], ...]:
        too_large = next((each for each in records if each.size_bytes > RECORD_MAX_BYTES), None)
        if too_large is not None:
            raise ValueError(f"a record of {too_large.size_bytes} bytes is larger than a broker takes")
        producer: AIOKafkaProducer | None = None
        try:
            with broker_faults("Kafka did not take it", "try again in a few seconds"):
                async with asyncio.timeout(_SEND_S):
                    producer = await self._started()
                    sent = [
                        await producer.send(each.topic, each.value, each.key, headers=list(each.headers))
                        for each in records
                    ]
                    taken = await asyncio.gather(*sent)
                    return tuple((each.partition, each.offset) for each in taken)
        except TimeoutError as late:
            await self._discard(producer)
            raise MachineryFault("Kafka does not answer; try again in a few seconds") from late
        except MachineryFault:
            await self._discard(producer)
            raise

    async def _started(self) -> AIOKafkaProducer:
        # Made here: it belongs to the loop.
        self._starting = self._starting or asyncio.Lock()
        async with self._starting:
            if self._producer is None:
                options = await self._known_options()
                await ensure_topics(options)
                producer = AIOKafkaProducer(
                    **options,
                    # An idempotent one tries for ever. What is sent twice is known by its id.
                    enable_idempotence=False,
                    acks="all",
                    max_request_size=RECORD_MAX_BYTES,
                    request_timeout_ms=_REQUEST_MS,
                )
                try:
                    await producer.start()
                except BaseException:
                    self._let_end(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _known_options(self) -> Mapping[str, Any]:
        """How brokers are reached; embedded ones that are starting still are waited for as long as there is time."""
        while (options := self._client_options()) is None:
            await asyncio.sleep(_LOOK_S)
        return options

    async def _discard(self, producer: AIOKafkaProducer | None) -> None:
        """End a producer that failed; there is none where it did not start."""
        if producer is None:
            return
        if producer is self._producer:
            self._producer = None
        await asyncio.wait({self._let_end(producer)}, timeout=_STOP_S)

    def _let_end(self, producer: AIOKafkaProducer) -> "asyncio.Task[None]":
        """End a producer once it has given up what it holds; cancelled, it would go on for as long as the process."""
        ending = asyncio.create_task(_stop(producer))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        return ending

    async def _end(self) -> None:
        """End all producers."""
        if self._producer is not None:
            self._let_end(self._producer)
            self._producer = None
        if self._ending:
            await asyncio.wait(self._ending, timeout=_GIVEN_UP_S)


async def _stop(producer: AIOKafkaProducer) -> None:
    # What was not sent is waited for by nobody.
    with suppress(*BROKER_FAULTS):
        await producer.stop()
