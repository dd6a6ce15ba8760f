"""Partner tariffs and orders to rate anew leave a sound book, the same in any order of arrival, as was foreseen."""

from collections import Counter
from collections.abc import Iterator
from random import Random

import psycopg
import pytest

from domain.calendar import instant
from engine.what_if import Amounts, Order, SessionIf, Totals, standing, what_if
from ledger.audit import AuditReport
from projections.schema import migrate
from tests.audit.network import DAYS, Event, history, settle
from tests.audit.orders import give, order, orders, partner_tariffs
from tests.support.audited import verify

_OUTCOMES = """
SELECT DISTINCT ON (originator_id) convert_from(state, 'UTF8')::json ->> 'session_id',
       convert_from(state, 'UTF8')::json ->> 'gross', convert_from(state, 'UTF8')::json ->> 'reason'
FROM event_store.stored_events WHERE topic = 'SessionAssessed' ORDER BY originator_id, originator_version DESC
"""
_BOOK = """
SELECT account, effective_at, sum(amount_minor) FROM book.posting JOIN book.entry USING (entry_id)
GROUP BY account, effective_at HAVING sum(amount_minor) <> 0
"""
# Partners of this network answer CDRs before they are sent, so only those of drivers are as foreseen.
_DRIVERS_CDRS = """
SELECT convert_from(cdr.state, 'UTF8')::json ->> 'session_id', cdr.topic
FROM event_store.stored_events AS cdr JOIN event_store.stored_events AS start USING (originator_id)
WHERE cdr.topic IN ('CdrIssued', 'CdrCredited') AND start.topic = 'charging.session.started'
      AND convert_from(start.state, 'UTF8')::json #> '{data,token}' IS NULL
"""


def _complaints(report: AuditReport) -> list[str]:
    return [f"{check.name}: {finding.sentence}" for check in report.failed for finding in check.findings]


def _rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return sorted(connection.execute(query.encode()).fetchall(), key=repr)


def network(seed: int, sessions: int) -> list[Event]:
    """A history with partner tariffs and orders, in random order."""
    random = Random(seed)
    events = [*history(seed, sessions), *partner_tariffs(random), *orders(random)]
    random.shuffle(events)
    return events


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_network_with_partner_tariffs_and_orders_passes_every_check(database_url: str, seed: int) -> None:
    migrate(database_url)
    settle(database_url, network(seed, sessions=60))
    assert not _complaints(verify(database_url))


@pytest.fixture
def another_database_url(postgres_dsn: str) -> Iterator[str]:
    """The DSN of one more empty database."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE audit_beside")
        yield f"{postgres_dsn.rpartition('/')[0]}/audit_beside"
        connection.execute("DROP DATABASE audit_beside WITH (FORCE)")


@pytest.mark.parametrize("seed", range(2))
def test_the_order_of_arrival_does_not_matter(database_url: str, another_database_url: str, seed: int) -> None:
    events = network(seed, sessions=40)
    found = []
    for dsn in (database_url, another_database_url):
        migrate(dsn)
        settle(dsn, events, stages=1, clock=False)
        found.append((_rows(dsn, _OUTCOMES), _rows(dsn, _BOOK)))
        Random(seed + 1).shuffle(events)
    assert found[0] == found[1]


# What if -------------------------------------------------------------------------------------------------------


def _asked(event: Event) -> Order:
    return Order(event["source"], event["id"], instant(event["time"]), event["data"])


def _totals(sessions: list[SessionIf]) -> Totals:
    totals = Totals()
    for each in sessions:
        totals.add(each)
    return totals


@pytest.mark.parametrize("seed", [0, 1, 3])
@pytest.mark.parametrize("factor", [0.4, 1.5])
def test_an_order_comes_to_what_was_foreseen_to_the_cent(database_url: str, seed: int, factor: float) -> None:
    migrate(database_url)
    settle(database_url, network(seed, sessions=60))
    for operator_id in ("OP-A", "OP-B", "OP-C", "OP-D"):
        given = order(operator_id, (0, DAYS), factor, DAYS)
        foreseen = list(what_if(database_url, _asked(given)))
        assert any(each.billed for each in foreseen)
        documents = _documents(database_url)
        give(database_url, given)
        came = {each.session_id: each for each in standing(database_url, _asked(given))}
        for each in foreseen:
            now = came[each.session_id]
            if each.billed is not None:
                assert (now.standing, now.short, now.due) == (each.standing, each.short, each.due)
        went_out = _documents(database_url) - documents
        drivers = {session_id for session_id, _ in documents}
        for each in foreseen:
            if each.session_id in drivers:
                counts = [went_out[each.session_id, topic] for topic in ("CdrIssued", "CdrCredited")]
                assert counts == [each.cdrs, each.credits]
    assert not _complaints(verify(database_url))


def _documents(dsn: str) -> Counter[tuple[object, ...]]:
    """How many CDRs and credit CDRs have gone out, by session that its driver pays: (session, topic)."""
    return Counter(_rows(dsn, _DRIVERS_CDRS))


def test_where_nothing_is_captured_an_order_leaves_what_the_tariff_comes_to(database_url: str) -> None:
    migrate(database_url)
    settle(database_url, [each for each in network(5, sessions=60) if not each["type"].startswith("payment.")])
    given = order("OP-A", (0, DAYS), 1.5, DAYS)
    foreseen = _totals(list(what_if(database_url, _asked(given))))
    assert foreseen.sessions > 5
    assert foreseen.changed > 3
    assert foreseen.under == foreseen.standing != foreseen.billed
    give(database_url, given)
    assert _totals(list(standing(database_url, _asked(given)))).billed == foreseen.under


@pytest.mark.parametrize("factor", [0.4, 1.5])
def test_what_another_order_has_caused_is_not_counted_again(database_url: str, factor: float) -> None:
    migrate(database_url)
    settle(database_url, history(2, 60))
    # Long after the last refund: what was overpaid counts towards a raised price only until it goes back.
    given = 2 * DAYS
    foreseen = _owed(list(what_if(database_url, _asked(order("OP-A", (0, DAYS), factor, given)))))
    assert bool(foreseen[0]) == (factor < 1)
    assert bool(foreseen[1]) == (factor > 1)
    give(database_url, order("OP-A", (0, DAYS), factor, given))
    for again in (given - 0.1, given + 0.1):
        asked = list(what_if(database_url, _asked(order("OP-A", (0, DAYS), factor, again))))
        assert _totals(asked).changed == 0
        assert _owed(asked) == (0, 0)


def _owed(sessions: list[SessionIf]) -> tuple[int, int]:
    """The refunds that an order would make due, and what it would fall short by."""
    return sum(each.refund_due for each in sessions), sum(each.shortfall for each in sessions)


def test_asking_posts_nothing_and_stores_nothing(database_url: str) -> None:
    migrate(database_url)
    settle(database_url, network(1, sessions=20))
    everything = "SELECT max(notification_id), count(*) FROM event_store.stored_events"
    before = _rows(database_url, everything)
    assert list(what_if(database_url, _asked(order("OP-A", (0, DAYS), 0.4, DAYS))))
    assert _rows(database_url, everything) == before
    assert not _rows(database_url, "SELECT FROM intake.session_head WHERE stale")


def test_amounts_add_up() -> None:
    one = Amounts(net=10, gross=12, share=9, commission=2, commission_vat=1)
    assert one + one == Amounts(net=20, gross=24, share=18, commission=4, commission_vat=2)
    assert one + None == one
