"""Payees of payments in files not checked by banks: a company's decision, kept with its date and who made it."""

from ledger.access.duties import Duty
from ledger.audit import verify
from tests.support.live import Live, act

PATH, WAIT = "/v1/payee-checks", "wait=10"
ASKED = {"opted_out": False, "since": None, "by": None, "reason": None}


def test_an_approver_decides_it_on_what_was_read_and_takes_it_back(system: Live) -> None:
    anna, fred = system.as_(Duty.APPROVER, acts_for="Anna"), system.as_(Duty.FINANCE, acts_for="Fred")
    read = fred.get(PATH)
    assert {name: read.json()[name] for name in ASKED} == ASKED
    tag = read.headers["etag"]
    told = {"reason": "our own checks"}
    assert act(fred, f"{PATH}/opt-out", told).status_code == 403
    assert act(system.as_(Duty.APPROVER), f"{PATH}/opt-out", told).json()["type"] == "/problems/four_eyes"
    assert act(anna, f"{PATH}/opt-out", told, If_Match=tag, Prefer=WAIT).json()["state"] == "TAKEN"
    found = system.seen(PATH, fred, lambda each: each["opted_out"])
    assert (found["by"], found["reason"]) == ("Anna", "our own checks")
    assert act(anna, f"{PATH}/opt-in", told, If_Match=tag).status_code == 412
    assert act(anna, f"{PATH}/opt-in", {"reason": "free by now"}, Prefer=WAIT).json()["state"] == "TAKEN"
    system.seen(PATH, fred, lambda each: not each["opted_out"])
    assert system.as_(Duty.OPERATOR, "OP-X").get(PATH).status_code == 403
    assert verify(system.dsn).passed, verify(system.dsn).failed
