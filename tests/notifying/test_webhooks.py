"""Notices by webhook: signed, under one id, until they are taken or their subscription is disabled, which is told."""

import asyncio
from datetime import timedelta
from pathlib import Path
from time import monotonic

from standardwebhooks.webhooks import Webhook

from api.outward.sealing import new_secret
from api.outward.sending import Bounds
from api.outward.targets import Targets
from domain.notice.subscription import Severity
from ledger.access import notice_targets, notices
from ledger.access.deliveries import SCHEDULE
from tests.notifying.conftest import Office
from tests.support.mail_server import mail_server
from tests.support.receiver import receiving
from tests.support.waiting import wait_until


def test_a_notice_is_taken_once_and_says_whose_it_is(office: Office) -> None:
    with receiving() as receiver:
        target = office.subscribe(receiver.url)
        (id_,) = office.tell(target, severity=Severity.WARNING, data={"payout_id": "P-7", "amount": "12.30"})
        assert office.send() == 1
        assert office.send() == 0
    (received,) = receiver.received
    assert received.id == id_
    told = office.verified(received, target)
    assert told["type"] == "payout.paid"
    assert told["data"] == {
        "payout_id": "P-7",
        "amount": "12.30",
        "operator_id": "OP-1",
        "subscription_id": target.subscription_id,
        "severity": "WARNING",
        "resolved": False,
    }
    sent = office.one(target)
    assert (sent.status, sent.attempts, sent.answer, sent.next_at) == ("DELIVERED", 1, 204, None)


def test_each_attempt_has_the_same_id_and_the_same_body(office: Office) -> None:
    with receiving() as receiver:
        target = office.subscribe(receiver.url)
        receiver.status = 503
        office.tell(target)
        for _ in range(3):
            office.send()
            office.later(minutes=40)
        receiver.status = 204
        assert office.send() == 1
    assert len(receiver.received) == 4
    assert len({(each.id, each.body) for each in receiver.received}) == 1
    assert len({each.headers["webhook-timestamp"] for each in receiver.received}) == 4


def test_after_the_last_attempt_it_is_disabled_and_its_operator_is_told_by_mail(office: Office) -> None:
    with receiving() as receiver, mail_server() as server:
        target = office.subscribe(receiver.url)
        desk = office.subscribe("desk@example.org", events=["delivery.*"])
        receiver.status = 422
        office.tell(target)
        began, times = office.now, []
        while (one := office.one(target)).status == "PENDING":
            assert one.next_at is not None
            office.now = max(one.next_at, office.target(target).not_before or office.now)
            times.append(office.now)
            office.send()
        assert len(receiver.received) == len(SCHEDULE) + 1 == 10
        assert timedelta(days=2.5) < times[-1] - began < timedelta(days=4)
        gone = office.target(target)
        assert (one.status, gone.state) == ("FAILED", "DISABLED")
        assert "422" in str(gone.reason)
        assert office.mail(server) == 1
    (mail,) = server.to("desk@example.org")
    assert target.subscription_id in mail.text
    assert office.one(desk).type == "delivery.disabled"


def test_410_disables_at_once(office: Office) -> None:
    with receiving() as receiver:
        target = office.subscribe(receiver.url)
        office.subscribe("desk@example.org", subscription_id="MAIL")
        receiver.status = 410
        office.tell(target)
        office.send()
        office.tell(target)
        office.later(days=1)
        office.send()
        assert len(receiver.received) == 1
    gone = office.target(target)
    assert (gone.state, gone.reason) == ("DISABLED", "it answered 410 Gone")


def test_who_asks_to_be_left_for_a_while_is_left(office: Office) -> None:
    with receiving() as receiver:
        target = office.subscribe(receiver.url)
        receiver.status, receiver.headers = 429, {"retry-after": "3600"}
        office.tell(target)
        office.send()
        receiver.status = 204
        office.tell(target)
        office.later(minutes=40)
        assert office.send() == 0
        office.later(minutes=60)
        assert office.send() == 2
    assert office.target(target).not_before is None


def test_while_a_secret_is_replaced_both_sign(office: Office) -> None:
    with receiving() as receiver:
        target, new = office.subscribe(receiver.url), new_secret()
        office.tell(target)
        office.send()
        old = office.secret(target)
        with office.door.transaction() as cursor:
            notice_targets.rotate(cursor, target.id, office.seal.sealed(new), office.now + notice_targets.BOTH_SIGN)
        office.tell(target)
        office.send()
        received = receiver.received[1]
        assert len(received.headers["webhook-signature"].split()) == 2
        for secret in (old, new):
            Webhook(secret).verify(received.body, dict(received.headers))
        office.later(days=1)
        office.tell(target)
        office.send()
    assert len(receiver.received[2].headers["webhook-signature"].split()) == 1


def test_nothing_goes_to_a_private_address(office: Office) -> None:
    with receiving() as receiver:
        target = office.subscribe(receiver.url.replace("http://127.0.0.1", "https://localhost"))
        office.tell(target)
        assert office.send(office.by_webhook(targets=Targets())) == 0
        assert receiver.received == []
    one = office.one(target)
    assert one.status == "PENDING"
    assert "localhost is not a public address" in str(one.error)


def test_one_that_does_not_answer_delays_nobody(office: Office) -> None:
    with receiving() as dead, receiving() as receiver:
        dead.waits = True
        silent = [office.subscribe(dead.url) for _ in range(6)]
        alive = office.subscribe(receiver.url)
        for _ in range(10):
            office.tell(*silent, alive)

        async def send() -> float:
            sender, stop, begun = office.by_webhook(Bounds(in_flight=24, each=3)), asyncio.Event(), monotonic()
            running = asyncio.create_task(sender.run(stop))
            await asyncio.to_thread(wait_until, lambda: len(receiver.ids) == 10)
            took = monotonic() - begun
            dead.goes_on.set()
            stop.set()
            await running
            sender.close()
            return took

        # Who does not answer is waited for longer than that.
        assert asyncio.run(send()) < 12


def test_a_notice_is_sent_again_by_hand_under_its_id(office: Office) -> None:
    with receiving() as receiver:
        target = office.subscribe(receiver.url)
        (id_,) = office.tell(target)
        office.send()
        with office.door.transaction() as cursor:
            notices.replay(cursor, id_, office.now)
        assert office.send() == 1
    assert receiver.ids == [id_, id_]


def test_a_secret_is_in_no_column_and_no_error(office: Office, tmp_path: Path) -> None:
    with receiving() as receiver:
        target = office.subscribe(receiver.url)
        office.tell(target)
        office.send()
        secret = office.secret(target)
    assert secret.startswith("whsec_")
    kept = tmp_path / "kept"
    with office.door.transaction() as cursor, kept.open("wb") as file:
        for table in ("notice_target", "notice_version", "notice", "notice_delivery"):
            for row in cursor.execute(f"SELECT to_jsonb(told)::text FROM access.{table} AS told".encode()):
                file.write(row[0].encode())
    said = kept.read_bytes()
    assert target.id.encode() in said
    assert secret.encode() not in said
    assert secret.removeprefix("whsec_").encode() not in said
