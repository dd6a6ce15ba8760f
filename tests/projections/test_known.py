"""What was known by a moment is settled once it was asked for: nothing that is written later changes the answer."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from psycopg import Connection, OperationalError
from psycopg.errors import RestrictViolation
from psycopg.rows import TupleRow

from domain.session.session import session_stream
from ledger.database import Role, connect
from ledger.events.codec import encode
from ledger.events.store import StoredEvent, append
from ledger.locks import Lock
from ledger.migrate import run_migrations
from projections.account_balances import AccountBalance, balances_of_account
from projections.as_of import of_read_models, pass_fence, position_at, settle
from projections.errors import MomentAhead, NotReadYet
from projections.freshness import up_to_date
from projections.rebuild import rebuild
from projections.runner import catch_up
from projections.schema import FOLDERS, migrate
from tests.projections.builders import Recorder, assessed, session_history
from tests.projections.following import following

_MARKERS = "SELECT position, known_at FROM projection.known ORDER BY position"
_ENTRIES = """
SELECT max(line.position), max(entry.recorded_at)
FROM book.entry JOIN projection.account_lines AS line USING (entry_id)
GROUP BY entry.tx
ORDER BY 1
"""


@pytest.fixture
def auditor(store: str) -> Iterator[Connection[TupleRow]]:
    """A connection that reads everything."""
    with connect(store, Role.AUDITOR, autocommit=True) as connection:
        yield connection


def now(connection: Connection[TupleRow]) -> datetime:
    """The database's clock."""
    (moment,) = connection.execute("SELECT clock_timestamp()").fetchone() or (None,)
    assert isinstance(moment, datetime)
    return moment


def payable(auditor: Connection[TupleRow], known_at: datetime) -> tuple[int, list[AccountBalance]]:
    """The position and the balance of an operator as known at a moment."""
    pass_fence(auditor, known_at)
    with auditor.transaction(), auditor.cursor() as cursor:
        asked = of_read_models(cursor, None, known_at)
        return asked.position, balances_of_account(cursor, "2010/OP-1", asked)


def markers(auditor: Connection[TupleRow]) -> list[tuple[int, datetime]]:
    """All markers in order."""
    return auditor.execute(_MARKERS).fetchall()


def test_each_append_leaves_a_marker_of_its_last_event(recorder: Recorder, auditor: Connection[TupleRow]) -> None:
    before = now(auditor)
    recorder.record_all(session_history("S-1"))
    between = now(auditor)
    recorder.record_all(session_history("S-2"))
    after = now(auditor)
    (first, first_at), (second, second_at) = markers(auditor)
    assert (first, second) == (6, 12)
    assert before < first_at < between < second_at < after


def test_markers_grow_together_though_the_clock_is_set_back(
    recorder: Recorder, projector: Connection[TupleRow], auditor: Connection[TupleRow]
) -> None:
    recorder.record_all(session_history("S-1"))
    ahead = now(auditor) + timedelta(hours=1)
    # As by a clock that was an hour ahead.
    projector.execute("INSERT INTO projection.known (position, known_at) VALUES (7, %s)", (ahead,))
    for number in range(2, 5):
        recorder.record_all(session_history(f"S-{number}"))
    found = markers(auditor)
    assert found == sorted(found, key=lambda marker: marker[1])
    assert len({at for _, at in found}) == len(found)
    assert found[-1][1] > ahead


def test_a_moment_that_was_asked_for_stays_before_all_that_is_appended_later(
    store: str, recorder: Recorder, auditor: Connection[TupleRow]
) -> None:
    recorder.record_all(session_history("S-1"))
    catch_up(store)
    asked_for = now(auditor)
    found = payable(auditor, asked_for)
    # As if the clock had stood an hour ahead when somebody asked.
    later = asked_for + timedelta(hours=1)
    with psycopg.connect(store) as superuser:
        superuser.execute(
            "SELECT setval('projection.known_asked', (extract(epoch FROM %s) * 1000000)::bigint)", (later,)
        )
    recorder.record_all(session_history("S-2"))
    assert markers(auditor)[-1][1] > later
    catch_up(store)
    assert payable(auditor, asked_for) == found


def test_who_asks_waits_for_the_append_that_is_under_way(
    store: str, recorder: Recorder, auditor: Connection[TupleRow]
) -> None:
    recorder.record_all(session_history("S-1"))
    with connect(store, Role.WRITER) as writer, writer.cursor() as cursor, ThreadPoolExecutor(1) as threads:
        append(cursor, [StoredEvent(session_stream("S-2"), 1, *encode(assessed("S-2")))])
        asked_for = now(auditor)
        answer = threads.submit(settle, auditor, asked_for)
        with psycopg.connect(store, autocommit=True) as other:
            waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = %s::regclass)"
            while other.execute(waiting, (Lock.KNOWN,)).fetchone() != (True,):
                assert not answer.done()
        writer.commit()
        answer.result()
    with auditor.cursor() as cursor:
        catch_up(store)
        assert position_at(cursor, asked_for) == 7


