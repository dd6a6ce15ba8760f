"""The queue of notices: each once, as its subscription wants it, sent until it is taken or given up."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from api.outward.notices import body_of
from domain.notice.subscription import Severity
from ledger.access import notice_targets, notices
from ledger.access.notices import Notice
from ledger.errors import AccessRefused
from tests.notices.conftest import Desk


def test_a_notice_that_is_put_twice_is_one(desk: Desk) -> None:
    target = desk.set()
    told = desk.tell(target)
    desk.ask(lambda cursor: notices.put(cursor, [told, told], desk.now + timedelta(days=1)))

    (listed,) = desk.all()
    assert (listed.notice_id, listed.status, listed.next_at) == (told.id, "PENDING", desk.now)
    (due,) = desk.due()
    assert (due.id, due.type, due.data, due.target) == (
        listed.id,
        "payout.paid",
        {"sentence": "it is so"},
        "https://example.com/hook",
    )


@pytest.mark.parametrize(
    "long",
    [
        {"sentence": "x" * 50_000, "cure": "so"},
        {"sentence": "€" * 30_000, "items": [{"sentence": "\x00'\"" * 300}] * 40},
        {"report": {"waits": [{"a": "b"} for _ in range(9_000)]}, "sentence": "short", "count": 7},
    ],
)
def test_a_notice_is_never_too_long_to_be_told(desk: Desk, long: dict[str, Any]) -> None:
    notice = Notice(desk.target(desk.set()), "tariff.warning", Severity.INFO, "T", desk.now, long)
    desk.ask(lambda cursor: notices.put(cursor, [notice], desk.now))
    (due,) = desk.due()
    assert len(body_of(due)) < 20_000
    assert due.data["sentence"][:4] == long["sentence"][:4]
    assert "\0" not in str(due.data)


def test_what_somebody_took_is_due_again_when_nothing_is_heard_of_it(desk: Desk) -> None:
    desk.tell(desk.set())
    assert len(desk.due()) == 1
    assert desk.due() == []

    desk.later(seconds=61)

    assert len(desk.due()) == 1


def test_outcomes_are_noted_of_the_notice_and_of_its_target(desk: Desk) -> None:
    target = desk.set()
    desk.tell(target)
    (due,) = desk.due()
    again = desk.now + timedelta(seconds=5)
    desk.ask(lambda cursor: notices.failed(cursor, due, 503, "busy", now=desk.now, next_at=again, not_before=again))
    assert (desk.target(target).failures, desk.all()[0].error) == (1, "busy")

    desk.now = again
    assert desk.due() == []
    (due,) = desk.due(failing=True)
    assert due.step == 1
    desk.ask(lambda cursor: notices.delivered(cursor, due, 204, desk.now))

    (listed,) = desk.all()
    assert (listed.status, listed.attempts, listed.answer, listed.error) == ("DELIVERED", 2, 204, None)
    assert (desk.target(target).failures, desk.target(target).delivered_at) == (0, desk.now)


def test_a_postponed_notice_has_used_no_attempt(desk: Desk) -> None:
    desk.tell(desk.set(channel="MAIL", target="a@example.org"))
    (due,) = desk.due("MAIL")
    desk.ask(lambda cursor: notices.postpone(cursor, due, desk.now + timedelta(minutes=5)))
    desk.later(minutes=4)
    assert desk.due("MAIL") == []

    desk.later(minutes=1)

    (due,) = desk.due("MAIL")
    assert (due.step, desk.all()[0].attempts) == (0, 0)


def test_one_target_takes_no_more_than_its_share_of_what_is_sent_at_once(desk: Desk) -> None:
    busy, idle = desk.set(subscription="busy"), desk.set(subscription="idle")
    for number in range(5):
        desk.tell(busy, f"P-{number}")
    desk.tell(idle)

    assert [each.target_id for each in desk.due(each=2)].count(idle) == 1


def test_a_target_that_is_disabled_is_sent_nothing_until_a_later_version_and_others_hear_of_it(desk: Desk) -> None:
    target = desk.set()
    mail = desk.set(subscription="mail", channel="MAIL", target="a@example.org", events=["payout.*"])
    desk.set("OP-2", "foreign", channel="MAIL", target="b@example.org")
    desk.tell(target)
    desk.ask(lambda cursor: notices.disable(cursor, target, "it answered 410 (Gone)", desk.now))
    desk.ask(lambda cursor: notices.disable(cursor, target, "something else", desk.now))

    assert desk.due() == []
    assert (desk.target(target).state, desk.target(target).reason) == ("DISABLED", "it answered 410 (Gone)")
    (told,) = desk.due("MAIL")
    assert (told.target_id, told.type, told.data["reason"]) == (mail, "delivery.disabled", "it answered 410 (Gone)")
    with pytest.raises(AccessRefused, match=r"disabled .it answered 410"):
        desk.ask(lambda cursor: notices.put_test(cursor, target, "1", desk.now))

    desk.later(hours=1)
    desk.set(target="https://example.com/other")

    (due,) = desk.due()
    assert due.target == "https://example.com/other"


def test_what_waits_for_a_subscription_that_is_switched_off_is_not_sent(desk: Desk) -> None:
    target = desk.set(digest="DAILY")
    bundled = desk.tell(target)
    desk.later(minutes=1)
    desk.set(enabled=False)

    (listed,) = desk.all()
    assert (listed.notice_id, listed.status, listed.error) == (bundled.id, "FAILED", notice_targets.SWITCHED_OFF)


def test_quiet_hours_hold_all_but_what_is_critical(desk: Desk) -> None:
    target = desk.set(quiet={"from": "11:00", "to": "14:30"})
    desk.tell(target, "calm")
    desk.tell(target, "fire", severity=Severity.CRITICAL)

    assert [(each.cause, each.status) for each in sorted(desk.all(), key=lambda each: each.cause)] == [
        ("calm", "HELD"),
        ("fire", "PENDING"),
    ]
    assert len(desk.due()) == 1
    desk.later(hours=2.5)
    assert [each.data for each in desk.due()][-1:] == [{"sentence": "it is so"}]


def test_the_latest_version_in_effect_rules_whatever_the_order_of_arrival(desk: Desk) -> None:
    noon = desk.now
    target = desk.set(target="https://example.com/2")
    desk.set(target="https://example.com/1", at=noon - timedelta(hours=1))
    desk.set(target="https://example.com/3", at=noon + timedelta(hours=1))
    assert desk.target(target).data["target"] == "https://example.com/2"
    assert desk.target(target).since == noon - timedelta(hours=1)

    desk.later(hours=2)
    desk.ask(lambda cursor: notice_targets.bring_into_effect(cursor, desk.now))

    assert desk.target(target).data["target"] == "https://example.com/3"


def test_a_secret_is_kept_once_it_is_there_and_signs_on_while_it_is_replaced(desk: Desk) -> None:
    target = desk.set()
    assert desk.ask(lambda cursor: notice_targets.ensure_secret(cursor, target, b"one")) == b"one"
    assert desk.ask(lambda cursor: notice_targets.ensure_secret(cursor, target, b"two")) == b"one"
    until = desk.now + timedelta(days=1)
    desk.ask(lambda cursor: notice_targets.rotate(cursor, target, b"three", until))

    desk.tell(target)
    (due,) = desk.due()
    assert (due.secret, due.previous_secret) == (b"three", b"one")
    desk.later(days=2)
    (due,) = desk.due()
    assert (due.secret, due.previous_secret) == (b"three", None)


def test_a_test_arrives_in_quiet_hours_and_beside_digests(desk: Desk) -> None:
    target = desk.set(quiet={"from": "00:00", "to": "23:59"}, digest="DAILY")

    tried = desk.ask(lambda cursor: notices.put_test(cursor, target, "1", desk.now))

    assert [each.id for each in desk.due()] == [tried.id]


def test_replaying_sends_again_under_the_same_id(desk: Desk) -> None:
    desk.tell(desk.set())
    (due,) = desk.due()
    desk.ask(lambda cursor: notices.delivered(cursor, due, 200, desk.now))
    assert desk.due() == []

    desk.ask(lambda cursor: notices.replay(cursor, due.id, desk.now))

    assert [each.id for each in desk.due()] == [due.id]
    with pytest.raises(AccessRefused, match="no notice 'msg_0'"):
        desk.ask(lambda cursor: notices.replay(cursor, "msg_0", desk.now))


def test_notices_are_listed_by_page_operator_and_what_is_open(desk: Desk) -> None:
    first, second = desk.set("OP-1"), desk.set("OP-2")
    for number in range(3):
        desk.tell(first, f"P-{number}")
    desk.tell(second, "EVSE-1", "charger.down", has_end=True)

    assert {each.cause for each in desk.all(operators=["OP-1"])} == {"P-0", "P-1", "P-2"}
    assert [each.cause for each in desk.all(is_open=True)] == ["EVSE-1"]
    assert desk.all(operators=[]) == []
    seen, behind = [], None
    while page := desk.ask(partial(notices.newest, limit=3, behind=behind)):
        seen += [each.id for each in page]
        behind = page[-1].created_at, page[-1].notice_id
    assert sorted(seen) == sorted(each.id for each in desk.all())
    assert len(seen) == 4


def test_what_is_over_is_forgotten_after_a_while_and_what_waits_is_given_up(desk: Desk) -> None:
    target = desk.set()
    desk.tell(target, "told")
    waits = desk.tell(target, "waits")
    desk.tell(target, "open", "charger.down", has_end=True)
    for due in desk.due():
        if due.notice_id != waits.id:
            desk.ask(partial(_taken, due=due, desk=desk))
    desk.later(days=31)
    desk.ask(lambda cursor: notices.prune(cursor, desk.now))
    assert {each.cause: each.status for each in desk.all()}["waits"] == "FAILED"

    desk.later(days=60)
    desk.ask(lambda cursor: notices.prune(cursor, desk.now))

    assert {each.cause for each in desk.all()} == {"open"}


def _taken(cursor: Any, due: notices.DueNotice, desk: Desk) -> None:
    notices.delivered(cursor, due, 200, desk.now)
