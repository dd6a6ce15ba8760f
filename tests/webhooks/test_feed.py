"""What happens is told: each payout, CDR and dead letter once, as its resource has it, and nothing of before."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from ledger.access import webhooks
from ledger.access.deliveries import message_id
from ledger.access.door import Door
from ledger.access.webhooks import MessageType
from ledger.database import Role, connect
from ledger.events.store import event_id
from ledger.login import surface_login
from projections.deadletters import one_letter
from projections.documents.payouts import shown_payout_document
from projections.feed import Piece, read_piece
from projections.payout_list import shown_payout
from projections.runner import catch_up
from projections.webhook_feed import follow
from projections.webhook_messages import TOPICS, messages_of
from tests.support.engine import Engine
from tests.support.events import corrected, event, operator, session, tariff

ALL = tuple(each.value for each in MessageType)
ANSWERED = "2026-03-04T14:00:00Z"
NOW = datetime(2026, 11, 30, tzinfo=UTC)


class Told:
    """A store whose events are told, by the login of a server that may change nothing of the book."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.login = surface_login(engine.dsn, folder)
        self.door = Door(self.login)

    def add(self, *types: str) -> str:
        """An endpoint that hears of these types; its id."""
        with self.door.transaction() as cursor:
            return webhooks.add(cursor, "https://example.com/", types, b"sealed", created_by="tests").id

    def follow(self) -> None:
        """Bring the read models up, and tell of everything."""
        catch_up(self.engine.dsn)
        with self.following() as connection:
            while follow(connection, NOW):
                pass

    @contextmanager
    def following(self) -> Iterator[psycopg.Connection[Any]]:
        """The connection of a follower."""
        with connect(self.login, Role.AUDITOR, autocommit=True) as connection:
            yield connection

    def messages(self, endpoint: str) -> list[tuple[str, str, Any]]:
        """What an endpoint is told: webhook-id, type and body of each."""
        rows = self.engine.rows(
            "SELECT id, type, body FROM access.webhook_delivery JOIN access.webhook_message USING (event_id, type) "
            "WHERE endpoint_id = %s ORDER BY id",
            endpoint,
        )
        return [(id_, type_, orjson.loads(body)) for id_, type_, body in rows]

    @staticmethod
    def events_of(engine: Engine, *topics: str) -> list[tuple[Any, str, dict[str, Any]]]:
        """The stored events of some topics: id, topic and what is stored."""
        rows = engine.rows(
            "SELECT originator_id, originator_version, topic, state FROM event_store.stored_events "
            "WHERE topic = ANY(%s) ORDER BY notification_id",
            list(topics),
        )
        return [(event_id(stream, version), topic, orjson.loads(state)) for stream, version, topic, state in rows]


@pytest.fixture
def told(engine: Engine, tmp_path: Path) -> Iterator[Told]:
    made = Told(engine, tmp_path)
    yield made
    made.door.close()


def happens(engine: Engine) -> None:
    """Payouts of four operators, paid, failed, returned and waiting; a CDR that is credited, and refusals."""
    for number in range(1, 5):
        who, session_id = f"OP-{number}", f"S-{number}"
        beginning, *others = session(session_id)
        beginning["data"] |= {"operator_id": who, "tariff_id": f"T-{number}"}
        terms = operator(who, payout_requires_approval=number == 4)
        engine.feed([terms, tariff(who, f"T-{number}"), beginning, *others])
    engine.feed([b"no message", b"\xff\xfe"])
    engine.advance("2026-03-04T12:00:00Z")
    engine.feed([corrected("S-1", "2026-03-04T13:00:00Z", 21_000)])
    words = {"OP-1": ("paid", {"bank_reference": "R"}), "OP-2": ("failed", {"reason": "AC04"})}
    words["OP-3"] = ("returned", {"reason": "AC01"})
    for _, _, made in Told.events_of(engine, "PayoutCreated"):
        if made["operator_id"] in words:
            word, more = words[made["operator_id"]]
            data = {"payout_id": made["payout_id"], "at": ANSWERED, **more}
            engine.feed([event(f"payout.{word}", made["payout_id"], ANSWERED, data)])
    engine.advance("2026-03-04T18:00:00Z")


