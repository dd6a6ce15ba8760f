"""The chain over stored events: what is done to the past is found, and by heads also where all was written anew."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import orjson
import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from consumers.heads import document
from ledger.audit import Head, HeadsUnreadable, read_heads, verify
from ledger.audit.chain import check_stored
from ledger.audit.recorded import check_recorded
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.events.chain import current_head
from projections.schema import migrate
from tests.audit.forgery import unguarded
from tests.conftest import Stores
from tests.support.engine import Engine
from wattledger.cli import main
from wattledger.demo.network import network

EVENTS, CHAIN = "event_store.stored_events", "event_store.chain"
BATCHES = 8


def _field(topic: str, path: str, value: str) -> str:
    """Another value of one field of the first event of a topic."""
    return f"""
    UPDATE event_store.stored_events
    SET state = convert_to(jsonb_set(convert_from(state, 'UTF8')::jsonb, '{path}', '{value}')::text, 'UTF8')
    WHERE notification_id = (SELECT min(notification_id) FROM event_store.stored_events WHERE topic = '{topic}')
    """


_MIDDLE = "(SELECT max(notification_id) / 2 FROM event_store.stored_events)"
_LAST = "(SELECT max(notification_id) FROM event_store.stored_events)"
# A superuser, triggers off. Those of the second kind are sound for a chain that is written anew.
OF_EVENTS = {
    "one field of a fact": _field("charging.session.metered", "{id}", '"another"'),
    "a fact's source": _field("payment.captured", "{source}", '"another"'),
    "the text of a CDR": _field("CdrIssued", "{document,remark}", '"nothing"'),
    "the order of two events": """
        UPDATE event_store.stored_events SET notification_id = CASE notification_id WHEN first THEN -1 ELSE first END
        FROM (SELECT max(notification_id) / 2 AS first FROM event_store.stored_events) AS chosen
        WHERE notification_id IN (first, first + 1);
        UPDATE event_store.stored_events SET notification_id = (
            SELECT min(number) FROM generate_series(1, 100000) AS number
            WHERE number NOT IN (SELECT notification_id FROM event_store.stored_events)
        ) WHERE notification_id = -1
    """,
    "a type": f"UPDATE {EVENTS} SET topic = 'payment.refunded' WHERE notification_id = {_MIDDLE}",
    "a stream": f"UPDATE {EVENTS} SET originator_id = gen_random_uuid() WHERE notification_id = {_MIDDLE}",
    "a version": f"UPDATE {EVENTS} SET originator_version = 900 WHERE notification_id = {_MIDDLE}",
    "an event taken away": f"DELETE FROM {EVENTS} WHERE notification_id = {_MIDDLE}",
    "the last event taken away": f"DELETE FROM {EVENTS} WHERE notification_id = {_LAST}",
    "an event added": (
        f"INSERT INTO {EVENTS} (originator_id, originator_version, topic, state) "
        "VALUES (gen_random_uuid(), 1, 'x', '')"
    ),
    "an event added before all others": (
        f"INSERT INTO {EVENTS} (originator_id, originator_version, topic, state, notification_id) "
        "VALUES (gen_random_uuid(), 1, 'x', '', 0)"
    ),
}
OF_ROWS = {
    "when a row was made": f"UPDATE {CHAIN} SET recorded_at = recorded_at + interval '1 second' WHERE number = 3",
    "when its transaction began": f"UPDATE {CHAIN} SET began_at = began_at - interval '1 second' WHERE number = 3",
    "its transaction": f"UPDATE {CHAIN} SET tx = '1' WHERE number = 3",
    "its hash": f"UPDATE {CHAIN} SET hash = sha256('') WHERE number = 3",
    "its form": f"UPDATE {CHAIN} SET hash_version = 2 WHERE number = 3",
    "its count": f"UPDATE {CHAIN} SET total = total + 1 WHERE number = 3",
    "a row taken away": f"DELETE FROM {CHAIN} WHERE number = 3",
    "the first row taken away": f"DELETE FROM {CHAIN} WHERE number = 0",
    "the last row taken away": f"DELETE FROM {CHAIN} WHERE number = (SELECT max(number) FROM {CHAIN})",
    "all rows taken away": f"DELETE FROM {CHAIN}",
}
_TAIL = f"(SELECT max(number) - 2 FROM {CHAIN})"
CUT_OFF = (
    f"DELETE FROM {EVENTS} WHERE notification_id > (SELECT last_position FROM {CHAIN} WHERE number = {_TAIL}); "
    f"DELETE FROM {CHAIN} WHERE number > {_TAIL}"
)
OF_ENTRIES = {
    "when an entry was recorded": (
        "UPDATE book.entry SET recorded_at = recorded_at - interval '1 microsecond'",
        "when it was recorded, in microseconds since 1970,",
    ),
    "its transaction": ("UPDATE book.entry SET tx = '1'", "the transaction that recorded it"),
    "that of its postings": ("UPDATE book.posting SET tx = '1'", "its transaction"),
}
_FIRST_ENTRY = " WHERE entry_id = (SELECT entry_id FROM book.entry ORDER BY entry_id LIMIT 1)"


@pytest.fixture(scope="module")
def store(stores: Stores) -> Iterator[tuple[str, list[Head]]]:
    """A store that took in a small network in several batches, and its head after each of them; it is only read."""
    with stores() as dsn:
        engine, lines = Engine(dsn), list(network(seed=7, sessions=30))
        size = -(-len(lines) // BATCHES)
        told = []
        for first in range(0, len(lines), size):
            engine.feed(lines[first : first + size])
            engine.advance()
            told.append(_told(dsn))
        engine.close()
        yield dsn, read_heads(told)


@pytest.fixture
def superuser(store: tuple[str, list[Head]]) -> Iterator[Connection[TupleRow]]:
    """Somebody with every right on that store, whose changes are rolled back."""
    with psycopg.connect(store[0]) as connection:
        yield connection
        connection.rollback()


def _told(dsn: str) -> bytes:
    """The head of a store as it leaves."""
    with psycopg.connect(dsn) as connection:
        head = current_head(connection.cursor())
    assert head is not None
    return orjson.dumps(document(head)) + b"\n"


def _found(connection: Connection[TupleRow], heads: Sequence[Head] = ()) -> list[str]:
    tally = Tally()
    check_stored(Snapshot(connection), heads, tally)
    return [finding.sentence for finding in tally.findings]


def _attacked(
    connection: Connection[TupleRow], attack: str, look: Callable[[], list[str]], *, chained: bool = False
) -> list[str]:
    """What is found after an attack, with the chain written anew or not; it is undone afterwards."""
    with connection.transaction(force_rollback=True):
        with unguarded(connection, EVENTS, CHAIN, "book.entry", "book.posting", chained=chained):
            connection.execute(attack.encode())
        return look()


def test_what_was_never_touched_passes_with_its_heads(store: tuple[str, list[Head]]) -> None:
    dsn, heads = store
    assert len(heads) >= BATCHES
    report = verify(dsn, chain_heads=heads)
    assert report.passed, report.failed
    (chain,) = (check for check in report.checks if check.name == "chain")
    assert chain.examined == heads[-1].events + len(heads)


@pytest.mark.parametrize("attack", [*OF_EVENTS.values(), *OF_ROWS.values()], ids=[*OF_EVENTS, *OF_ROWS])
def test_a_change_of_the_past_is_found(attack: str, superuser: Connection[TupleRow]) -> None:
    assert _found(superuser) == []
    assert _attacked(superuser, attack, lambda: _found(superuser))


@pytest.mark.parametrize("attack", OF_EVENTS.values(), ids=OF_EVENTS)
def test_a_change_of_the_past_is_found_by_heads_where_the_chain_was_written_anew(
    attack: str, superuser: Connection[TupleRow], store: tuple[str, list[Head]]
) -> None:
    heads = store[1]
    if attack == OF_EVENTS["an event added"]:
        # Behind the last head everything may come.
        assert _attacked(superuser, attack, lambda: _found(superuser, heads), chained=True) == []
        return
    found: list[list[str]] = []

    def look() -> list[str]:
        found.append([sentence for sentence in _found(superuser) if "before it are" not in sentence])
        return _found(superuser, heads)

    assert _attacked(superuser, attack, look, chained=True)
    if attack != OF_EVENTS["an event added before all others"]:
        assert found == [[]], "without heads nobody can tell"


def test_a_head_says_between_which_positions_the_past_was_changed(
    superuser: Connection[TupleRow], store: tuple[str, list[Head]]
) -> None:
    heads = store[1]
    attack = f"UPDATE {EVENTS} SET state = '{{}}' WHERE notification_id = {heads[3].position}"
    (sentence,) = _attacked(superuser, attack, lambda: _found(superuser, heads), chained=True)
    assert sentence.startswith(heads[3].where)
    assert f"stored behind position {heads[2].position} and up to {heads[3].position} was changed" in sentence
    assert f"({len(heads) - 3} heads differ)" in sentence


def test_a_tail_that_was_cut_off_is_found_by_a_later_head(
    superuser: Connection[TupleRow], store: tuple[str, list[Head]]
) -> None:
    heads = store[1]
    (sentence,) = _attacked(superuser, CUT_OFF, lambda: _found(superuser, heads))
    assert sentence.startswith(heads[-1].where)
    assert sentence.endswith("events that were stored are gone")
    assert _attacked(superuser, CUT_OFF, lambda: _found(superuser)) == []


def test_a_store_that_was_put_in_the_place_of_another_is_found(
    store: tuple[str, list[Head]], bare_database_url: str
) -> None:
    migrate(bare_database_url)
    with psycopg.connect(bare_database_url) as other:
        (sentence,) = _found(other, store[1])
    assert "was put in the place of that one" in sentence
    assert f"({len(store[1])} such heads)" in sentence


@pytest.mark.parametrize(("attack", "said"), OF_ENTRIES.values(), ids=OF_ENTRIES)
def test_an_entry_was_recorded_by_the_transaction_of_its_event(
    attack: str, said: str, superuser: Connection[TupleRow]
) -> None:
    def look() -> list[str]:
        tally = Tally()
        check_recorded(Snapshot(superuser), tally)
        return [finding.sentence for finding in tally.findings]

    assert look() == []
    assert any(said in sentence for sentence in _attacked(superuser, attack + _FIRST_ENTRY, look))


# The store as the version before left it: no chain, and a time of its own for each entry.
_AS_BEFORE = """
DELETE FROM wattledger.migration WHERE number = 208;
DROP TRIGGER chain_events ON event_store.stored_events;
DROP FUNCTION event_store.chain_events, event_store.hash_of_link, event_store.bytes_of_event,
    event_store.moment_bytes;
