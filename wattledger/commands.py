"""What each command does, with what it prints; loaded only when a command runs."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from wattledger.engine import (
    Store,
    advance_clock,
    open_store,
    patiently,
    publish_files,
    publish_records,
)
from wattledger.engine import settle as engine_settle
from wattledger.errors import ApplicationError
from wattledger.settings import Settings, load_settings
from wattledger.terminal import print_error, print_json, print_table, progress_report, set_up_logging

_CLOCK_S = 1.0


def _settings(data_dir: Path | None, *, debug: bool, live: bool = False) -> Settings:
    """The settings; a live process logs what it does, a command that ends only what is wrong."""
    settings = load_settings(data_dir=data_dir)
    level = settings.log_level if live or settings.log_level != "INFO" else "WARNING"
    set_up_logging("DEBUG" if debug else level)
    return settings


@contextmanager
def _store(data_dir: Path | None, *, debug: bool, needs_kafka: bool = True, live: bool = False) -> Iterator[Store]:
    with open_store(_settings(data_dir, debug=debug, live=live), needs_kafka=needs_kafka) as store:
        yield store


# Settling ------------------------------------------------------------------------------------------------------


def settle(
    files: Sequence[str], out: Path, data_dir: Path | None, until: datetime | None, *, json: bool, debug: bool
) -> None:
    """`wattledger settle`."""
    from consumers.files import check_readable

    check_readable(files)
    _folder(out)
    with _store(data_dir, debug=debug) as store, progress_report() as progress:
        engine_settle(store, files, out, until, progress)
    summary = orjson.loads((out / "summary.json").read_bytes())
    _show_summary(summary, out, json=json)


def _show_summary(summary: dict[str, Any], out: Path, *, json: bool) -> None:
    if json:
        print_json(summary)
    else:
        rows = [(name.replace("_", " "), value) for name, value in summary.items()]
        print_table(f"Settled; the files are in {out}", ("what", "value"), rows, right=("value",))


def demo(out: Path, data_dir: Path | None, sessions: int, seed: int, *, json: bool, debug: bool) -> None:
    """`wattledger demo`."""
    from wattledger.demo.network import network
    from wattledger.demo.show import demo_document, show_demo

    settings = _settings(data_dir or Path(".wattledger/demo"), debug=debug)
    _folder(out)
    events = out / "events.jsonl"
    with events.open("wb") as file:
        file.writelines(line.rstrip(b"\n") + b"\n" for line in network(seed=seed, sessions=sessions))
    with open_store(settings) as store:
        with progress_report() as progress:
            engine_settle(store, [str(events)], out, None, progress)
        summary = orjson.loads((out / "summary.json").read_bytes())
        if json:
            print_json(demo_document(store.dsn, summary))
        else:
            show_demo(store.dsn, summary, out)


def publish(files: Sequence[str], data_dir: Path | None, *, json: bool, debug: bool) -> None:
    """`wattledger publish`."""
    from consumers.files import check_readable

    check_readable(files)
    with _store(data_dir, debug=debug) as store, progress_report() as progress:
        published = publish_files(store, files, progress)
    if json:
        print_json({"published": published})
    else:
        sys.stdout.write(f"published {published} records\n")


# A live system -------------------------------------------------------------------------------------------------


def consume(data_dir: Path | None, *, debug: bool) -> None:
    """`wattledger consume`."""
    from consumers.intake import Intake
    from consumers.run import run_forever

    with _store(data_dir, debug=debug, live=True) as store:
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
        _store(data_dir, debug=debug, live=True) as store,
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
    with _store(data_dir, debug=debug, live=True) as store, _stop_on_signals() as stop:
        environment = _environment(store)
        pieces = {
            "consume": ["consume"],
            "project": ["project"],
            "clock": ["payouts", "run", "--watch"],
        }
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
    import os

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
    with _store(data_dir, debug=debug):
        sys.stdout.write("schema and topics are up to date\n")


def payouts_run(data_dir: Path | None, until: datetime | None, *, watch: bool, json: bool, debug: bool) -> None:
    """`wattledger payouts run`."""
    if watch and until is not None:
        raise ApplicationError("--watch follows the wall clock: leave --until out, or leave --watch out")
    with _store(data_dir, debug=debug, needs_kafka=False, live=watch) as store:
        if watch:
            _watch_clock(store)
            return
        moment = until or datetime.now(UTC)
        with progress_report() as progress:
            advance_clock(store, moment, progress)
    if json:
        print_json({"until": moment.isoformat()})
    else:
        sys.stdout.write(f"everything that was due by {moment.isoformat()} is done\n")


def _watch_clock(store: Store) -> None:
    from ledger.clock import Clock
    from ledger.errors import RunsFailed

    clock = Clock(store.dsn)
    with _stop_on_signals() as stop:
        while not stop.wait(_CLOCK_S):
            try:
                patiently(lambda: clock.advance(datetime.now(UTC)))
            except RunsFailed as failed:
                print_error(str(failed))
    clock.close()


# Reading -------------------------------------------------------------------------------------------------------


def _read(store: Store, query: Callable[[Any], Any]) -> Any:
    from ledger.database import Role, connect
    from projections.runner import catch_up

    catch_up(store.dsn)
    with connect(store.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        return query(cursor)


def payouts_list(data_dir: Path | None, operator: str | None, *, json: bool, debug: bool) -> None:
    """`wattledger payouts list`."""
    from domain.money import format_minor
    from projections import queries

    with _store(data_dir, debug=debug, needs_kafka=False) as store:
        found = _read(store, lambda cursor: queries.payouts(cursor, operator))
    rows = [
        {
            "payout_id": row.payout_id,
            "operator_id": row.operator_id,
            "business_date": str(row.business_date),
            "currency": row.currency,
            "amount": format_minor(row.amount, row.currency),
            "status": row.status,
            "attempt": row.attempt,
        }
        for row in found
    ]
    _show_rows("Payouts", rows, ("amount", "attempt"), json=json)


def balances(data_dir: Path | None, *, json: bool, debug: bool) -> None:
    """`wattledger balances`."""
    from domain.money import format_minor
    from projections import queries

    columns = ("pending", "available", "reserved", "disputed", "in_transit", "paid_out")
    with _store(data_dir, debug=debug, needs_kafka=False) as store:
        found = _read(store, queries.operator_balances)
    rows = [
        {"operator_id": row.operator_id, "currency": row.currency}
        | {name: format_minor(getattr(row, name), row.currency) for name in columns}
        for row in found
    ]
    _show_rows("Operator balances", rows, columns, json=json)


def _show_rows(title: str, rows: list[dict[str, Any]], right: Sequence[str], *, json: bool) -> None:
    if json:
        print_json(rows)
    elif not rows:
        sys.stdout.write(f"{title}: none\n")
    else:
        print_table(title, list(rows[0]), [list(row.values()) for row in rows], right)


def session(data_dir: Path | None, session_id: str, *, json: bool, debug: bool) -> None:
    """`wattledger session`."""
    from projections import queries
    from wattledger.demo.show import session_document, show_session

    with _store(data_dir, debug=debug, needs_kafka=False) as store:
        story = _read(store, lambda cursor: queries.session_story(cursor, session_id))
    if story is None:
        raise ApplicationError(f"no session {session_id!r} is known; ids are those of charging.session.started")
    if json:
        print_json(session_document(story))
    else:
        show_session(story)


def verify(data_dir: Path | None, *, json: bool, debug: bool) -> None:
    """`wattledger verify`."""
    from ledger.audit import verify as audit
    from wattledger.audit_view import report_document, show_report

    with _store(data_dir, debug=debug, needs_kafka=False) as store:
        report = audit(store.dsn)
    if json:
        print_json(report_document(report))
    else:
        show_report(report)
    if not report.passed:
        sys.exit(1)


def rebuild(data_dir: Path | None, names: Sequence[str], *, json: bool, debug: bool) -> None:
    """`wattledger rebuild`."""
    from projections.rebuild import rebuild as rebuild_projections

    with _store(data_dir, debug=debug, needs_kafka=False) as store:
        positions = rebuild_projections(store.dsn, names or None)
    _show_rows("Rebuilt", [{"projection": n, "position": p} for n, p in positions.items()], ("position",), json=json)


def export(data_dir: Path | None, directory: Path, *, json: bool, debug: bool) -> None:
    """`wattledger export`."""
    from projections.export import export as write_files
    from wattledger.engine import count

    _folder(directory)
    with _store(data_dir, debug=debug, needs_kafka=False) as store:
        began = time.monotonic()
        tally = count(store)
        events = tally.accepted + tally.duplicates + tally.conflicts + tally.dead_lettered
        summary = {
            "events_in": events,
            "accepted": tally.accepted,
            "duplicates": tally.duplicates,
            "conflicts": tally.conflicts,
            "dead_lettered": tally.dead_lettered,
            "wall_seconds": round(time.monotonic() - began, 3),
            "events_per_second": 0,
        }
        write_files(store.dsn, directory, store.platform, summary)
    _show_summary(orjson.loads((directory / "summary.json").read_bytes()), directory, json=json)


def schemas(directory: Path, *, json: bool, debug: bool) -> None:
    """`wattledger schemas`."""
    from contracts.schemas import write_schemas

    set_up_logging("DEBUG" if debug else "WARNING")
    _folder(directory)
    written = [str(path) for path in write_schemas(directory)]
    if json:
        print_json(written)
    else:
        sys.stdout.write(f"{len(written)} files written to {directory}\n")


def _json_object(path: Path) -> dict[str, Any]:
    try:
        document = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ApplicationError(f"{path}: {(error.strerror or str(error)).lower()}; name a file of JSON") from error
    except orjson.JSONDecodeError as error:
        raise ApplicationError(f"{path}: not JSON ({error}); name a file that holds one OCPI object") from error
    if not isinstance(document, dict):
        raise ApplicationError(f"{path}: not a JSON object; name a file that holds one OCPI object")
    return document


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ApplicationError(f"{path}: {(error.strerror or str(error)).lower()}; name another folder") from error
    return path


def price(cdr: Path, tariff: Path | None, time_zone: str, *, debug: bool) -> None:
    """`wattledger price`."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from domain.periods import from_cdr
    from domain.pricing import ocpi_totals
    from domain.pricing import price as rate
    from domain.tariff import Tariff
    from ledger.codec import dump

    set_up_logging("DEBUG" if debug else "WARNING")
    document = _json_object(cdr)
    if tariff is not None:
        chosen = _json_object(tariff)
    elif document.get("tariffs"):
        chosen = document["tariffs"][0]
    else:
        raise ApplicationError(f"{cdr} names no tariff; give one with --tariff TARIFF.json")
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ApplicationError(f"{time_zone!r} is no IANA time zone; name one such as Europe/Amsterdam") from None
    rating = rate(Tariff.from_ocpi(chosen), from_cdr(document), zone)
    totals = ocpi_totals(rating, credit=bool(document.get("credit")))
    sys.stdout.buffer.write(dump({name: value for name, value in totals.items() if value is not None}) + b"\n")


