"""Each message arrives at least once, under one id, signed, and no receiver keeps others from theirs."""

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from api.outward.sealing import Seal, SealBroken, new_secret, seal_of
from api.outward.sending import Bounds
from api.outward.signature import headers
from ledger.access import deliveries, webhooks
from ledger.access.deliveries import SCHEDULE, message_id
from ledger.errors import AccessRefused
from tests.support.receiver import receiving
from tests.support.waiting import wait_until
from tests.webhooks.conftest import PAID, Post


def test_a_message_is_taken_once_and_is_signed_as_standard_webhooks_says(post: Post) -> None:
    with receiving() as receiver:
        endpoint = post.add(receiver.url)
        (event_id,) = post.tell(body=b'{"type":"payout.paid","data":{"amount":"12.30","payee":"Caf\xc3\xa9"}}')
        assert post.send() == 1
        assert post.send() == 0
    (received,) = receiver.received
    assert post.verified(received, endpoint.id)["data"] == {"amount": "12.30", "payee": "Café"}
    assert received.id == message_id(event_id, PAID, endpoint.id)
    assert received.headers["content-type"] == "application/json"
    assert abs(int(received.headers["webhook-timestamp"]) - post.now.timestamp()) < 2
    sent = post.one(endpoint.id)
    assert (sent.status, sent.attempts, sent.answer, sent.next_at) == ("DELIVERED", 1, 204, None)
    forged = received.body.replace(b"12.30", b"99.30")
    with pytest.raises(WebhookVerificationError):
        Webhook(post.secrets[endpoint.id]).verify(forged, dict(received.headers))


def test_the_signature_is_that_of_the_example_of_the_specification(post: Post) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", post.now, b'{"test": 2432232314}', [secret])
    expected = Webhook(secret).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", post.now, '{"test": 2432232314}')
    assert signed["webhook-signature"] == expected
    assert len(base64.b64decode(new_secret().removeprefix("whsec_"))) == 32


def test_a_receiver_that_is_down_for_an_hour_gets_each_message_under_the_id_of_its_first_attempt(post: Post) -> None:
    with receiving() as receiver:
        endpoint = post.add(receiver.url)
        receiver.status = 503
        post.tell(20)
        began = post.now
        while post.now < began + timedelta(hours=1):
            post.send()
            post.later(minutes=1)
        tried = set(receiver.ids)
        assert tried
        assert {each.status for each in post.deliveries(endpoint.id)} == {"PENDING"}
        receiver.status = 204
        receiver.received.clear()
        while any(each.status == "PENDING" for each in post.deliveries(endpoint.id)):
            post.send()
            post.later(minutes=1)
    listed = {each.id for each in post.deliveries(endpoint.id)}
    assert sorted(receiver.ids) == sorted(listed)
    assert tried <= listed
    # What waited is sent as soon as one message was taken, and not hours later.
    assert post.now < began + timedelta(hours=1, minutes=20)
    assert post.endpoint(endpoint.id).failing_since is None


def test_one_that_is_down_is_asked_seldom_and_by_one_message_at_a_time(post: Post) -> None:
    with receiving() as receiver:
        post.add(receiver.url)
        receiver.status = 500
        post.tell(50)
        for _ in range(60):
            post.send()
            post.later(minutes=1)
        assert 6 < len(receiver.received) < 20


def test_a_message_that_nobody_takes_is_tried_ten_times_over_three_days_and_then_given_up(post: Post) -> None:
    with receiving() as receiver:
        endpoint = post.add(receiver.url)
        receiver.status = 422
        post.tell()
        began, times = post.now, []
        while (one := post.one(endpoint.id)).status == "PENDING":
            assert one.next_at is not None
            post.now = max(one.next_at, post.endpoint(endpoint.id).not_before or post.now)
            times.append(post.now)
            post.send()
    assert len(receiver.received) == len(SCHEDULE) + 1
    assert len(set(receiver.ids)) == 1
    assert timedelta(days=2.5) < times[-1] - began < timedelta(days=4)
    assert (one.status, one.attempts, one.answer) == ("FAILED", 10, 422)
    gone = post.endpoint(endpoint.id)
    # The waits vary: where they came to less than three days, the endpoint has some time left.
    is_over = times[-1] - times[0] >= timedelta(days=3)
    disabled = ("DISABLED", "it has taken nothing for 3 days; last: status 422")
    assert (gone.state, gone.reason) == (disabled if is_over else ("ENABLED", None))


