"""A store of a small network to which everything happened, with its files, and the ids that it has."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import MESSAGE_TYPES
from ledger.events.codec import DECISION_TOPICS, read_body
from ledger.events.store import event_id
from projections.export import export
from projections.freshness import ON_DEMAND
from projections.mentions import Kind, ids_in
from projections.runner import catch_up
from tests.projections.builders import PLATFORM
from tests.support.aftermath import cdr_answer
from tests.support.engine import Engine
from tests.support.events import event
from tests.support.histories import OPERATORS, UNTIL, history, stamp
from tests.support.stores import issue_through

SEED, SESSIONS = 11, 60
# A CDR that a partner has answered and nobody has sent.
WAITING_CDR = str(UUID(int=0x5EED << 96 | 4 << 76 | 8 << 60 | 17))


@contextmanager
def settled_network(server: str, name: str, folder: Path) -> Iterator[str]:
    """The DSN of a database of this name for as long as the block runs; `folder` gets the files of the store.

    There are answers, failures, corrections, garbage, and a partner's answer that waits for its CDR.
    """
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        dsn = f"{server.rpartition('/')[0]}/{name}"
        engine = Engine(dsn)
        told = history(Random(SEED), SESSIONS)
        engine.feed([*told, b"no message"])
        engine.feed([{**told[0], "data": {**told[0]["data"], "name": "Another"}}])
        engine.feed(_costs())
        engine.feed([cdr_answer("accepted", "DE-ABC", WAITING_CDR, stamp(UNTIL))])
        engine.advance(UNTIL)
        engine.feed(_answers(engine))
        engine.advance(UNTIL)
        engine.close()
        export(dsn, folder, PLATFORM)
        catch_up(dsn, ON_DEMAND)
        issue_through(dsn, date(2026, 3, 1))
        yield dsn
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _costs() -> list[dict[str, Any]]:
    """What energy and demand cost the first operator at all of its sites."""
    declared = []
    for day, (kind, amount) in enumerate((("ENERGY", "0.1834"), ("DEMAND", "4.10")), 1):
        data: dict[str, Any] = {"operator_id": OPERATORS[0], "cost_id": f"C-{kind}"}
        price = {"amount": amount, "currency": "EUR"}
        data |= {"effective_from": "2026-03-01T00:00:00Z", "kind": kind, "price": price}
        declared.append(event("operator.cost_declared", OPERATORS[0], f"2026-03-0{day}T00:00:00Z", data))
    return declared


def _answers(engine: Engine) -> list[dict[str, Any]]:
    """The bank pays every payout but one, which fails."""
    found = []
    for number, (payout_id,) in enumerate(engine.rows("SELECT payout_id FROM intake.open_payout ORDER BY 1")):
        word = "failed" if number == 0 else "paid"
        more = {"reason": "AC04"} if number == 0 else {"bank_reference": f"REF-{number}"}
        data = {"payout_id": payout_id, "at": stamp(UNTIL), **more}
        found.append(event(f"payout.{word}", payout_id, stamp(UNTIL), data))
    return found


def ids_by_kind(cursor: Cursor[TupleRow]) -> dict[Kind, list[str]]:
    """The ids of every kind that a store has, read from its tables and not by what is tested."""
    found: dict[Kind, set[str]] = {kind: set() for kind in Kind}
    rows = cursor.execute("SELECT originator_id, originator_version, topic, state FROM event_store.stored_events")
    for stream, version, topic, state in rows.fetchall():
        if topic in MESSAGE_TYPES:
            body = read_body(topic, bytes(state))
            found[Kind.MESSAGE].add(body["id"])
            for kind, id_ in ids_in(body["data"]):
                found[kind].add(id_)
        elif topic in DECISION_TOPICS:
            found[Kind.EVENT].add(str(event_id(stream, version)))
    for kind, query in {
        Kind.SESSION: "SELECT session_id FROM intake.session_head",
        Kind.PAYOUT: "SELECT payout_id FROM projection.payouts",
        Kind.BATCH: "SELECT batch_id FROM projection.payouts",
        Kind.CDR: "SELECT cdr_id FROM projection.cdrs",
        Kind.ENTRY: "SELECT entry_id::text FROM book.entry",
        Kind.BANK_FILE: "SELECT name FROM intake.bank_file",
        Kind.DEAD_LETTER: "SELECT deadletter_id::text FROM intake.deadletter",
    }.items():
        found[kind] |= {row[0] for row in cursor.execute(query.encode()).fetchall()}
    return {kind: sorted(ids) for kind, ids in found.items()}
