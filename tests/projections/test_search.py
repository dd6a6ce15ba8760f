"""One look-up of every kind of id, by who may see it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.database import Role, connect
from projections.mentions import Kind
from projections.search import ACCOUNT, FOUND_MAX, Found, search
from tests.support.explaining import Explaining
from tests.support.settled import ids_by_kind

SEARCHED = [kind for kind in Kind if kind is not Kind.BANK_FILE]
ALL_OF_OWN = (Kind.SESSION, Kind.PAYOUT, Kind.BATCH, Kind.CDR, Kind.PAYMENT, Kind.BANK_REFERENCE)
UUID_KINDS = [Kind.EVENT, Kind.PAYOUT, Kind.BATCH, Kind.ENTRY, Kind.CDR]


@pytest.fixture
def cursor(settled: str) -> Iterator[Cursor[TupleRow]]:
    with connect(settled, Role.AUDITOR) as connection, connection.cursor() as cursor:
        yield cursor


@contextmanager
def tenant(settled: str, *operators: str) -> Iterator[Cursor[TupleRow]]:
    """A transaction of a user of these operators."""
    with connect(settled, Role.TENANT) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('wattledger.operators', %s, true)", ("\n".join(operators),))
        yield cursor


def found(cursor: Cursor[TupleRow], text: str, *, sees_all: bool = True) -> list[Found]:
    return search(cursor, text, sees_all=sees_all)


def of_kind(all_: list[Found], kind: str) -> list[Found]:
    return [each for each in all_ if each.kind == kind]


@pytest.mark.parametrize("kind", SEARCHED)
def test_every_id_of_every_kind_is_found(kind: Kind, cursor: Cursor[TupleRow]) -> None:
    ids = ids_by_kind(cursor)[kind]
    assert ids
    for id_ in (*ids[:40], ids[-1]):
        hits = of_kind(found(cursor, f"  {id_} "), kind)
        assert hits, f"{kind} {id_}"
        assert {each.id for each in hits} == {id_}
        assert all(each.href.startswith("/") for each in hits)


@pytest.mark.parametrize("kind", UUID_KINDS)
def test_uuids_are_found_in_either_case_without_hyphens_and_by_their_beginning(
    kind: Kind, cursor: Cursor[TupleRow]
) -> None:
    for id_ in ids_by_kind(cursor)[kind][:10]:
        if not re.fullmatch(r"[0-9a-f-]{36}", id_):
            continue
        for text in (
            id_.upper(),
            id_.replace("-", ""),
            id_.replace("-", "").upper(),
            id_[:6],
            id_[:8],
            id_[:20],
            id_[:35],
        ):
            assert id_ in {each.id for each in of_kind(found(cursor, text), kind)}, (kind, text)
        assert not found(cursor, id_[:5])


def test_a_credit_cdr_is_found_by_its_id_and_the_credited_by_its_own_alone(cursor: Cursor[TupleRow]) -> None:
    rows = cursor.execute("SELECT cdr_id FROM projection.cdrs WHERE credit LIMIT 3").fetchall()
    assert rows
    for (id_,) in rows:
        assert [each.id for each in of_kind(found(cursor, id_.lower()), Kind.CDR)] == [id_]
        assert {each.id for each in of_kind(found(cursor, id_[:10]), Kind.CDR)} >= {id_, id_.removesuffix("-C")}


def test_an_account_is_found_by_its_name(cursor: Cursor[TupleRow]) -> None:
    rows = cursor.execute("SELECT DISTINCT account FROM book.balance ORDER BY 1").fetchall()
    for (account,) in rows[:: max(1, len(rows) // 40)]:
        [hit] = of_kind(found(cursor, account), ACCOUNT)
        assert hit.id == account
        assert hit.href.startswith("/balances?account=")


def test_a_payment_leads_to_its_session_and_an_answer_of_the_bank_to_its_payout(cursor: Cursor[TupleRow]) -> None:
    payment = cursor.execute(
        "SELECT split_part(ref, E'\\t', 2), session_id FROM intake.reference WHERE kind = 'payment' "
        "ORDER BY 1 LIMIT 1"
    ).fetchone()
    assert payment is not None
    assert f"/sessions/{payment[1]}" in {each.href for each in of_kind(found(cursor, payment[0]), Kind.PAYMENT)}
    [hit] = of_kind(found(cursor, "REF-1"), Kind.BANK_REFERENCE)
    assert re.fullmatch(r"/payouts/[0-9a-f-]{36}", hit.href)
    assert hit.operator_id


def test_the_end_to_end_id_at_the_bank_is_its_payout(cursor: Cursor[TupleRow]) -> None:
    id_ = ids_by_kind(cursor)[Kind.PAYOUT][0]
    assert [each.id for each in of_kind(found(cursor, id_.replace("-", "").upper()), Kind.PAYOUT)] == [id_]


@pytest.mark.parametrize("text", ["", "  ", "nothing-has-this", "a" * 300, "\0", "50%", "_", "'; SELECT 1", "éß"])
def test_what_nothing_has_is_not_found(cursor: Cursor[TupleRow], text: str) -> None:
    assert found(cursor, text) == []


def owners(cursor: Cursor[TupleRow]) -> list[str]:
    return [
        row[0]
        for row in cursor.execute("SELECT DISTINCT operator_id FROM projection.sessions WHERE operator_id <> ''")
    ]


def test_a_tenant_finds_its_own_and_nothing_of_others(settled: str, cursor: Cursor[TupleRow]) -> None:
    operators = owners(cursor)
    assert len(operators) > 1
    own: dict[str, int] = dict.fromkeys(Kind, 0)
    others = 0
    ids = [id_ for ids in ids_by_kind(cursor).values() for id_ in ids[:: max(1, len(ids) // 10)]]
    wholes = {id_: found(cursor, id_) for id_ in ids}
    for operator in operators:
        with tenant(settled, operator) as theirs:
            for id_, whole in wholes.items():
                seen = found(theirs, id_, sees_all=False)
                for each in seen:
                    assert each.operator_id == operator or _is_of(cursor, each, operator), each
                    own[each.kind] += 1
                others += len(whole) - len(seen)
                # What is published of operators is no tenant's to follow, though it names one.
                hers = {each for each in whole if each.operator_id == operator and each.kind in ALL_OF_OWN}
                assert hers <= set(seen)
    assert others
    found_kinds = {kind for kind, count in own.items() if count}
    assert found_kinds >= {
        Kind.SESSION,
        Kind.PAYOUT,
        Kind.CDR,
        Kind.ENTRY,
        Kind.EVENT,
        Kind.MESSAGE,
        Kind.PAYMENT,
        Kind.EVSE,
    }
    assert not found_kinds & {Kind.SETTLEMENT, Kind.INVOICE, Kind.DEAD_LETTER}


def _is_of(cursor: Cursor[TupleRow], each: Found, operator: str) -> bool:
    """Whether something of which nobody is told to be the owner is an entry with a line of the operator's."""
    query = "SELECT FROM projection.account_lines WHERE entry_id::text = %s AND operator_id = %s"
    return each.kind == Kind.ENTRY and cursor.execute(query, (each.id, operator)).fetchone() is not None


