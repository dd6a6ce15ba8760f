"""Whatever a role may write is refused, found by the audit, or said to be harmless on the page of security."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import UUID

import psycopg
import pytest

from ledger.audit import verify
from ledger.book.anchors import Reason, anchor
from ledger.gateway import Gateway
from ledger.intake.messages import message_key
from tests.audit.banks import more_lines
from tests.audit.columns import ANY, Attack, Attacker, Outcome, Walk, attacks_on, harmless, may_write
from tests.audit.network import settle
from tests.support.decisions import PUBLIC_KEYS
from wattledger.anchor_keys import anchor_signer
from wattledger.settings import Settings

_BOOK = ("entries", "journal", "balances", "balance_history", "causes", "account_lines")
WALKS = {
    "wattledger_writer": Walk(
        "wattledger_writer",
        {
            "book.entry": _BOOK,
            "book.posting": _BOOK,
            "book.balance": _BOOK,
            "book.anchor": ("anchors",),
            "book.anchor_key": ("anchors",),
            "book.balance_history": _BOOK,
            "event_store.stored_events": ("streams", "decisions", "journal"),
            "intake.line": ("payable_lines",),
            "intake.outbox": ("outbox",),
            "intake.matter": ("matters",),
            "intake.parked": ("messages",),
            "intake.tier_session": ("tiers",),
        },
        {"intake.outbox": ("stream_id", "deadletter_id")},
        {"intake.parked": lambda *key: str(UUID(bytes=message_key(*key[-2:])))},
        (frozenset({"intake.position", "intake.tally"}),),
    ),
    "wattledger_projector": Walk("wattledger_projector", {"intake.statement": ("statements",)}),
    "wattledger_bank": Walk(
        "wattledger_bank",
        {"intake.bank_file": ("bank_files",), "intake.bank_file_payout": ("bank_files",)},
        {"intake.bank_file_payout": ("name",)},
    ),
}
# Columns of read models are all of them changed in tests/audit/test_read_models.py.
WALKED_ELSEWHERE = {"wattledger_projector": ("projection.", "roaming."), "wattledger_writer": ("load.",)}
# These may write nothing but what an auditor notes.
READING = ("wattledger_reader", "wattledger_tenant", "wattledger_auditor")
# Tables of which something is neither refused nor found nor harmless yet: to become empty. Whoever stores events
# makes them; that nobody changes them afterwards is the matter of their own chain.
OPEN: dict[str, tuple[str, ...]] = {
    "wattledger_writer": ("event_store.stored_events",),
    "wattledger_bank": ("intake.bank_file_payout",),
    "wattledger_projector": (),
}
# Tables of which no column is changed here, by role, with those of which an answer of a partner, or who a partner
# is, is believed as it stands. Of `roaming.object` what is a CDR is found (tests/ocpi/test_deliveries.py).
NOT_WALKED = {
    "wattledger_door": ("", ("access.ocpi_partner", "access.ocpi_hub_party", "roaming.delivery")),
    "wattledger_projector": ("roaming.", ("roaming.delivery", "roaming.object")),
    "wattledger_writer": ("load.", ()),
}
_numbers = itertools.count(1)


@contextmanager
def _copy(postgres_dsn: str, of: str, copying: str) -> Iterator[str]:
    """A copy of a store for as long as the block runs."""
    name = f"columns_{next(_numbers)}"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {of} {copying}".encode())
        try:
            yield f"{postgres_dsn.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="module")
def rich_store(
    settled_network: str, postgres_dsn: str, copying: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The name of a store with rows in nearly every table, and several where a table has many columns."""
    with _copy(postgres_dsn, settled_network.rpartition("/")[2], copying) as dsn:
        gateway, settings = Gateway(dsn), Settings(data_dir=tmp_path_factory.mktemp("anchored"))
        for number in range(10):
            # Each attack has an anchor of its own.
            settle(dsn, more_lines(1) if number else more_lines(10), stages=1, partition=20 + number)
            anchor(gateway, Reason.CLOSE, partial(anchor_signer, settings), "UTC")
        gateway.close()
        yield dsn.rpartition("/")[2]


def _walk(walk: Walk, postgres_dsn: str, of: str, copying: str) -> Outcome:
    with psycopg.connect(f"{postgres_dsn.rpartition('/')[0]}/{of}") as connection:
        elsewhere = WALKED_ELSEWHERE.get(walk.role, ())
        tables = may_write(connection, walk.role)
        attacker = Attacker(walk, {name: each for name, each in tables.items() if not name.startswith(elsewhere)})
    while attacker.waiting:
        with _copy(postgres_dsn, of, copying) as dsn:
            done = attacker.attack(dsn)
            attacker.judge(done, verify(dsn, decision_keys=PUBLIC_KEYS))
    return attacker.outcome


@pytest.mark.parametrize("role", WALKS)
def test_what_a_role_may_write_is_refused_found_or_harmless(
    role: str, rich_store: str, postgres_dsn: str, copying: str
) -> None:
    outcome = _walk(WALKS[role], postgres_dsn, rich_store, copying)
    said = harmless()
    missed = _listed({attack for attack in outcome.missed - said if attack.table not in OPEN[role]})
    assert missed == []
    # Nothing stands on the page that nobody may write.
    tried = outcome.missed | outcome.found | outcome.refused
    assert _listed({attack for attack in said if attack.table in {each.table for each in tried}} - tried) == []


def test_who_reads_writes_nothing_that_counts(settled_network: str) -> None:
    with psycopg.connect(settled_network) as connection:
        assert {role: list(may_write(connection, role)) for role in READING} == {
            "wattledger_reader": [],
            "wattledger_tenant": [],
            "wattledger_auditor": ["wattledger.verification"],
        }


@pytest.mark.parametrize("role", NOT_WALKED)
def test_every_table_that_is_not_walked_is_sealed_or_said_to_be_harmless(role: str, settled_network: str) -> None:
    prefix, left_open = NOT_WALKED[role]
    with psycopg.connect(settled_network) as connection:
        written = {table: each for table, each in may_write(connection, role).items() if table.startswith(prefix)}
        sealed = {
            table
            for (table,) in connection.execute(
                "SELECT attrelid::regclass::text FROM pg_attribute WHERE attname = 'seal' AND NOT attisdropped"
            )
        }
    known = harmless()
    said = {
        table
        for table, of_table in written.items()
        if Attack(table, ANY) in known or known.issuperset(attacks_on(table, of_table))
    }
    assert sorted(written.keys() - sealed - said - set(left_open)) == []


def _listed(attacks: set[Attack]) -> list[str]:
    return sorted(f"{table}: {what}" for table, what in attacks)