def test_a_moment_behind_which_there_is_a_marker_waits_for_nobody(
    store: str, recorder: Recorder, auditor: Connection[TupleRow]
) -> None:
    asked_for = now(auditor)
    recorder.record_all(session_history("S-1"))
    auditor.execute("SET lock_timeout = '1ms'")
    with connect(store, Role.WRITER) as writer, writer.cursor() as cursor:
        append(cursor, [StoredEvent(session_stream("S-2"), 1, *encode(assessed("S-2")))])
        settle(auditor, asked_for)
        with pytest.raises(OperationalError, match="lock timeout"):
            settle(auditor, now(auditor))


def test_a_moment_to_come_is_refused_and_read_models_behind_are_told(
    store: str, recorder: Recorder, auditor: Connection[TupleRow]
) -> None:
    with pytest.raises(MomentAhead):
        pass_fence(auditor, now(auditor) + timedelta(hours=1), patience_s=0)
    recorder.record_all(session_history("S-1"))
    asked_for = now(auditor)
    with pytest.raises(NotReadYet, match="read models are at position 0"):
        pass_fence(auditor, asked_for, patience_s=0)
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(pass_fence, auditor, asked_for, 60)
        catch_up(store)
        answer.result()
    with up_to_date(store, known_at=asked_for) as connection, connection.cursor() as cursor:
        assert position_at(cursor, asked_for) == 6


def test_answers_stay_while_writers_write_and_lines_are_built_again(
    store: str, recorder: Recorder, auditor: Connection[TupleRow]
) -> None:
    recorder.record_all(session_history("S-0"))
    stop = Event()

    def write(shard: int) -> None:
        with connect(store, Role.WRITER, autocommit=True) as connection:
            writing = Recorder(connection, shard)
            number = 0
            while not stop.is_set():
                number += 1
                writing.record_all(session_history(f"S-{shard}-{number}", gross=1_000 + number))

    with ExitStack() as ends, following(store):
        threads = [Thread(target=write, args=(shard,)) for shard in (1, 2)]
        for thread in threads:
            thread.start()
            ends.callback(thread.join)
        ends.callback(stop.set)
        first: dict[datetime, Any] = {}
        for _ in range(12):
            asked_for = now(auditor)
            first[asked_for] = payable(auditor, asked_for)
            assert all(payable(auditor, moment) == found for moment, found in first.items())
        rebuild(store, ["account_lines"])
        assert all(payable(auditor, moment) == found for moment, found in first.items())
    catch_up(store)
    assert all(payable(auditor, moment) == found for moment, found in first.items())
    positions = [position for position, _ in first.values()]
    assert positions == sorted(positions)
    assert len(set(positions)) > 3


def test_markers_are_only_added_to(store: str, projector: Connection[TupleRow], recorder: Recorder) -> None:
    recorder.record_all(session_history("S-1"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        projector.execute("DELETE FROM projection.known")
    with psycopg.connect(store) as superuser:
        for change in ("UPDATE projection.known SET position = position + 1", "TRUNCATE projection.known"):
            with pytest.raises(RestrictViolation), superuser.transaction():
                superuser.execute(change.encode())


def test_a_store_from_before_has_markers_of_the_times_of_its_entries(bare_database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    for source in FOLDERS:
        shutil.copytree(source, folder, dirs_exist_ok=True)
    for path in folder.glob("*.sql"):
        if int(path.name[:3]) >= 147:
            path.unlink()
    run_migrations(bare_database_url, [folder])
    with connect(bare_database_url, Role.WRITER, autocommit=True) as writer:
        before = Recorder(writer)
        moments = []
        for number in range(3):
            before.record_all(session_history(f"S-{number}"))
            moments.append(now(writer))
    migrate(bare_database_url)
    with connect(bare_database_url, Role.AUDITOR, autocommit=True) as auditor:
        with pytest.raises(NotReadYet):
            pass_fence(auditor, moments[0], patience_s=0)
        catch_up(bare_database_url)
        rows = auditor.execute(_ENTRIES).fetchall()
        (origin, _), *_ = markers(auditor)[-1:]
        assert markers(auditor)[:-1] == rows[:2] + ([rows[2]] if rows[2][0] < origin else [])
        found = [payable(auditor, moment) for moment in moments]
        assert [position for position, _ in found] == [5, 11, 17]
        assert [balances[0].credits for _, balances in found] == [1081, 2162, 3243]
        kept = markers(auditor)
        rebuild(bare_database_url)
        assert markers(auditor) == kept
        assert [payable(auditor, moment) for moment in moments] == found
        assert datetime.now(UTC) > kept[-1][1]
