"""Money that people decide about on pages: paid at once, paid again, to another account, held, written off."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from ledger.access.duties import Duty
from tests.support.aftermath import payout_answer
from tests.support.browser import follow
from tests.support.events import event, operator
from tests.support.forms import fits, send
from tests.support.live import Live, act
from tests.support.surface import Client

FEE = {"percent": "1", "fixed": "0.50", "vat_percent": "21"}
_PEOPLE = ((Duty.FINANCE, "Fred"), (Duty.APPROVER, "Anna"))
ACCOUNT = {"holder": "Grachtenlader BV", "iban": "DE02120300000000202051"}


def facts(page: Page, within: str = "main") -> str:
    return page.locator(f"{within} dl").first.inner_text()


def test_an_operator_is_paid_at_once_for_a_fee_that_was_shown_before(
    system: Live, fred: Page, anna: Page, earning: Callable[..., str]
) -> None:
    name = earning(instant_fee=FEE, limits={"instant": "8.00"})
    system.advance("2026-03-02T16:00:00Z")
    fred.goto(f"/operators/{name}")
    follow(fred.get_by_role("link", name="Pay it at once"))
    assert "1 % and EUR 0.50, and 21 % VAT on both" in facts(fred)
    assert fred.locator("[data-field=most]").get_attribute("value") == "8.00"
    assert fred.locator("#instant").count() == 0
    fred.fill("#f-amount", "8.01")
    follow(fred.get_by_role("button", name="Show its fee"))
    assert "no more than" in fred.locator("#f-amount-wrong").inner_text()
    assert fred.input_value("#f-amount") == "8.01"
    fred.fill("#f-amount", "5.00")
    follow(fred.get_by_role("button", name="Show its fee"))
    fits(fred)
    for field, value in (("fee", "0.55"), ("fee_vat", "0.12"), ("stays", "5.22")):
        assert fred.locator(f"[data-field={field}]").get_attribute("value") == value
    assert send(fred, "instant", reason="the rent is due") == "TAKEN"
    asked = system.rows("SELECT amount, reason FROM intake.instant_request WHERE operator_id = %s", name)
    assert asked == [(500, "the rent is due")]
    follow(fred.get_by_role("link", name="To what it is about"))
    assert fred.url.endswith(f"/operators/{name}")
    anna.goto(f"/operators/{name}/instant-payout")
    assert "Finance asks for instant payouts; your role is approver." in anna.locator("main").inner_text()
    assert "the rent is due" in anna.locator("main").inner_text()


def test_nobody_is_paid_at_once_whose_terms_do_not_say_so_or_whose_payouts_are_held(
    system: Live, fred: Page, earning: Callable[..., str]
) -> None:
    fred.goto(f"/operators/{earning()}/instant-payout")
    assert "terms have no instant payouts" in fred.locator("main").inner_text()
    name = earning(instant_fee=FEE)
    fred.goto(f"/operators/{name}")
    assert send(fred, "hold", reason="papers are missing") == "TAKEN"
    fred.goto(f"/operators/{name}/instant-payout")
    assert "Its payouts are held" in fred.locator("main").inner_text()
    fits(fred)
    fred.goto(f"/operators/{name}")
    assert "pays nothing. Held by somebody: papers are missing." in fred.locator("main").inner_text()
    assert send(fred, "release", reason="they came") == "TAKEN"
    fred.goto(f"/operators/{name}")
    assert fred.locator("#hold").count() == 1
    assert "Held by somebody" not in fred.locator("main").inner_text()


def test_a_payout_that_failed_is_sent_again_and_says_so(
    system: Live, fred: Page, anna: Page, reads: Client, earning: Callable[..., str]
) -> None:
    name = earning()
    system.advance("2026-03-03T06:00:00Z")
    (payout,) = system.seen(f"/v1/payouts?operator_id={name}", reads, lambda each: each["data"])["data"]
    path = f"/payouts/{payout['payout_id']}"
    system.tell(payout_answer("failed", payout["payout_id"], "2026-03-03T10:00:00Z"))
    system.seen(f"/v1{path}", reads, lambda each: each["status"] == "FAILED")
    anna.goto(path)
    assert anna.locator("#retry").count() == 0
    fred.goto(path)
    fits(fred)
    assert send(fred, "retry", reason="the bank mended it") == "TAKEN"
    follow(fred.get_by_role("link", name="To what it is about"))
    assert "Fred" in fred.locator("#decision").inner_text()
    assert "goes out at the next run" in fred.locator("#decision").inner_text()
    assert fred.locator("#retry").count() == 0
    fits(fred)


def test_an_account_is_proposed_by_one_and_confirmed_by_another_who_states_it_again(
    system: Live, fred: Page, anna: Page, reads: Client, earning: Callable[..., str]
) -> None:
    name = earning(account_change="CONFIRM")
    fred.goto(f"/operators/{name}")
    fred.fill("#account-holder", ACCOUNT["holder"])
    fred.fill("#account-iban", "DE00 1234")
    follow(fred.locator("#account > button"))
    assert fred.locator("#account-iban").get_attribute("aria-invalid") == "true"
    assert fred.input_value("#account-holder") == ACCOUNT["holder"]
    fits(fred)
    assert send(fred, "account", iban="DE02 1203 0000 0000 2020 51") == "TAKEN"
    anna.goto(f"/operators/{name}")
    assert "Fred" in anna.locator("#bank-account").inner_text()
    fits(anna)
    assert send(anna, "account", holder=ACCOUNT["holder"], iban=ACCOUNT["iban"]) == "TAKEN"
    follow(anna.get_by_role("link", name="To what it is about"))
    assert "Anna" in anna.locator("#bank-account").inner_text()
    assert anna.locator("#account").count() == 0


def test_a_loss_is_written_off_by_two(
    system: Live, fred: Page, anna: Page, reads: Client, earning: Callable[..., str]
) -> None:
    name = earning()
    money = {"amount": "40.00", "currency": "EUR"}
    fee = {"operator_id": name, "amount": money, "direction": "DEBIT", "reason_code": "FEE", "note": "a visit"}
    maker, checker = (system.as_(duty, acts_for=who) for duty, who in _PEOPLE)
    owed = act(maker, "/v1/adjustments", fee, Prefer="wait=10")
    path = f"/v1/adjustments/{owed.json()['action_id']}"
    tag = checker.get(path).headers["etag"]
    act(checker, f"{path}/approve", If_Match=tag, Prefer="wait=10")
    system.seen(f"/v1/operators/{name}/balances", reads, lambda each: "-29.11" in str(each))
    fred.goto(f"/write-offs?account=2010/{name}&amount=29.11&currency=EUR")
    told = {"reason_code": "UNCOLLECTABLE", "note": "the operator was wound up"}
    assert send(fred, "propose", **told) == "TAKEN"
    follow(fred.get_by_role("link", name="To what it is about"))
    fits(fred)
    assert "Approvers decide; your role is finance." in fred.locator("#decision").inner_text()
    anna.goto(fred.url)
    fits(anna)
    assert send(anna, "approve", reason="agreed") == "TAKEN"
    decided = system.seen(f"/v1/write-offs/{fred.url.rpartition('/')[2]}", reads, lambda each: each["entry_id"])
    assert (decided["state"], decided["proposed_by"], decided["decided_by"]) == ("APPROVED", "Fred", "Anna")


def test_who_approves_is_told_why_a_payout_waits_and_whose_account_it_is(
    system: Live, anna: Page, earning: Callable[..., str], reads: Client
) -> None:
    name = earning()
    account: dict[str, Any] = operator(name)["data"]["bank_account"]
    answer = {"operator_id": name, "bank_account": account, "result": "NO_MATCH", "suggested_name": "Somebody Else"}
    at = "2026-03-02T12:00:00Z"
    system.tell(event("payee.verified", name, at, answer | {"provider": "acme-vop", "at": at}, f"payee:{name}"))
    system.advance("2026-03-03T06:00:00Z")
    (payout,) = system.seen(f"/v1/payouts?operator_id={name}", reads, lambda each: each["data"])["data"]
    assert payout["doubts"] == ["PAYEE_NO_MATCH"]
    anna.goto("/approvals")
    row = anna.locator(f"tr[data-id='{payout['payout_id']}']").inner_text()
    assert "The bank knows the account under another name" in row
    assert "0 of 2" in row
    follow(anna.locator(f"tr[data-id='{payout['payout_id']}'] th a"))
    told = anna.locator("#decision").inner_text()
    assert "known to its bank under another name (Somebody Else), acme-vop" in told
    assert "2 more people have to approve it, of 2" in told
    fits(anna)
    assert send(anna, "approve") == "TAKEN"
    anna.goto(f"/operators/{name}")
    assert "known to its bank under another name (Somebody Else)" in anna.locator("main").inner_text()


def test_payees_of_files_that_are_not_checked_are_told_with_who_decided_so(
    system: Live, anna: Page, fred: Page, earning: Callable[..., str]
) -> None:
    name = earning()
    fred.goto("/health")
    assert fred.locator("#opt-out").count() == 0
    anna.goto("/health")
    fits(anna)
    assert send(anna, "opt-out", reason="we check them ourselves") == "TAKEN"
    fred.goto(f"/operators/{name}")
    assert "payees of files are not checked since" in fred.locator("main").inner_text()
    follow(anna.get_by_role("link", name="To what it is about"))
    assert "as Anna decided: we check them ourselves" in anna.locator("#payees").inner_text()
    assert send(anna, "opt-in", reason="the bank does") == "TAKEN"
    fred.goto(f"/operators/{name}")
    assert "nobody has asked its bank" in fred.locator("main").inner_text()
