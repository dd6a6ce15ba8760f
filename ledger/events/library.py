"""The store as the `eventsourcing` library knows it: a recorder, and an application for projections to follow.

Read models that are not ours are written with the library's classes alone: docs/read-models.md. What the main job
uses of the library, and why no more, is decision 36.
"""

from collections.abc import Sequence
from typing import Any, Never
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    ApplicationRecorder,
    InfrastructureFactory,
    Mapper,
    ProgrammingError,
    StoredEvent,
    Subscription,
)
from eventsourcing.postgres import (
    PostgresApplicationRecorder,
    PostgresDatastore,
    PostgresFactory,
    PostgresSubscription,
)
from eventsourcing.utils import Environment
from psycopg.sql import SQL, Identifier

from ledger.events.codec import decode
from ledger.events.store import LOCK, SCHEMA, TABLE

# The table of the migrations, in any schema. What guards it against changes is theirs alone.
_CREATE_TABLE = SQL(
    """
    CREATE TABLE IF NOT EXISTS {}.{} (
        originator_id uuid NOT NULL,
        originator_version bigint NOT NULL CHECK (originator_version >= 0),
        topic text NOT NULL,
        state bytea NOT NULL,
        notification_id bigserial NOT NULL,
        PRIMARY KEY (originator_id, originator_version)
    )
    """
)


class EventRecorder(PostgresApplicationRecorder):
    """The library's recorder on our table: in a schema that it fills itself, or in the one that the migrations made.

    There it inserts for a member of `wattledger_writer`, in turn with `ledger.events.store.append`, and both wake the
    same subscriptions.
    """

    def __init__(self, datastore: PostgresDatastore, *, events_table_name: str = TABLE) -> None:
        super().__init__(datastore, events_table_name=events_table_name)
        if datastore.schema == SCHEMA:
            self.sql_create_statements.clear()
            # After the statement that sets the lock timeout. To lock by itself takes a right to change rows.
            self.lock_table_statements[-1] = SQL(LOCK)
        else:
            self.sql_create_statements[self.create_table_statement_index] = _CREATE_TABLE.format(
                Identifier(datastore.schema), Identifier(events_table_name)
            )
            # It would insert without the lock, and followers would pass over what is committed later.
            del self.sql_create_statements[self.create_insert_function_statement_index]

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Notifications behind the position `gt`, in order, those of the future too; only these topics, if any."""
        return EventSubscription(self, gt, topics)


class EventSubscription(PostgresSubscription):
    """The library's subscription, which looks once more when it has begun to listen.

    The library looks first and listens then: what is committed in between would be seen with the next event only
    (the order that PostgreSQL's documentation of LISTEN asks for is the other one).
    """

    def _listen(self) -> None:
        try:
            with self._recorder.datastore.get_connection() as connection:
                connection.execute(SQL("LISTEN {}").format(Identifier(self._recorder.channel_name)))
                self._has_been_notified.set()
                while not self._has_been_stopped:
                    # Returns by itself now and then, so that a stop is seen when no event comes.
                    for _ in connection.notifies(timeout=0.1, stop_after=1):
                        self._has_been_notified.set()
        except BaseException as error:
            # Raised by whoever iterates, as the library does.
            self._thread_error = self._thread_error or error
            self.stop()


class EventMapper(Mapper[UUID]):
    """Turns stored events into the facts and decisions that they are; there is no way back from here."""

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """A `RecordedFact` or a decision of `domain`; raises KeyError for a topic that was never written."""
        event: DomainEventProtocol[UUID] = decode(stored_event.topic, stored_event.state)
        return event

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> Never:
        """Refuses: an event is appended in the transaction that posts what it books."""
        raise ProgrammingError(f"a {type(domain_event).__name__} is not for this application to save: it only reads")


class EventStoreFactory(PostgresFactory):
    """The library's PostgreSQL, with our recorder."""

    def application_recorder(self) -> EventRecorder:
        """A recorder on the table of the migrations, none of which it makes."""
        return EventRecorder(self.datastore)


class WattLedger(Application[UUID]):
    """The upstream application of projections: every fact and decision of a WattLedger database, read only.

    Configured by the library's variables: POSTGRES_DBNAME, POSTGRES_HOST, POSTGRES_PORT, POSTGRES_USER and
    POSTGRES_PASSWORD, of a login that may read the events. POSTGRES_SCHEMA is left to the read model.
    """

    def construct_factory(self, env: Environment) -> InfrastructureFactory[Any]:
        """Our events are in PostgreSQL and in one schema, whatever a subclass and the read model are called."""
        return EventStoreFactory(Environment(env.name, {**env, f"{env.name}_POSTGRES_SCHEMA".upper(): SCHEMA}))

    def construct_mapper(self) -> Mapper[Any]:
        """Stored events have topics and JSON of ours."""
        return EventMapper(self.construct_transcoder())
