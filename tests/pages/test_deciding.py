"""People decide on pages, in real browsers, with the intake in the loop."""

from collections.abc import Callable
from typing import Any

import httpx
import orjson
from playwright.sync_api import Page

from ledger.access.duties import Duty
from tests.support.believed import BELIEVED
from tests.support.browser import follow
from tests.support.events import operator, started
from tests.support.forms import complaint, fits, send
from tests.support.live import Live, act
from tests.support.surface import Client
from tests.support.waiting import wait_until


def test_two_people_approve_a_payout_and_an_old_page_is_told_what_changed(
    system: Live, anna: Page, ben: Page, reads: Client, waiting: Callable[..., dict[str, Any]]
) -> None:
    payout = waiting(2)
    path = f"/payouts/{payout['payout_id']}"
    for page in (anna, ben):
        page.goto(path)
        assert payout["content_hash"] in page.locator("#decision").inner_text()
    fits(anna)
    assert send(anna, "approve") == "TAKEN"
    fits(anna)
    system.seen(f"/v1{path}", reads, lambda each: len(each["approvals"]) == 1)
    follow(anna.get_by_role("link", name="To what it is about"))
    assert "You have approved this already" in anna.locator("#decision").inner_text()
    assert "1 more person has to approve it, of 2" in anna.locator("#decision").inner_text()
    assert anna.locator("#approve").count() == 0
    # He has the page of before her approval.
    follow(ben.locator("#approve > button"))
    assert "has changed since it was read" in complaint(ben)
    assert "Approved by was nothing when you read it, and is Anna now" in ben.locator("#approve").inner_text()
    fits(ben)
    assert send(ben, "approve") == "TAKEN"
    gone = system.seen(f"/v1{path}", reads, lambda each: each["status"] == "IN_TRANSIT")
    assert [each["by"] for each in gone["approvals"]] == ["Anna", "Ben"]


def test_a_rejection_says_why_and_pays_nobody(
    system: Live, anna: Page, reads: Client, waiting: Callable[..., dict[str, Any]]
) -> None:
    payout = waiting()
    anna.goto(f"/payouts/{payout['payout_id']}")
    anna.locator("#reject-reason").evaluate("each => each.removeAttribute('required')")
    follow(anna.locator("#reject > button"))
    assert anna.locator("#reject-reason").get_attribute("aria-invalid") == "true"
    fits(anna)
    assert send(anna, "reject", reason="the account is not the operator's") == "TAKEN"
    system.seen(f"/v1/payouts/{payout['payout_id']}", reads, lambda each: each["status"] == "REJECTED")