def test_each_event_is_told_once_under_the_id_that_comes_of_it(told: Told) -> None:
    all_, some = told.add(*ALL), told.add("payout.paid", "payout.failed")
    happens(told.engine)
    told.follow()
    expected = Counter[str]()
    ids = set()
    for id_, topic, state in told.events_of(
        told.engine, "PayoutCreated", "PayoutStatusChanged", "CdrIssued", "CdrCredited"
    ):
        types = {"PayoutCreated": ["payout.created"]}.get(topic, ["cdr.issued"] if topic.startswith("Cdr") else [])
        if topic.startswith("Payout") and state["status"] not in ("IN_TRANSIT", "REJECTED"):
            types = [*types, f"payout.{state['status'].lower()}"]
        expected.update(types)
        ids |= {message_id(id_, type_, all_) for type_ in types}
    letters = [row[0] for row in told.engine.rows("SELECT deadletter_id FROM intake.deadletter")]
    expected["dead_letter.created"] = len(letters)
    ids |= {message_id(id_, "dead_letter.created", all_) for id_ in letters}
    found = told.messages(all_)
    assert Counter(type_ for _, type_, _ in found) == expected
    assert {id_ for id_, _, _ in found} == ids
    assert set(expected) == set(ALL)
    assert {type_ for _, type_, _ in told.messages(some)} == {"payout.paid", "payout.failed"}
    told.follow()
    assert told.messages(all_) == found


