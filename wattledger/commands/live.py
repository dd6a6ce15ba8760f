"""Commands of a live system: its pieces, and all of them together."""

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from wattledger.commands.common import live_store, settings_for, the_store
from wattledger.commands.options import DataDir, Debug
from wattledger.ending import IN_ORDER_S, stop_on_signals
from wattledger.errors import ApplicationError
from wattledger.logs import say

if TYPE_CHECKING:
    from wattledger.monitoring.signs import Signs
    from wattledger.settings import Settings
    from wattledger.store import Store

app = typer.Typer()

_log = logging.getLogger(__name__)

_CLOCK_S = 1.0
_TEND_S = 0.5


@app.command()
def consume(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Take in what gateways publish, as one member of the consumer group, until stopped."""
    from consumers.run import run_forever
    from engine.intake import Intake
    from ledger.heartbeat import heartbeat
    from wattledger.monitoring.monitor import CONSUME

    with (
        live_store(data_dir, CONSUME, debug=debug) as (store, signs),
        stop_on_signals(IN_ORDER_S) as stop,
        heartbeat(store.dsn, "consume"),
    ):
        settings = store.settings
        run_forever(
            store.kafka,
            lambda: Intake(store.working_set()),
            stop,
            group_id=settings.group_id,
            max_records=settings.batch_max_records,
            watch=signs,
        )


@app.command()
def project(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Keep the read models up with the event store and send what leaves, until stopped."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor
    from threading import Event

    from consumers.relay import run_relay
    from ledger.heartbeat import heartbeat
    from projections.freshness import ON_DEMAND
    from projections.live_handoff import hand_off_forever
    from projections.roaming.feed import follow_roaming
    from projections.runner import follow_forever
    from wattledger.monitoring.monitor import PROJECT

    # The projections follow in this thread, the relay in another, beside them those that nobody waits for, in a
    # fourth bank files are made of what has left, and in a fifth objects are made for roaming partners.
    with (
        live_store(data_dir, PROJECT, debug=debug) as (store, signs),
        stop_on_signals(IN_ORDER_S) as stop,
        heartbeat(store.dsn, "project"),
        ThreadPoolExecutor(max_workers=4, thread_name_prefix="project") as threads,
    ):
        keepers = store.heads, store.anchors()
        relay = threads.submit(lambda: asyncio.run(run_relay(store.kafka, store.dsn, stop, signs, *keepers)))
        # Without the relay nothing leaves: its end, whatever the reason, is the end of both.
        relay.add_done_callback(lambda _: stop.set())
        beside = threads.submit(follow_forever, store.dsn, stop, ON_DEMAND)
        beside.add_done_callback(lambda _: stop.set())
        woken = Event()
        files = threads.submit(hand_off_forever, store.dsn, store.platform, stop, woken)
        files.add_done_callback(lambda _: stop.set())
        roaming = threads.submit(follow_roaming, store.dsn, stop, power_max_kw=store.settings.power_max_kw)
        roaming.add_done_callback(lambda _: stop.set())
        follow_forever(store.dsn, stop, reached=lambda _: woken.set(), moves=lambda: signs.moves("projections"))
        woken.set()
        for piece in (relay, beside, files, roaming):
            piece.result()


@app.command()
def up(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Run a whole live system: services, intake, clock, projections, relay and webhooks, until stopped."""
    from ledger.heartbeat import heartbeat
    from wattledger.opening import open_store
    from wattledger.pieces import Pieces
    from wattledger.state_line import state_line

    settings = settings_for(data_dir, debug=debug, live=True)
    consumers = {f"consume {number}": ["consume"] for number in range(1, settings.processes + 1)}
    # In this order each has its port: those that there is one of keep theirs, however many consumers there are.
    words = {"project": ["project"], "clock": ["payouts", "run", "--watch"], "webhooks": ["webhooks", "run"]}
    words |= {"load": ["load", "run"]}
    words |= consumers
    surface = _surface(settings)
    # Each piece is a process of its own, started again when it ends.
    with (
        _only_one(settings),
        _ports(settings, words) as ports,
        open_store(settings, creates=True) as store,
        stop_on_signals() as stop,
        heartbeat(store.dsn, "up"),
        state_line(store) as tell,
    ):
        options = ["--debug"] if debug else []
        pieces = Pieces(
            {name: [*each, *options] for name, each in {**words, **surface}.items()}, _environment(store), ports, tell
        )
        say(
            f"WattLedger is up: Kafka at {store.kafka['bootstrap_servers']}; stop it with Ctrl-C. Other commands "
            f"find it by --data-dir {settings.data_dir}"
        )
        try:
            pieces.start()
            while not stop.wait(_TEND_S):
                pieces.tend()
        finally:
            pieces.stop()


@contextmanager
def _only_one(settings: "Settings") -> Iterator[None]:
    """The folder of the embedded services to ourselves, as far as live systems go; other commands share it."""
    from wattledger.embedded.account import services_account
    from wattledger.embedded.folder import ServiceFolder

    if not settings.embedded:
        yield
        return
    folder = ServiceFolder(settings.data_dir.absolute() / "up")
    folder.prepare(services_account())
    if not folder.lock():
        known = folder.recall("process.json").get("pid", "unknown")
        raise ApplicationError(
            f"another `wattledger up` runs on {settings.data_dir} (process {known}): use that one, or name another "
            "folder with --data-dir"
        )
    folder.remember("process.json", {"pid": os.getpid()})
    try:
        yield
    finally:
        folder.forget("process.json")
        folder.unlock()


@contextmanager
def _ports(settings: "Settings", pieces: Iterable[str]) -> Iterator[dict[str, dict[str, str]]]:
    """The variable that gives each piece a port of its own, from the one that is set on; 0 is any port for all.

    Raises ApplicationError where one cannot be had, so that the reason is said once and not by each piece.
    """
    first = settings.metrics_port
    if first is None:
        yield {}
        return
    from wattledger.monitoring.server import check_port

    ports = {name: first and first + place for place, name in enumerate(pieces)}
    for port in ports.values():
        check_port(settings.metrics_host, port)
    yield {name: {"WATTLEDGER_METRICS_PORT": str(port)} for name, port in ports.items()}


def _surface(settings: "Settings") -> dict[str, list[str]]:
    """The piece that serves pages and resources, on the port that is set, on another where it is taken; 0: none."""
    if not settings.port:
        return {}
    from wattledger.serving import listen

    listening, _ = listen("127.0.0.1", settings.port, else_any=True)
    with listening:
        port = listening.getsockname()[1]
    return {"serve": ["serve", "--port", str(port)]}


def _environment(store: "Store") -> dict[str, str]:
    """What pieces are told: where the services are, and how they are let in."""
    from wattledger.settings import ENV_PREFIX

    settings = store.settings
    found = {
        # Secrets and heads are there, wherever the services are.
        "DATA_DIR": str(settings.data_dir.absolute()),
        "DATABASE_URL": store.dsn,
        "KAFKA_BOOTSTRAP": store.kafka["bootstrap_servers"],
        "KAFKA_SECURITY_PROTOCOL": settings.kafka_security_protocol.value,
        "KAFKA_SASL_MECHANISM": settings.kafka_sasl_mechanism,
        "KAFKA_SASL_USERNAME": settings.kafka_sasl_username,
        "KAFKA_SASL_PASSWORD": settings.kafka_sasl_password and settings.kafka_sasl_password.get_secret_value(),
    }
    return os.environ | {f"{ENV_PREFIX}{name}": value for name, value in found.items() if value}


@app.command()
def migrate(data_dir: DataDir = None, debug: Debug = False) -> None:
    """Bring the database schema and the topics up to date; safe to repeat."""
    with the_store(data_dir, debug=debug, creates=True):
        sys.stdout.write("schema and topics are up to date\n")


def watch_clock(store: "Store", signs: "Signs") -> None:
    """Do what the clock drives as the wall clock goes on, until stopped."""
    from engine.clock import Clock
    from engine.errors import RunsFailed
    from ledger.heartbeat import heartbeat
    from ledger.patience import Stopping
    from wattledger.patience import patiently

    clock = Clock(store.working_set())

    def advance() -> int:
        signs.moves("clock")
        return clock.advance(datetime.now(UTC), lambda _stage, _count: signs.moves("clock"))

    with stop_on_signals(IN_ORDER_S) as stop, heartbeat(store.dsn, "clock"), suppress(Stopping):
        while not stop.wait(_CLOCK_S):
            try:
                signs.add(payouts=patiently(advance, stop=stop), rounds=1)
            except RunsFailed as failed:
                signs.add(failures=1)
                _log.error("%s", failed)
    clock.close()
