"""Our recorder is a recorder of the `eventsourcing` library: it passes the library's own test case, unmodified."""

from collections.abc import Iterator
from contextlib import ExitStack
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import IntegrityError, ProgrammingError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder
from eventsourcing.tests import persistence as librarys_own

from ledger.database import Role, connect
from ledger.events.library import EventRecorder, WattLedger
from ledger.events.store import SCHEMA, TABLE, append, follow, last_position
from ledger.events.store import StoredEvent as OurEvent
from projections.schema import migrate
from tests.support.library import datastore, login, variables

OWN_SCHEMA = "elsewhere"
# The test case has ten writers and two readers at once, and subscriptions with two connections each.
CONNECTIONS = 20

# What a table is made of: its columns and whatever constrains or indexes them.
COLUMNS = """
SELECT column_name, data_type, is_nullable FROM information_schema.columns
WHERE table_schema = %s AND table_name = 'stored_events' ORDER BY ordinal_position
"""
CONSTRAINTS = """
SELECT contype, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = (%s || '.stored_events')::regclass ORDER BY 1, 2
"""
INDEXES = """
SELECT indexname, replace(indexdef, schemaname || '.', '') FROM pg_indexes
WHERE schemaname = %s AND tablename = 'stored_events' ORDER BY 1
"""


class RecorderCase(librarys_own.ApplicationRecorderTestCase[EventRecorder]):
    """The library's test case with its test of subscriptions, which it leaves to those who have any."""

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestInASchemaOfItsOwn(RecorderCase):
    """The recorder makes its table where it is pointed."""

    @pytest.fixture(autouse=True)
    def _store(self, bare_database_url: str) -> Iterator[None]:
        with psycopg.connect(bare_database_url) as connection:
            connection.execute(f"CREATE SCHEMA {OWN_SCHEMA}".encode())
        with datastore(bare_database_url, OWN_SCHEMA, CONNECTIONS) as self.datastore:
            yield

    def create_recorder(self) -> EventRecorder:
        recorder = EventRecorder(self.datastore)
        recorder.create_table()
        return recorder


class TestInTheMigratedSchema(RecorderCase):
    """The recorder as a member of the writer's role, which may neither lock nor make a table."""

    @pytest.fixture(autouse=True)
    def _store(self, database_url: str) -> Iterator[None]:
        migrate(database_url)
        with (
            login(database_url, Role.WRITER) as dsn,
            datastore(dsn, SCHEMA, CONNECTIONS) as self.datastore,
        ):
            yield

    def create_recorder(self) -> EventRecorder:
        return EventRecorder(self.datastore)


def library_event(stream_id: UUID, version: int) -> StoredEvent:
    return StoredEvent(stream_id, version, "SessionMetered", b"{}")


def test_the_table_it_makes_has_the_shape_of_the_migrated_one(book: str) -> None:
    with psycopg.connect(book, autocommit=True) as connection, datastore(book, OWN_SCHEMA) as elsewhere:
        connection.execute(f"CREATE SCHEMA {OWN_SCHEMA}".encode())
        EventRecorder(elsewhere).create_table()
        for query in (COLUMNS, CONSTRAINTS, INDEXES):
            made = connection.execute(query.encode(), (OWN_SCHEMA,)).fetchall()
            assert made, query
            assert made == connection.execute(query.encode(), (SCHEMA,)).fetchall()


def test_nothing_is_made_in_the_migrated_schema(book: str) -> None:
    objects = (
        "SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass AND refobjid = %s::regnamespace"
    )
    with psycopg.connect(book, autocommit=True) as connection, datastore(book, SCHEMA) as migrated:
        before = connection.execute(objects.encode(), (SCHEMA,)).fetchone()
        EventRecorder(migrated).create_table()
        assert connection.execute(objects.encode(), (SCHEMA,)).fetchone() == before


@pytest.mark.parametrize("recorder_class", [EventRecorder, PostgresApplicationRecorder])
def test_the_librarys_recorders_work_on_the_same_table(
    book: str, recorder_class: type[PostgresApplicationRecorder]
) -> None:
    stream = uuid4()
    with connect(book, Role.WRITER) as writer, datastore(book, SCHEMA) as opened:
        cursor, recorder = writer.cursor(), recorder_class(opened, events_table_name=TABLE)
        assert recorder.insert_events([library_event(stream, 1)]) == [1]
        append(cursor, [OurEvent(stream, 2, "SessionMetered", b"{}")])
        writer.commit()
        assert [event.originator_version for event in recorder.select_events(stream)] == [1, 2]
        assert [n.originator_version for n in recorder.select_notifications(start=1, limit=10)] == [1, 2]
        assert [n.version for n in follow(cursor, 0, 10)] == [1, 2]
        assert recorder.max_notification_id() == last_position(cursor)
        with pytest.raises(IntegrityError):
            recorder.insert_events([library_event(stream, 2)])


def test_the_librarys_function_that_inserts_without_the_lock_is_not_there(bare_database_url: str) -> None:
    with ExitStack() as stack:
        connection = stack.enter_context(psycopg.connect(bare_database_url, autocommit=True))
        connection.execute(f"CREATE SCHEMA {OWN_SCHEMA}".encode())
        recorder = EventRecorder(stack.enter_context(datastore(bare_database_url, OWN_SCHEMA, db_functions=True)))
        recorder.create_table()
        with pytest.raises(ProgrammingError, match="es_insert_events_uuid"):
            recorder.insert_events([library_event(uuid4(), 1)])


def test_the_application_for_read_models_saves_nothing(book: str) -> None:
    with (
        WattLedger(variables(book, "public")) as application,
        pytest.raises(ProgrammingError, match="a Created is not for this application to save"),
    ):
        application.save(Aggregate())
