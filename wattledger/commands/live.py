"""Commands of a live system: its pieces, and all of them together."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from wattledger.commands.common import (
    tell_faults,
    the_store,
)
from wattledger.crew import Crew
from wattledger.errors import ApplicationError
from wattledger.patience import patiently
from wattledger.store import Store
from wattledger.verbs import advance_clock
from wattledger.views.terminal import print_error, print_json, progress_report

_CLOCK_S = 1.0


def consume(data_dir: Path | None, *, debug: bool) -> None:
    """`wattledger consume`."""
    from consumers.run import run_forever
    from engine.intake import Intake

    with the_store(data_dir, debug=debug, live=True) as store:
        settings = store.settings
        run_forever(
            store.kafka,
            lambda: Intake(store.dsn),
            group_id=settings.group_id,
            max_records=settings.batch_max_records,
        )


def project(data_dir: Path | None, *, debug: bool) -> None:
    """`wattledger project`: projections in this thread, the relay in another."""
    from consumers.relay import run_relay
    from projections.runner import follow_forever

    with (
        the_store(data_dir, debug=debug, live=True) as store,
        _stop_on_signals() as stop,
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="relay") as threads,
    ):
        relay = threads.submit(lambda: asyncio.run(run_relay(store.kafka, store.dsn, stop)))
        # Without the relay nothing leaves: its end, whatever the reason, is the end of both.
        relay.add_done_callback(lambda _: stop.set())
        follow_forever(store.dsn, stop)
        relay.result()


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def up(data_dir: Path | None, *, debug: bool) -> None:
    """`wattledger up`: the pieces of a live system as processes of their own, started again when one ends."""
    with the_store(data_dir, debug=debug, live=True) as store, _stop_on_signals() as stop:
        environment = _environment(store)
        consumers = {f"consume {number}": ["consume"] for number in range(1, store.settings.processes + 1)}
        pieces = consumers | {"project": ["project"], "clock": ["payouts", "run", "--watch"]}
        running = {name: _start_piece(words, environment, debug=debug) for name, words in pieces.items()}
        sys.stderr.write(
            f"WattLedger is up: Kafka at {store.kafka['bootstrap_servers']}; stop it with Ctrl-C. Other commands "
            f"find it by --data-dir {store.settings.data_dir}\n"
        )
        try:
            while not stop.wait(0.5):
                for name, process in list(running.items()):
                    if process.poll() is not None:
                        print_error(f"{name} ended with status {process.returncode}; it is started again")
                        running[name] = _start_piece(pieces[name], environment, debug=debug)
        finally:
            for process in running.values():
                process.terminate()
            for process in running.values():
                process.wait(timeout=30)


def _environment(store: Store) -> dict[str, str]:
    return os.environ | {
        "WATTLEDGER_DATABASE_URL": store.dsn,
        "WATTLEDGER_KAFKA_BOOTSTRAP": store.kafka["bootstrap_servers"],
    }


def _start_piece(words: list[str], environment: dict[str, str], *, debug: bool) -> "subprocess.Popen[bytes]":
    options = ["--debug"] if debug else []
    command = [sys.executable, "-m", "wattledger.cli", *words, *options]
    return subprocess.Popen(command, env=environment)  # noqa: S603 - our own command with our own words


def migrate(data_dir: Path | None, *, debug: bool) -> None:
    """`wattledger migrate`."""
    with the_store(data_dir, debug=debug):
        sys.stdout.write("schema and topics are up to date\n")


def payouts_run(data_dir: Path | None, until: datetime | None, *, watch: bool, json: bool, debug: bool) -> None:
    """`wattledger payouts run`."""
    if watch and until is not None:
        raise ApplicationError("--watch follows the wall clock: leave --until out, or leave --watch out")
    with the_store(data_dir, debug=debug, needs_kafka=False, live=watch) as store:
        if watch:
            _watch_clock(store)
            return
        moment = until or datetime.now(UTC)
        with Crew(store) as crew, progress_report() as progress:
            advance_clock(crew, moment, progress)
        status = tell_faults(store)
    if json:
        print_json({"until": moment.isoformat()})
    else:
        sys.stdout.write(f"everything that was due by {moment.isoformat()} is done\n")
    if status:
        sys.exit(status)


def _watch_clock(store: Store) -> None:
    from engine.clock import Clock
    from ledger.errors import RunsFailed

    clock = Clock(store.dsn)
    with _stop_on_signals() as stop:
        while not stop.wait(_CLOCK_S):
            try:
                patiently(lambda: clock.advance(datetime.now(UTC)))
            except RunsFailed as failed:
                print_error(str(failed))
    clock.close()
