"""Commands that read, check, rebuild and price."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import orjson

from wattledger.commands.common import make_folder, read, show_rows, show_summary, the_store
from wattledger.errors import ApplicationError
from wattledger.views.terminal import print_json, set_up_logging


def payouts_list(data_dir: Path | None, operator: str | None, *, json: bool, debug: bool) -> None:
    """`wattledger payouts list`."""
    from domain.money import format_minor
    from projections import queries

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, lambda cursor: queries.payouts(cursor, operator))
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
    show_rows("Payouts", rows, ("amount", "attempt"), json=json)


def balances(data_dir: Path | None, *, json: bool, debug: bool) -> None:
    """`wattledger balances`."""
    from domain.money import format_minor
    from projections import queries

    columns = ("pending", "available", "reserved", "disputed", "in_transit", "paid_out")
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, queries.operator_balances)
    rows = [
        {"operator_id": row.operator_id, "currency": row.currency}
        | {name: format_minor(getattr(row, name), row.currency) for name in columns}
        for row in found
    ]
    show_rows("Operator balances", rows, columns, json=json)


def session(data_dir: Path | None, session_id: str, *, json: bool, debug: bool) -> None:
    """`wattledger session`."""
    from projections import queries
    from wattledger.demo.show import session_document, show_session

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        story = read(store, lambda cursor: queries.session_story(cursor, session_id))
    if story is None:
        raise ApplicationError(f"no session {session_id!r} is known; ids are those of charging.session.started")
    if json:
        print_json(session_document(story))
    else:
        show_session(story)


def verify(data_dir: Path | None, *, json: bool, debug: bool) -> None:
    """`wattledger verify`."""
    from ledger.audit import verify as audit
    from wattledger.views.audit import report_document, show_report

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
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

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        positions = rebuild_projections(store.dsn, names or None)
    show_rows("Rebuilt", [{"projection": n, "position": p} for n, p in positions.items()], ("position",), json=json)


def export(data_dir: Path | None, directory: Path, *, json: bool, debug: bool) -> None:
    """`wattledger export`."""
    from projections.export import export as write_files
    from wattledger.verbs import count

    make_folder(directory)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
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
    show_summary(orjson.loads((directory / "summary.json").read_bytes()), directory, json=json)


def schemas(directory: Path, *, json: bool, debug: bool) -> None:
    """`wattledger schemas`."""
    from contracts.schemas import write_schemas

    set_up_logging("DEBUG" if debug else "WARNING")
    make_folder(directory)
    written = [str(path) for path in write_schemas(directory)]
    if json:
        print_json(written)
    else:
        sys.stdout.write(f"{len(written)} files written to {directory}\n")