DROP TABLE event_store.chain;
ALTER TABLE book.entry ALTER COLUMN recorded_at SET DEFAULT clock_timestamp();
"""


def test_a_store_of_before_is_chained_as_it_is_found(engine: Engine) -> None:
    lines = list(network(seed=7, sessions=30))
    engine.feed(lines[:200])
    engine.close()
    with psycopg.connect(engine.dsn) as connection, unguarded(connection, "book.entry", chained=False):
        connection.execute(_AS_BEFORE)
        connection.execute("UPDATE book.entry SET recorded_at = recorded_at + random() * interval '1 second'")
    today = Engine(engine.dsn)
    today.feed(lines[200:])
    today.advance()
    today.close()
    report = verify(engine.dsn)
    assert {check.name for check in report.failed} <= {"account_lines", "operator_balances"}, report.failed

    def look() -> list[str]:
        tally = Tally()
        check_recorded(Snapshot(connection), tally)
        return [finding.sentence for finding in tally.findings]

    attack = """
    UPDATE book.entry SET recorded_at = recorded_at + interval '1 microsecond'
    WHERE entry_id = (SELECT entry_id FROM book.entry ORDER BY recorded_at LIMIT 1)
    """
    with psycopg.connect(engine.dsn) as connection:
        (sentence,) = _attacked(connection, attack, look)
    assert sentence.startswith("of the entries from before there was a chain one has another transaction")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "it has no heads"),
        ([b"hello\n"], "line 1 is no head of a chain"),
        ([b"\n", b'{"store": "00", "number": 1}\n'], "line 2 is no head of a chain"),
        ([b"[1]\n"], "line 1 is no head of a chain"),
    ],
)
def test_what_is_no_head_is_refused_with_its_line(lines: list[bytes], said: str) -> None:
    with pytest.raises(HeadsUnreadable, match=said):
        read_heads(lines)


def test_a_last_line_that_a_crash_cut_off_counts_for_nothing(store: tuple[str, list[Head]]) -> None:
    line = _told(store[0])
    assert read_heads([line, line[:-20]]) == read_heads([line, line]) == store[1][-1:]


def test_the_command_refuses_a_file_without_heads_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "heads.jsonl").write_text("hello\n")
    for file, said in (("heads.jsonl", "line 1 is no head of a chain"), ("none", "no such file")):
        assert main(["verify", "--head", str(tmp_path / file)]) == 1
        told = capsys.readouterr().err
        assert said in told
        assert "Traceback" not in told