def test_who_is_no_operators_user_finds_nothing(settled: str, cursor: Cursor[TupleRow]) -> None:
    ids = [ids[0] for ids in ids_by_kind(cursor).values()]
    for operators in ((), ("OP-NOBODY",)):
        with tenant(settled, *operators) as nobody:
            assert not [each for id_ in ids for each in found(nobody, id_, sees_all=False)]


def test_no_more_is_told_than_can_be_read(cursor: Cursor[TupleRow]) -> None:
    assert len(found(cursor, ids_by_kind(cursor)[Kind.EVENT][0][:6])) <= FOUND_MAX


def test_every_look_up_has_an_index(settled: str) -> None:
    """In a store so small that a scan would cost less: what cannot use an index would scan all the same."""
    plans = []
    for role, sees_all in ((Role.AUDITOR, True), (Role.TENANT, False)):
        with connect(settled, role) as connection, Explaining(connection) as cursor:
            cursor.execute("SELECT set_config('wattledger.operators', 'OP-1', true)")
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.plans = []
            found(cursor, "0c39a1c2-0000-5000-8000-000000000000", sees_all=sees_all)
            found(cursor, "0c39a1c2", sees_all=sees_all)
            plans += cursor.plans
    assert len(plans) >= 8
    for plan in plans:
        scanned = set(re.findall(r"Seq Scan on (\w+)", plan))
        assert scanned <= {"generation"}, plan


def test_the_store_is_only_read(settled: str) -> None:
    with psycopg.connect(settled) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM projection.mention_row").fetchone() == (True,)
