"""Commands of a live system: its pieces, and all of them together."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from wattledger.commands.common import the_store
from wattledger.commands.options import DataDir, Debug
from wattledger.views.terminal import print_error

if TYPE_CHECKING:
    import subprocess
    import threading

    from wattledger.store import Store

app = typer.Typer()

_CLOCK_S = 1.0


@app.command()
def consume(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Take in what gateways publish, as one member of the consumer group, until stopped."""
    from consumers.run import run_forever
    from engine.intake import Intake

    with the_store(data_dir, debug=debug, creates=True, live=True) as store:
        settings = store.settings
        run_forever(
            store.kafka,
            lambda: Intake(store.working_set()),
            group_id=settings.group_id,
            max_records=settings.batch_max_records,
        )


@app.command()
def project(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Keep the read models up with the event store and send what leaves, until stopped."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from consumers.relay import run_relay
    from projections.runner import follow_forever

    # The projections follow in this thread, the relay in another.
    with (
        the_store(data_dir, debug=debug, creates=True, live=True) as store,
        _stop_on_signals() as stop,
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="relay") as threads,
    ):
        relay = threads.submit(lambda: asyncio.run(run_relay(store.kafka, store.dsn, stop)))
        # Without the relay nothing leaves: its end, whatever the reason, is the end of both.
        relay.add_done_callback(lambda _: stop.set())
        follow_forever(store.dsn, stop)
        relay.result()


@contextmanager
def _stop_on_signals() -> Iterator["threading.Event"]:
    import threading

    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@app.command()
def up(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Run a whole live system: services, intake, clock, projections and relay, until stopped."""
    # Each piece is a process of its own, started again when it ends.
    with the_store(data_dir, debug=debug, creates=True, live=True) as store, _stop_on_signals() as stop:
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


def _environment(store: "Store") -> dict[str, str]:
    return os.environ | {
        "WATTLEDGER_DATABASE_URL": store.dsn,
        "WATTLEDGER_KAFKA_BOOTSTRAP": store.kafka["bootstrap_servers"],
    }


def _start_piece(words: list[str], environment: dict[str, str], *, debug: bool) -> "subprocess.Popen[bytes]":
    import subprocess

    options = ["--debug"] if debug else []
    command = [sys.executable, "-m", "wattledger.cli", *words, *options]
    return subprocess.Popen(command, env=environment)  # noqa: S603 - our own command with our own words


@app.command()
def migrate(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Bring the database schema and the topics up to date; safe to repeat."""
    with the_store(data_dir, debug=debug, creates=True):
        sys.stdout.write("schema and topics are up to date\n")


def watch_clock(store: "Store") -> None:
    """Do what the clock drives as the wall clock goes on, until stopped."""
    from engine.clock import Clock
    from engine.errors import RunsFailed
    from ledger.patience import Stopping
    from wattledger.patience import patiently

    clock = Clock(store.working_set())
    with _stop_on_signals() as stop, suppress(Stopping):
        while not stop.wait(_CLOCK_S):
            try:
                patiently(lambda: clock.advance(datetime.now(UTC)), stop=stop)
            except RunsFailed as failed:
                print_error(str(failed))
    clock.close()