def test_a_form_that_is_sent_twice_acts_once(
    system: Live, fred: Page, waiting: Callable[..., dict[str, Any]]
) -> None:
    name = waiting()["operator_id"]
    fred.goto(f"/operators/{name}")
    fits(fred)
    fields = fred.locator("#hold").evaluate("each => Object.fromEntries(new FormData(each))")
    fields["reason"] = "papers are missing"
    answers = [_send(fred, f"/operators/{name}/hold", fields) for _ in range(2)]
    assert [each.status_code for each in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    told = system.rows("SELECT FROM projection.decisions WHERE type = 'operator.payouts_held' AND subject = %s", name)
    assert len(told) == 1
    fred.goto(f"/operators/{name}")
    assert "papers are missing" in fred.locator("#payouts-held").inner_text()
    assert send(fred, "release", reason="they came") == "TAKEN"


def test_a_reserve_is_held_and_given_back_in_parts(
    system: Live, fred: Page, reads: Client, waiting: Callable[..., dict[str, Any]]
) -> None:
    name = waiting()["operator_id"]
    fred.goto(f"/operators/{name}")
    follow(fred.get_by_role("link", name="Reserves held by people"))
    fits(fred)
    told = {"amount": "3.00", "currency": "EUR", "reason": "many disputes"}
    fred.fill("#reserve-until", "in summer")
    for field, text in told.items():
        fred.fill(f"#reserve-{field}", text)
    follow(fred.locator("#reserve > button"))
    assert "such as 2026-03-25" in fred.locator("#reserve-until-wrong").inner_text()
    assert fred.input_value("#reserve-until") == "in summer"
    assert send(fred, "reserve", until="2046-06-30") == "TAKEN"
    ((id_, left),) = _holds(system, reads, name, 1)
    assert left == "3.00"
    (hold,) = reads.document(f"/v1/operators/{name}/holds")["data"]
    assert hold["until"] == "2046-06-29T22:00:00Z", "that is when the day begins in Amsterdam"
    fred.goto(f"/operators/{name}/reserves")
    fred.fill(f"#give-back-{id_}-amount", "1.001")
    fred.fill(f"#give-back-{id_}-reason", "one was won")
    follow(fred.locator(f"#give-back-{id_} > button"))
    assert fred.locator(f"#give-back-{id_}-amount").get_attribute("aria-invalid") == "true"
    fred.fill(f"#give-back-{id_}-amount", "1.00")
    assert send(fred, f"give-back-{id_}", reason="one was won") == "TAKEN"
    system.seen(f"/v1/operators/{name}/holds", reads, lambda each: each["data"][0]["left"]["amount"] == "2.00")
    fred.goto(f"/operators/{name}/reserves")
    fits(fred)
    assert "one was won" in fred.locator("main").inner_text()


def _holds(system: Live, reads: Client, name: str, number: int) -> list[tuple[str, str]]:
    found = system.seen(f"/v1/operators/{name}/holds", reads, lambda each: len(each["data"]) == number)["data"]
    return [(each["hold_id"], each["left"]["amount"]) for each in found]


def test_a_form_without_its_token_or_of_another_session_does_nothing(
    system: Live, anna: Page, fred: Page, waiting: Callable[..., dict[str, Any]]
) -> None:
    name = waiting()["operator_id"]
    fred.goto(f"/operators/{name}")
    fields = fred.locator("#hold").evaluate("each => Object.fromEntries(new FormData(each))") | {"reason": "x"}
    anna.goto("/cash")
    hers = anna.locator("input[name=csrf]").first.get_attribute("value")
    for token in (None, "", "made.up", hers):
        sent = {**fields, "csrf": token} if token is not None else {n: v for n, v in fields.items() if n != "csrf"}
        answer = _send(fred, f"/operators/{name}/hold", sent)
        assert answer.status_code == 403, token
        assert "load the page again" in answer.text
    assert _send(fred, f"/operators/{name}/hold", fields, signed_in=False).status_code == 401
    told = system.rows("SELECT FROM access.action WHERE subject = %s", name)
    assert told == []


def test_a_role_that_may_not_sees_no_form_and_its_posts_are_refused(
    people: Callable[..., Page], fred: Page, waiting: Callable[..., dict[str, Any]]
) -> None:
    payout = waiting()
    name, path = payout["operator_id"], f"/payouts/{payout['payout_id']}"
    fred.goto(path)
    assert "Approvers decide; your role is finance." in fred.locator("#decision").inner_text()
    olga = people("Olga", Duty.OPERATOR, name)
    for place in (path, f"/operators/{name}"):
        olga.goto(place)
        assert olga.locator("form.act").count() == 0
    assert olga.locator("#decision").count() == 0
    for page, place in ((olga, path), (fred, path)):
        token = page.locator("input[name=csrf]").first.get_attribute("value")
        fields = {"csrf": token, "once": "x", "tag": "*", "content_hash": payout["content_hash"]}
        assert _send(page, f"{place}/approve", fields).status_code == 403


def test_all_payouts_are_stopped_and_every_page_says_so(system: Live, anna: Page, fred: Page) -> None:
    fred.goto("/health")
    fits(fred)
    assert send(fred, "stop", reason="something is wrong") == "TAKEN"
    anna.goto("/cash")
    assert "something is wrong" in anna.locator(".stopped").inner_text()
    fits(anna)
    fred.goto("/health")
    assert fred.locator("#resume").count() == 0
    assert "Approvers resume them." in fred.locator(".stopped").inner_text()
    assert fred.locator(".stopped a").count() == 0
    follow(anna.locator(".stopped a"))
    assert send(anna, "resume", reason="it was not") == "TAKEN"
    anna.goto("/cash")
    assert anna.locator(".stopped").count() == 0


def test_an_adjustment_is_proposed_by_one_and_approved_by_another(
    system: Live, people: Callable[..., Page], anna: Page, fred: Page, reads: Client
) -> None:
    system.tell(operator("OP-PAGE-ADJ"))
    fred.goto("/adjustments?operator_id=OP-PAGE-ADJ")
    fits(fred)
    told = {"amount": "25.001", "currency": "eur", "reason_code": "GOODWILL", "note": "the charger was out of order"}
    for name, value in told.items():
        fred.fill(f"#propose-{name}", value)
    follow(fred.locator("#propose > button"))
    assert fred.locator("#propose-amount").get_attribute("aria-invalid") == "true"
    assert fred.input_value("#propose-note") == told["note"]
    fits(fred)
    assert send(fred, "propose", amount="25.00") == "TAKEN"
    follow(fred.get_by_role("link", name="To what it is about"))
    fits(fred)
    assert fred.locator("h1 .badge").inner_text() == "PROPOSED"
    assert fred.locator("form.act").count() == 0
    anna.goto(fred.url)
    assert send(anna, "approve") == "TAKEN"
    path = f"/v1/adjustments/{fred.url.rpartition('/')[2]}"
    decided = system.seen(path, reads, lambda each: each["state"] == "APPROVED")
    assert (decided["proposed_by"], decided["decided_by"], decided["direction"]) == ("Fred", "Anna", "CREDIT")


def test_who_proposed_does_not_decide_whatever_her_role_is_by_then(
    system: Live, people: Callable[..., Page], reads: Client
) -> None:
    system.tell(operator("OP-PAGE-MAKER"))
    body = {
        "operator_id": "OP-PAGE-MAKER",
        "amount": {"amount": "5.00", "currency": "EUR"},
        "direction": "DEBIT",
        "reason_code": "FEE",
        "note": "a visit",
    }
    proposed = act(system.as_(Duty.FINANCE, acts_for="Mona"), "/v1/adjustments", body, Prefer="wait=10").json()
    mona = people("Mona", Duty.APPROVER)
    path = f"/adjustments/{proposed['action_id']}"
    mona.goto(path)
    assert "Mona proposed this, and who proposes does not decide" in mona.locator("#decision").inner_text()
    token = mona.locator("input[name=csrf]").first.get_attribute("value")
    answer = _send(mona, f"{path}/approve", {"csrf": token, "once": "mine", "tag": "*"})
    assert answer.status_code == 403
    assert "who proposes does not decide" in answer.text
    assert reads.document(f"/v1{path}")["state"] == "PROPOSED"


def test_a_refused_record_is_mended_where_it_was_wrong_and_sent_again(system: Live, fred: Page) -> None:
    wrong = operator("OP-PAGE-MENDED") | {"type": "charging.unheard_of"}
    system.publish(orjson.dumps(wrong))
    seen = "SELECT deadletter_id::text FROM intake.deadletter WHERE event_id = %s"
    wait_until(lambda: bool(system.rows(seen, wrong["id"])))
    ((id_,),) = system.rows(seen, wrong["id"])
    fred.goto(f"/dead-letters/{id_}")
    fits(fred)
    text = fred.input_value("#mend-value")
    assert orjson.loads(text) == wrong
    mended = started("S-PAGE-MENDED") | {"id": wrong["id"]}
    broken = {**mended, "data": {**mended["data"], "started_at": "yesterday"}}
    fred.fill("#mend-value", orjson.dumps(broken).decode())
    fred.fill("#mend-reason", "the type was wrong")
    follow(fred.locator("#mend > button"))
    assert "started_at" in fred.locator("#mend-value-wrong").inner_text()
    assert "yesterday" in fred.input_value("#mend-value")
    fits(fred)
    assert send(fred, "mend", value=orjson.dumps(mended).decode()) == "TAKEN"
    assert system.knows(str(mended["source"]), str(mended["id"]))
    system.publish(orjson.dumps(wrong | {"id": "again-1"}), orjson.dumps(wrong | {"id": "again-2"}))
    wait_until(lambda: bool(system.rows(seen, "again-1") and system.rows(seen, "again-2")))
    fred.goto("/dead-letters?code=UNKNOWN_TYPE")
    fits(fred)
    assert send(fred, "replay-code", reason="their type is known by now, we thought") == "REFUSED"
    assert "2 of 2 were refused again" in fred.locator("dl").inner_text()


def test_somebody_looks_after_a_finding_and_what_is_no_loss_is_not_written_off(
    fred: Page, reads: Client, waiting: Callable[..., dict[str, Any]]
) -> None:
    payout = waiting()
    fred.goto(f"/breaks?subject={payout['payout_id']}")
    follow(fred.locator(f"tr[data-id='{payout['payout_id']}'] th a"))
    fits(fred)
    assert send(fred, "assign", owner="Anna", note="before noon") == "TAKEN"
    (found,) = reads.document("/v1/breaks", subject=payout["payout_id"])["data"]
    assert (found["owner"], found["note"]) == ("Anna", "before noon")
    follow(fred.get_by_role("link", name="To what it is about"))
    follow(fred.get_by_role("link", name="Propose to write it off"))
    assert fred.input_value("#propose-account") == found["account"]
    assert fred.input_value("#propose-amount") == found["amount"]["amount"]
    # What the operator is owed is no loss of anybody's: it is refused, and what was filled in is kept.
    fred.fill("#propose-reason_code", "UNCOLLECTABLE")
    fred.fill("#propose-note", "nobody pays it any more")
    follow(fred.locator("#propose > button"))
    assert found["account"] in complaint(fred)
    assert fred.input_value("#propose-note") == "nobody pays it any more"


def _send(page: Page, path: str, fields: dict[str, Any], *, signed_in: bool = True) -> httpx.Response:
    """What a form answers whose fields are these, sent with the cookies of a browser."""
    base = page.url.split("/", 3)
    jar = {str(each["name"]): str(each["value"]) for each in page.context.cookies()} if signed_in else {}
    return httpx.post("/".join(base[:3]) + path, data=fields, cookies=jar, timeout=120, verify=BELIEVED)