def test_pauses_have_jitter_so_that_not_all_come_back_at_once(post: Post) -> None:
    with receiving() as receiver:
        endpoint = post.add(receiver.url)
        receiver.status = 500
        post.tell(4)
        post.send()
    due = {each.next_at for each in post.deliveries(endpoint.id) if each.attempts}
    assert len(due) == 4
    assert all(each is not None and 4 <= (each - post.now).total_seconds() <= 6 for each in due)


def test_410_disables_and_what_waits_is_sent_once_it_is_enabled_again(post: Post) -> None:
    with receiving() as receiver:
        endpoint = post.add(receiver.url)
        receiver.status = 410
        post.tell()
        post.send()
        gone = post.endpoint(endpoint.id)
        assert (gone.state, gone.reason) == ("DISABLED", "it answered 410 Gone")
        assert post.tell()
        post.later(days=1)
        post.send()
        assert len(receiver.received) == 1
        receiver.status = 200
        with post.door.transaction() as cursor:
            webhooks.enable(cursor, endpoint.id)
            deliveries.begin_anew(cursor, endpoint.id, post.now)
        assert post.send() == 1
    assert len(set(receiver.ids)) == 1
    assert post.one(endpoint.id).status == "DELIVERED"


def test_who_asks_to_be_left_for_a_while_is_left(post: Post) -> None:
    with receiving() as receiver:
        endpoint = post.add(receiver.url)
        receiver.status, receiver.headers = 429, {"retry-after": "3600"}
        post.tell(2)
        post.send()
        receiver.status = 204
        receiver.received.clear()
        post.later(minutes=40)
        assert post.send() == 0
        assert receiver.received == []
        post.later(minutes=60)
        assert post.send() == 2
    assert post.endpoint(endpoint.id).not_before is None


def test_a_sender_that_is_killed_has_its_messages_sent_by_another_under_the_same_id(post: Post) -> None:
    with receiving() as receiver:
        endpoint = post.add(receiver.url)
        (event_id,) = post.tell()
        with post.door.transaction() as cursor:  # Taken, and nothing was ever heard of it.
            taken = deliveries.claim(cursor, post.now, post.now + timedelta(minutes=1), 10, each=4, failing=False)
        assert [each.id for each in taken] == [message_id(event_id, PAID, endpoint.id)]
        assert post.send() == 0
        post.later(minutes=1)
        assert post.send() == 1
    assert receiver.ids == [taken[0].id]


def test_several_senders_send_each_message_once(post: Post) -> None:
    with receiving() as receiver:
        post.add(receiver.url)
        post.tell(60)

        async def all_of_them() -> int:
            senders = [post.sender() for _ in range(3)]
            taken = await asyncio.gather(*(each.send_due() for each in senders))
            for each in senders:
                each.close()
            return sum(taken)

        assert asyncio.run(all_of_them()) == 60
    assert len(receiver.ids) == len(set(receiver.ids)) == 60


def test_one_that_does_not_answer_delays_nobody(post: Post) -> None:
    with receiving() as dead, receiving() as receiver:
        dead.waits = True
        for _ in range(6):
            post.add(dead.url)
        alive = post.add(receiver.url)
        post.tell(30)

        async def send() -> float:
            sender, stop, begun = post.sender(Bounds(in_flight=24, each=3, failing=12)), asyncio.Event(), monotonic()
            running = asyncio.create_task(sender.run(stop))
            await asyncio.to_thread(wait_until, lambda: len(receiver.ids) == 30)
            took = monotonic() - begun
            assert len(dead.received) <= 18
            dead.goes_on.set()
            stop.set()
            await running
            sender.close()
            return took

        # Who does not answer is waited for longer than that.
        assert asyncio.run(send()) < 12
    assert {each.status for each in post.deliveries(alive.id)} == {"DELIVERED"}


def test_what_is_under_way_is_waited_for_when_the_sender_ends(post: Post) -> None:
    with receiving() as receiver:
        endpoint = post.add(receiver.url)
        receiver.waits = True
        post.tell()

        async def ended() -> None:
            sender, stop = post.sender(), asyncio.Event()
            running = asyncio.create_task(sender.run(stop))
            await asyncio.to_thread(wait_until, lambda: bool(receiver.received), 10)
            stop.set()
            receiver.goes_on.set()
            await running
            sender.close()

        asyncio.run(ended())
    assert post.one(endpoint.id).status == "DELIVERED"


