"""What the chain over stored events costs: `python -m benchmarks.chain_cost` appends sets with it and without.

Measured is processor time an event, of the server's process for the connection and of this one together, in turn:
sets as the main job writes them, of 6,000 events with 436 bytes each.
"""

import os
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from uuid import uuid4

import psutil
import psycopg

from ledger.copy_rows import event_rows
from ledger.database import Role, connect
from ledger.events.chain import events_hash
from ledger.events.store import StoredEvent, append
from projections.schema import migrate
from wattledger.embedded import EmbeddedPostgres

EVENTS, BYTES, SETS, ROUNDS = 6_000, 436, 4, 12

# The chain goes on behind what was stored without it, which an audit would say.
_WITH = """
ALTER TABLE event_store.stored_events ENABLE ALWAYS TRIGGER chain_events;
ALTER TABLE event_store.chain DISABLE TRIGGER append_only;
UPDATE event_store.chain SET last_position = (SELECT max(notification_id) FROM event_store.stored_events)
WHERE number = (SELECT max(number) FROM event_store.chain)
  AND EXISTS (SELECT FROM event_store.stored_events)
"""
_WITHOUT = "ALTER TABLE event_store.stored_events DISABLE TRIGGER chain_events"


def main() -> None:
    """Measure in rounds, with and without in turn, and print the medians in microseconds an event."""
    spent: dict[bool, list[float]] = {True: [], False: []}
    with TemporaryDirectory(prefix="wattledger-bench-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder)) as server:
            migrate(server.dsn)
            for number in range(ROUNDS):
                chained = number % 2 == 0
                with psycopg.connect(server.dsn) as connection:
                    connection.execute((_WITH if chained else _WITHOUT).encode())
                spent[chained].append(_round(server.dsn))
    hashing = median(_hashing() for _ in range(ROUNDS))
    chained_us, plain_us = median(spent[True]), median(spent[False])
    print(f"appended without the chain  {plain_us - hashing:6.2f} µs an event")
    print(f"the hash, made by who writes {hashing:5.2f}")
    print(f"the chain, by the server    {chained_us - plain_us:6.2f}")


def _round(dsn: str) -> float:
    """Processor time of appending some sets, in microseconds an event; the hash is made with the chain or without."""
    sets = [
        [StoredEvent(uuid4(), 1, "SessionAssessed", os.urandom(BYTES)) for _ in range(EVENTS)] for _ in range(SETS)
    ]
    with connect(dsn, Role.WRITER) as connection:
        server = psutil.Process(connection.info.backend_pid)
        began = _spent(server)
        for events in sets:
            append(connection.cursor(), events)
            connection.commit()
        return (_spent(server) - began) / EVENTS / SETS * 1e6


def _hashing() -> float:
    rows = event_rows([StoredEvent(uuid4(), 1, "SessionAssessed", os.urandom(BYTES)) for _ in range(EVENTS)])
    began = time.process_time()
    events_hash(rows)
    return (time.process_time() - began) / EVENTS * 1e6


def _spent(server: psutil.Process) -> float:
    times = server.cpu_times()
    return float(times.user + times.system) + time.process_time()


if __name__ == "__main__":
    main()
