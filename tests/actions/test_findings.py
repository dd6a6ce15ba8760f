"""Findings that somebody looks after, said over HTTP and listed with what is open."""

from ledger.access.duties import Duty
from tests.support.events import captured, operator
from tests.support.live import Live, act

OPERATOR = "OP-FIND"


def test_a_finding_has_an_owner_and_a_note_until_others_are_named(system: Live) -> None:
    finance, auditor = system.as_(Duty.FINANCE, acts_for="Finn"), system.as_(Duty.AUDITOR)
    system.tell(operator(OPERATOR), captured("S-lost", payment_id="P-lost"))
    listed = system.seen("/v1/breaks?subject=S-lost", finance, lambda each: each["data"])["data"]
    (found,) = (each for each in listed if each["kind"] == "CAPTURE_UNRATED")
    assert (found["owner"], found["note"]) == (None, None)
    path = f"/v1/findings/{found['finding_id']}/assign"
    for owner, note in (("Anna", "asked the gateway"), ("Ben", None)):
        answer = act(finance, path, {"owner": owner} | ({"note": note} if note else {}), Prefer="wait=10")
        assert (answer.status_code, answer.json()["state"]) == (200, "TAKEN"), answer.text
        (now,) = (
            each for each in auditor.document("/v1/breaks", subject="S-lost")["data"] if each["kind"] == found["kind"]
        )
        assert now == found | {"owner": owner, "note": note, "age_days": now["age_days"]}
    exported = finance.get("/v1/breaks", params={"subject": "S-lost", "format": "csv"}).text
    assert f"Ben,,{found['finding_id']}" in exported
    for who in (auditor, system.as_(Duty.APPROVER)):
        assert act(who, path, {"owner": "x"}).status_code == 403
    assert act(finance, "/v1/findings/none/assign", {"owner": "x"}).status_code == 404
    assert act(finance, path, {"owner": ""}).status_code == 422
