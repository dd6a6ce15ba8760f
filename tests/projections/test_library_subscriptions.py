"""The `eventsourcing` library's subscriptions see all of our store, once, in order, as soon as it is there."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from threading import Event
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import ProcessingEvent
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import ApplicationRecorder, Subscription
from eventsourcing.postgres import PostgresDatastore
from eventsourcing.projection import ApplicationSubscription, EventSourcedProjection, EventSourcedProjectionRunner
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.fact import RecordedFact
from domain.payout.events import PayoutCreated
from domain.session.session import session_stream
from ledger.database import Role, connect
from ledger.events.codec import encode
from ledger.events.library import EventRecorder, EventSubscription, WattLedger
from ledger.events.store import SCHEMA, StoredEvent, append
from tests.projections.builders import NOON, Recorder, created, payout_history, session_history
from tests.support.library import datastore, login, variables

# Longer than a listener would ever wait, shorter than a test.
PATIENCE_S = 120


@pytest.fixture
def reading(store: str) -> Iterator[PostgresDatastore]:
    """The library's datastore of a login that may read events and not write them."""
    with login(store, Role.PROJECTOR) as dsn, datastore(dsn, SCHEMA, connections=4) as opened:
        yield opened


def write(connection: Connection[TupleRow], events: int = 1) -> None:
    """Append events of a new stream in a transaction of their own."""
    stream_id = uuid4()
    with connection.transaction(), connection.cursor() as cursor:
        append(cursor, [StoredEvent(stream_id, version, "SessionMetered", b"{}") for version in range(1, events + 1)])


def positions(subscription: Subscription[ApplicationRecorder], count: int) -> list[int]:
    """The positions of the next notifications; a TimeoutError when they do not come."""
    with ThreadPoolExecutor(1) as waiting:
        found = waiting.submit(lambda: [notification.id for notification in islice(subscription, count)])
        try:
            return found.result(PATIENCE_S)
        finally:
            if not found.done():
                subscription.stop()


def test_every_event_comes_as_what_it_is_with_its_position(store: str, recorder: Recorder) -> None:
    fact = RecordedFact("charging.session.metered", "gw", "1", NOON, {"session_id": "S-1", "energy_wh": 1500})
    told = [(session_stream("S-0"), fact), *session_history("S-1"), *payout_history()]
    recorder.record_all(told)
    with (
        login(store, Role.PROJECTOR) as dsn,
        WattLedger(variables(dsn, "unused")) as application,
        ApplicationSubscription(application) as subscription,
    ):
        found = list(islice(subscription, len(told)))
    # As bytes: a document's numbers are read as decimals, whatever they were before.
    assert [(type(event), encode(event)) for event, _ in found] == [(type(event), encode(event)) for _, event in told]
    assert [tracking.notification_id for _, tracking in found] == list(range(1, len(told) + 1))
    assert {tracking.application_name for _, tracking in found} == {"WattLedger"}


def test_an_application_of_another_name_reads_the_same_events(store: str, recorder: Recorder) -> None:
    class Reports(WattLedger):
        """What somebody may derive."""

    recorder.record_all(payout_history())
    with (
        login(store, Role.PROJECTOR) as dsn,
        Reports(variables(dsn, "unused")) as application,
        ApplicationSubscription(application) as subscription,
    ):
        assert [encode(event) for event, _ in islice(subscription, 1)] == [encode(payout_history()[0][1])]


def test_the_recorder_hands_out_the_subscription_that_looks_once_more(reading: PostgresDatastore) -> None:
    with EventRecorder(reading).subscribe(gt=0) as subscription:
        assert type(subscription) is EventSubscription


def test_an_append_wakes_a_subscription_that_waits(reading: PostgresDatastore, recorder: Recorder) -> None:
    with EventRecorder(reading).subscribe(gt=0) as subscription:
        for number in range(1, 6):
            write(recorder.connection)
            assert positions(subscription, 1) == [number]


def test_what_is_appended_before_the_subscription_listens_is_seen(
    reading: PostgresDatastore, recorder: Recorder
) -> None:
    may_listen = Event()

    class SlowToListen(EventSubscription):
        """Its connection for listening takes its time."""

        def _listen(self) -> None:
            may_listen.wait(PATIENCE_S)
            super()._listen()

    write(recorder.connection)
    with SlowToListen(EventRecorder(reading), gt=0) as subscription:
        # It has looked, and does not listen yet.
        assert positions(subscription, 1) == [1]
        write(recorder.connection)
        may_listen.set()
        assert positions(subscription, 1) == [2]


def test_no_event_appears_below_a_position_that_was_seen(store: str, reading: PostgresDatastore) -> None:
    writers, transactions, per_transaction = 3, 30, 4

    def write_and_roll_back(_: int) -> None:
        with connect(store, Role.WRITER, autocommit=True) as connection:
            for _number in range(transactions):
                write(connection, per_transaction)
                # Takes numbers that never come.
                with connection.transaction(force_rollback=True):
                    write(connection)

    with ThreadPoolExecutor(writers) as pool, EventRecorder(reading).subscribe(gt=0) as subscription:
        done = list(map(pool.submit, [write_and_roll_back] * writers, range(writers)))
        seen = positions(subscription, writers * transactions * per_transaction)
        for future in done:
            future.result()
    with connect(store, Role.AUDITOR) as connection:
        stored = connection.execute("SELECT notification_id FROM event_store.stored_events ORDER BY 1").fetchall()
    assert seen == [position for (position,) in stored]
    assert seen[-1] > len(seen)


class Seen(Aggregate):
    """That a payout was made."""

    def __init__(self, payout_id: str) -> None:
        self.payout_id = payout_id


class SeenPayouts(EventSourcedProjection[UUID]):
    """Answers our events with aggregates of its own."""

    topics = ("PayoutCreated",)

    @singledispatchmethod
    def policy(self, domain_event: object, processing_event: ProcessingEvent[UUID]) -> None:
        """Only payouts are of interest."""

    @policy.register
    def _(self, domain_event: PayoutCreated, processing_event: ProcessingEvent[UUID]) -> None:
        processing_event.collect_events(Seen(domain_event.payout_id))


def test_an_event_sourced_projection_keeps_aggregates_of_its_own(store: str, recorder: Recorder) -> None:
    recorder.record_all([*session_history("S-1"), *payout_history()])
    with (
        login(store, Role.PROJECTOR, schema="elsewhere") as dsn,
        EventSourcedProjectionRunner(
            application_class=WattLedger, projection_class=SeenPayouts, env=variables(dsn, "elsewhere")
        ) as runner,
    ):
        # The payout is the first event after those of the session.
        runner.wait(7, timeout=PATIENCE_S)
        (seen,) = runner.projection.recorder.select_notifications(start=None, limit=10)
        payout: Seen = runner.projection.repository.get(UUID(str(seen.originator_id)))
    assert payout.payout_id == created().payout_id