# Dead letters --------------------------------------------------------------------------------------------------


def deadletter_list(data_dir: Path | None, code: str | None, *, replayed: bool, json: bool, debug: bool) -> None:
    """`wattledger deadletter list`."""
    from ledger import quarantine

    with _store(data_dir, debug=debug, needs_kafka=False) as store:
        letters = _read(store, lambda c: list(quarantine.listed(c, code=code, include_replayed=replayed)))
    rows = [
        {
            "id": str(letter.deadletter_id),
            "code": letter.code,
            "topic": letter.topic,
            "path": letter.path,
            "sentence": letter.sentence,
            "replayed": letter.replayed_at.isoformat() if letter.replayed_at else None,
        }
        for letter in letters
    ]
    _show_rows("Dead letters", rows, (), json=json)


def deadletter_show(data_dir: Path | None, deadletter_id: str, *, json: bool, debug: bool) -> None:
    """`wattledger deadletter show`."""
    with _store(data_dir, debug=debug, needs_kafka=False) as store:
        letter = _one_letter(store, deadletter_id)
    value = letter.value.decode("utf-8", "backslashreplace") if letter.value is not None else None
    document = {
        "id": str(letter.deadletter_id),
        "code": letter.code,
        "path": letter.path,
        "sentence": letter.sentence,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "source": letter.source,
        "event_id": letter.id,
        "type": letter.type,
        "recorded_at": letter.recorded_at.isoformat() if letter.recorded_at else None,
        "replayed_at": letter.replayed_at.isoformat() if letter.replayed_at else None,
        "value": value,
    }
    if json:
        print_json(document)
    else:
        print_table(f"Dead letter {letter.deadletter_id}", ("what", "value"), list(document.items()))


