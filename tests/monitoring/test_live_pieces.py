"""Pieces at work answer probes and show what they do, while the services they need come and go."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest

from tests.monitoring.conftest import Live
from tests.monitoring.scraping import PieceAt, ask
from tests.support.events import lines, operator, session, tariff
from tests.support.waiting import wait_until
from wattledger.embedded.server import EmbeddedServer


@contextmanager
def standing_still(*processes: psutil.Process) -> Iterator[None]:
    """Processes that do nothing while the block runs."""
    try:
        for process in processes:
            process.suspend()
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def family_of(server: EmbeddedServer) -> list[psutil.Process]:
    assert server.pid is not None
    return [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]


def test_pieces_that_work_are_alive_and_ready_and_say_who_they_are(live: Live) -> None:
    for name, piece in live.pieces.items():
        wait_until(piece.is_ready)
        assert piece.livez() == (200, "alive\n")
        scrape = piece.scrape()
        assert scrape.sum("wattledger_build_info", piece=name, version="0.1.0") == 1
        assert scrape.sum("wattledger_database_up") == 1
        assert ("wattledger_kafka_up" in scrape.names) == (name in ("consume", "project", "load"))


def test_the_counts_are_those_of_what_was_published(live: Live) -> None:
    scrape = live.pieces["consume"].scrape()
    outcomes = {
        outcome: scrape.sum("wattledger_store_messages_total", outcome=outcome)
        for outcome in ("accepted", "duplicates", "conflicts", "dead_lettered")
    }
    assert outcomes == {
        "accepted": live.messages - 2,
        "duplicates": 1,
        "conflicts": 0,
        "dead_lettered": 1,
    }
    assert scrape.sum("wattledger_store_dead_letters") == 1
    assert scrape.sum("wattledger_records_total") == live.messages
    assert scrape.sum("wattledger_records_quarantined_total") == 0
    assert scrape.sum("wattledger_message_to_book_seconds_count") == live.messages
    # All of it was published minutes ago at most, and nothing is booked before it was published.
    assert scrape.sum("wattledger_message_to_book_seconds_bucket", le="300.0") == live.messages
    assert 0 < scrape.sum("wattledger_message_to_book_seconds_sum") < 300 * live.messages
    assert scrape.sum("wattledger_batch_seconds_count") > 0
    wait_until(lambda: live.pieces["consume"].scrape().sum("wattledger_store_verify_passed") == 1)
    scrape = live.pieces["consume"].scrape()
    assert abs(time.time() - scrape.sum("wattledger_store_verify_timestamp_seconds")) < 600


def test_what_is_read_of_the_store_is_what_commands_say_of_it(live: Live) -> None:
    project = live.pieces["project"]

    def all_is_done() -> bool:
        scrape = project.scrape()
        waiting = ("projection_behind_events", "outbox_waiting", "payout_runs_due")
        return scrape.sum("wattledger_store_payouts") > 0 and not any(
            scrape.sum(f"wattledger_store_{name}") for name in waiting
        )

    wait_until(all_is_done)
    payouts = live.home.json("payouts", "list")
    scrape = project.scrape()
    statuses = {payout["status"] for payout in payouts}
    assert {status: scrape.sum("wattledger_store_payouts", status=status) for status in statuses} == {
        status: sum(payout["status"] == status for payout in payouts) for status in statuses
    }
    assert scrape.sum("wattledger_store_payouts") == len(payouts)
    assert scrape.sum("wattledger_outbox_sent_total") > 0
    assert scrape.sum("wattledger_store_entries_total") > 0
    assert live.pieces["clock"].scrape().sum("wattledger_payouts_made_total") == len(payouts)


def test_a_session_more_is_booked_and_the_counts_go_up_by_its_messages(live: Live) -> None:
    consumer = live.pieces["consume"]
    before = consumer.scrape()
    events = lines([operator("OP-MORE"), tariff("OP-MORE"), *session("S-MORE")])
    live.publish(events)
    wait_until(
        lambda: (
            consumer.scrape().sum("wattledger_store_messages_total")
            == before.sum("wattledger_store_messages_total") + len(events)
        )
    )
    after = consumer.scrape()
    assert after.sum("wattledger_records_total") == before.sum("wattledger_records_total") + len(events)
    assert after.sum("wattledger_message_to_book_seconds_count") == before.sum(
        "wattledger_message_to_book_seconds_count"
    ) + len(events)


def test_while_the_projector_stands_still_read_models_fall_behind_and_others_show_it(live: Live) -> None:
    consumer = live.pieces["consume"]
    wait_until(lambda: consumer.scrape().sum("wattledger_store_projection_behind_events") == 0)
    with standing_still(psutil.Process(live.pieces["project"].process.pid)):
        live.publish(lines(session("S-BEHIND")))
        wait_until(lambda: consumer.scrape().sum("wattledger_store_projection_behind_events", projection="cdrs") > 0)

        def seconds() -> float:
            return consumer.scrape().sum("wattledger_store_projection_behind_seconds", projection="cdrs")

        wait_until(lambda: seconds() > 0)
        first = seconds()
        wait_until(lambda: seconds() > first + 3)
    wait_until(lambda: consumer.scrape().sum("wattledger_store_projection_behind_events") == 0)
    assert consumer.scrape().sum("wattledger_store_projection_behind_seconds") == 0


def test_while_the_consumer_stands_still_records_wait_and_others_show_it(live: Live) -> None:
    project = live.pieces["project"]
    wait_until(lambda: project.scrape().sum("wattledger_store_lag_records") == 0)
    events = lines(session("S-LATER"))
    with standing_still(psutil.Process(live.pieces["consume"].process.pid)):
        live.publish(events)
        wait_until(lambda: project.scrape().sum("wattledger_store_lag_records") == len(events))
        assert project.scrape().sum("wattledger_store_lag_records", topic="catalogue") == 0
    wait_until(lambda: project.scrape().sum("wattledger_store_lag_records") == 0)


def not_ready(piece: PieceAt, reason: str) -> bool:
    status, sentence = piece.readyz()
    return status == 503 and reason in sentence and sentence.count("\n") == 1


def test_without_the_database_nobody_is_ready_and_all_still_answer(live: Live) -> None:
    live.postgres.stop()
    for piece in live.pieces.values():
        wait_until(lambda piece=piece: not_ready(piece, "the database does not answer"))  # type: ignore[misc]
        assert piece.livez() == (200, "alive\n")
        scrape = piece.scrape()
        assert scrape.sum("wattledger_database_up") == 0
        assert not {name for name in scrape.names if name.startswith("wattledger_store_")}
        assert "wattledger_loop_age_seconds" in scrape.names
    assert live.pieces["consume"].scrape().sum("wattledger_records_total") >= live.messages
    live.postgres.start()
    for piece in live.pieces.values():
        wait_until(piece.is_ready)
        assert piece.scrape().sum("wattledger_store_messages_total") >= live.messages


def test_a_database_that_hangs_holds_up_no_answer(live: Live) -> None:
    with standing_still(*family_of(live.postgres)):
        piece = live.pieces["consume"]
        wait_until(lambda: not_ready(piece, "the database does not answer: it was asked 1"))
        began = time.monotonic()
        assert piece.scrape().sum("wattledger_database_up") == 0
        assert time.monotonic() - began < 30
    wait_until(piece.is_ready)


def test_without_kafka_the_consumer_is_not_ready_and_the_clock_is(live: Live) -> None:
    live.kafka.stop()
    consumer, clock = live.pieces["consume"], live.pieces["clock"]
    wait_until(lambda: not_ready(consumer, "Kafka does not answer"))
    assert clock.is_ready()
    scrape = consumer.scrape()
    assert scrape.sum("wattledger_kafka_up") == 0
    assert scrape.sum("wattledger_database_up") == 1
    assert "wattledger_store_lag_records" not in scrape.names
    live.kafka.start()
    wait_until(consumer.is_ready)
    assert consumer.scrape().sum("wattledger_kafka_up") == 1


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/", "GET", 404),
        ("/metrics/", "GET", 404),
        ("/livez", "POST", 405),
        ("/readyz", "DELETE", 405),
        ("/metrics", "POST", 405),
        ("/livez", "HEAD", 200),
    ],
)
def test_nothing_else_is_there_to_be_asked(live: Live, path: str, method: str, status: int) -> None:
    assert ask(live.pieces["clock"].url + path, method)[0] == status


def test_only_this_machine_is_answered_unless_a_host_is_set(live: Live) -> None:
    links = psutil.Process(live.pieces["clock"].process.pid).net_connections(kind="tcp")
    assert {link.laddr.ip for link in links if link.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