def test_while_a_secret_is_replaced_both_sign(post: Post) -> None:
    with receiving() as receiver:
        endpoint, new = post.add(receiver.url), new_secret()
        old = post.secrets[endpoint.id]
        with post.door.transaction() as cursor:
            rotated = webhooks.rotate(cursor, endpoint.id, post.seal.sealed(new), post.now + webhooks.BOTH_SIGN)
        assert rotated.previous_until == post.now + timedelta(days=1)
        post.tell()
        post.send()
        (received,) = receiver.received
        assert len(received.headers["webhook-signature"].split()) == 2
        for secret in (old, new):
            Webhook(secret).verify(received.body, dict(received.headers))
        post.later(days=1)
        post.tell()
        post.send()
    (signature,) = receiver.received[1].headers["webhook-signature"].split()
    with_new = headers(receiver.received[1].id, post.now, receiver.received[1].body, [new])
    assert signature == with_new["webhook-signature"]


def test_a_secret_that_another_key_has_sealed_is_told_and_sends_nothing(post: Post) -> None:
    with receiving() as receiver:
        endpoint = post.add(receiver.url)
        post.tell()
        post.seal = Seal()
        assert post.send() == 0
        assert receiver.received == []
    assert "sealed with another key" in str(post.one(endpoint.id).error)


def test_what_one_of_the_keys_has_sealed_is_opened_and_what_is_no_key_is_told(tmp_path: Path) -> None:
    first, second = (base64.b64encode(bytes([number]) * 32).decode() for number in (255, 7))
    old = Seal(first).sealed("whsec_x")
    assert Seal(f"{second}, {first}").opened(old) == "whsec_x"
    assert Seal(second).opened(Seal(f"{second},{first}").sealed("whsec_y")) == "whsec_y"
    for other in (second, None):
        with pytest.raises(SealBroken, match="WATTLEDGER_WEBHOOK_KEY"):
            Seal(other).opened(old)
    with pytest.raises(SealBroken, match="openssl"):
        Seal("too short")
    with ThreadPoolExecutor(4) as threads:
        made = [*threads.map(lambda _: seal_of(None, tmp_path / "new").sealed("whsec_z"), range(4))]
    assert {seal_of(None, tmp_path / "new").opened(each) for each in made} == {"whsec_z"}
    (kept,) = (tmp_path / "new").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_the_database_holds_no_secret(post: Post) -> None:
    endpoint = post.add("https://example.com/")
    with post.door.transaction() as cursor:
        (kept,) = cursor.execute("SELECT secret FROM access.webhook_endpoint").fetchone() or (b"",)
    secret = post.secrets[endpoint.id].removeprefix("whsec_")
    assert secret.encode() not in bytes(kept)
    assert base64.b64decode(secret) not in bytes(kept)
    assert post.seal.opened(bytes(kept)) == f"whsec_{secret}"


def test_what_is_over_is_forgotten_after_a_week_and_what_waits_is_not(post: Post) -> None:
    with receiving() as receiver:
        endpoint = post.add(receiver.url)
        post.tell(2)
        post.send()
        receiver.status = 410
        post.tell()
        post.send()
    for days, left in ((6.9, 3), (0.2, 1), (22, 1), (2, 0)):
        post.later(days=days)
        with post.door.transaction() as cursor:
            deliveries.prune(cursor, post.now)
            deliveries.prune(cursor, post.now)
            (messages,) = cursor.execute("SELECT count(*) FROM access.webhook_message").fetchone() or (0,)
        assert len(post.deliveries(endpoint.id)) == messages == left


def test_a_message_may_be_sent_again_by_hand_under_its_id(post: Post) -> None:
    with receiving() as receiver:
        endpoint = post.add(receiver.url)
        post.tell()
        post.send()
        with post.door.transaction() as cursor:
            again = deliveries.resend(cursor, post.one(endpoint.id).id, post.now)
        assert again.status == "PENDING"
        assert post.send() == 1
    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1
    with post.door.transaction() as cursor, pytest.raises(AccessRefused):
        deliveries.resend(cursor, "msg_none", post.now)


def test_a_removed_endpoint_is_sent_nothing_more(post: Post) -> None:
    with receiving() as receiver:
        endpoint = post.add(receiver.url)
        post.tell(3)
        with post.door.transaction() as cursor:
            webhooks.remove(cursor, endpoint.id)
        assert post.send() == 0
    assert receiver.received == []