def test_a_body_is_the_document_of_the_resource_with_the_status_of_its_event(told: Told) -> None:
    endpoint = told.add(*ALL)
    happens(told.engine)
    told.follow()
    stored = {id_: state for id_, _, state in told.events_of(told.engine, "PayoutCreated", "PayoutStatusChanged")}
    kinds = Counter[str]()
    with connect(told.engine.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        for id_, type_, body in told.messages(endpoint):
            assert body.keys() == {"type", "timestamp", "data"}
            assert body["type"] == type_
            data = body["data"]
            kinds[type_] += 1
            if type_.startswith("payout."):
                state = next(s for e, s in stored.items() if message_id(e, type_, endpoint) == id_)
                payout = shown_payout(cursor, data["payout_id"])
                assert payout is not None
                changes = {"status", "status_at", "reason", "approvals", "approvals_needed"}
                document = orjson.loads(orjson.dumps(shown_payout_document(payout)))
                assert data.keys() == document.keys()
                assert {n: v for n, v in data.items() if n not in changes} == {
                    n: v for n, v in document.items() if n not in changes
                }
                assert (data["status"], data["reason"]) == (state["status"], state.get("reason"))
                assert body["timestamp"] == data["status_at"]
                assert "**" in data["account"]
            elif type_ == "cdr.issued":
                (row,) = cursor.execute(
                    "SELECT document::text FROM surface.cdrs WHERE cdr_id = %s", (data["id"],)
                ).fetchall()
                assert data == orjson.loads(row[0])
            else:
                assert data == orjson.loads(orjson.dumps(one_letter(cursor, data["deadletter_id"])))
    assert set(kinds) == set(ALL)


def test_bodies_hold_no_account_in_clear(told: Told) -> None:
    told.add(*(each for each in ALL if each.startswith("payout.")))
    happens(told.engine)
    told.follow()
    accounts = {
        orjson.loads(state)["bank_account"].get("iban")
        for (state,) in told.engine.rows("SELECT state FROM event_store.stored_events WHERE topic = 'PayoutCreated'")
    } - {None}
    (whole,) = told.engine.rows("SELECT string_agg(convert_from(body, 'UTF8'), '') FROM access.webhook_message")
    assert accounts
    assert not [each for each in accounts if each in whole[0]]


def test_what_happened_before_an_endpoint_was_added_is_not_told_to_it(told: Told) -> None:
    first = told.add(*ALL)
    happens(told.engine)
    catch_up(told.engine.dsn)
    second = told.add(*ALL)
    told.engine.feed([b"refused later"])
    told.follow()
    assert len(told.messages(first)) > 10
    assert [type_ for _, type_, _ in told.messages(second) if type_ != "dead_letter.created"] == []


def test_nothing_is_told_to_an_endpoint_that_is_disabled_and_nothing_is_read_for_nobody(told: Told) -> None:
    endpoint = told.add(*ALL)
    with told.door.transaction() as cursor:
        webhooks.disable(cursor, endpoint, "it answered 410 Gone")
    happens(told.engine)
    told.follow()
    assert told.messages(endpoint) == []
    (position, end) = told.engine.rows(
        "SELECT position, (SELECT max(notification_id) FROM event_store.stored_events) FROM access.webhook_position"
    )[0]
    assert position == end
    assert told.engine.rows("SELECT count(*) FROM access.webhook_letter") == [(0,)]


def test_two_followers_at_once_tell_everything_once(told: Told) -> None:
    endpoint = told.add(*ALL)
    happens(told.engine)
    catch_up(told.engine.dsn)
    with told.following() as one, told.following() as other, one.transaction():
        one.execute("SET LOCAL ROLE wattledger_door")
        one.execute("SELECT position FROM access.webhook_position FOR UPDATE")
        assert follow(other, NOW) is False
    assert told.messages(endpoint) == []
    told.follow()
    assert told.messages(endpoint)


def test_a_follower_that_dies_has_told_nothing_or_moved_on(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = told.add(*ALL)
    happens(told.engine)
    catch_up(told.engine.dsn)

    def dies(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch, told.following() as connection:
        patch.setattr("projections.webhook_feed._tell_letters", dies)
        with pytest.raises(RuntimeError):
            follow(connection, NOW)
    assert told.messages(endpoint) == []
    told.follow()
    assert len(told.messages(endpoint)) == len({id_ for id_, _, _ in told.messages(endpoint)}) > 10


def test_a_store_that_is_brought_up_to_date_tells_nothing_of_its_past(database_url: str, tmp_path: Path) -> None:
    engine = Engine(database_url)
    happens(engine)
    with psycopg.connect(database_url) as connection:
        text = Path("ledger/migrations/167_webhooks.sql").read_text("utf-8")
        begin = text.index("INSERT INTO access.webhook_position")
        connection.execute("DELETE FROM access.webhook_position")
        connection.execute(text[begin : text.index(";", begin)].encode())
    told = Told(engine, tmp_path)
    endpoint = told.add(*ALL)
    told.follow()
    assert told.messages(endpoint) == []
    told.door.close()
    engine.close()


def test_an_event_that_nothing_can_be_made_of_is_logged_and_holds_up_no_other(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    happens(told.engine)
    catch_up(told.engine.dsn)
    with told.following() as connection, connection.transaction(), connection.cursor() as cursor:
        whole = read_piece(cursor, TOPICS, 0, 10_000)
        broken = Piece(whole.position, (("CdrIssued", b"{}"), *whole.events[1:]), whole.places)
        messages = messages_of(cursor, broken, set(ALL))
        unbroken = messages_of(cursor, whole, set(ALL))
    first = event_id(whole.places[0].stream_id, whole.places[0].version)
    assert messages == [each for each in unbroken if each.event_id != first]
    (logged,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert logged.__dict__["event"] == first


def test_who_sends_may_write_nothing_but_webhooks(told: Told) -> None:
    for role in (Role.AUDITOR, Role.DOOR):
        with connect(told.login, role) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute("INSERT INTO intake.outbox (topic, record_key) VALUES ('settlement.batches', 'x')")
    with connect(told.login, Role.AUDITOR) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("SELECT secret FROM access.webhook_endpoint")