def _one_letter(store: Store, deadletter_id: str) -> Any:
    from ledger import quarantine

    found = _read(store, lambda cursor: quarantine.show(cursor, deadletter_id))
    if len(found) != 1:
        problem = "no dead letter has" if not found else f"{len(found)} dead letters have"
        raise ApplicationError(
            f"{problem} an id that begins with {deadletter_id!r}; see 'wattledger deadletter list'"
        )
    return found[0]


def deadletter_replay(
    data_dir: Path | None, ids: Sequence[str], code: str | None, *, json: bool, debug: bool
) -> None:
    """`wattledger deadletter replay`: publish the records again to the topic they came from."""
    from consumers.publisher import Outgoing
    from ledger import quarantine
    from ledger.gateway import Gateway

    if not ids and code is None:
        raise ApplicationError("name the dead letters to replay by id, or all of one kind by --code")
    with _store(data_dir, debug=debug) as store:
        letters = [_one_letter(store, each) for each in ids]
        if code is not None:
            letters += _read(store, lambda cursor: list(quarantine.listed(cursor, code=code, limit=100_000)))
        unsent = [str(letter.deadletter_id) for letter in letters if not letter.topic]
        if unsent:
            raise ApplicationError(
                f"dead letter {unsent[0]} was never sent, so it was not kept: publish its file again"
            )
        contradicting = [str(letter.deadletter_id) for letter in letters if letter.partition is None and letter.topic]
        if contradicting:
            raise ApplicationError(
                f"dead letter {contradicting[0]} was accepted before it showed that it contradicts its session: "
                "the record is known, so send the right fact with an id of its own"
            )
        records = [
            Outgoing(letter.topic, letter.key, letter.value or b"", tuple(letter.headers)) for letter in letters
        ]
        # Marked first: a record that is refused again while this runs is listed again from then on.
        gateway = Gateway(store.dsn)
        with gateway.transaction() as cursor:
            quarantine.mark_replayed(cursor, [letter.deadletter_id for letter in letters])
        gateway.close()
        published = publish_records(store, records)
    if json:
        print_json({"replayed": published})
    else:
        sys.stdout.write(f"published {published} records again; consume them and see what is still refused\n")
