"""While Kafka is away an action answers 503 and nothing of it happens; asked again by its key it is done once."""

from ledger.access.duties import Duty
from tests.support.events import operator
from tests.support.live import Live, once

OPERATOR, OTHER = "OP-AWAY", "OP-ELSEWHERE"
WHY = {"reason": "papers are missing"}
WAIT = {"Prefer": "wait=10"}


def test_an_action_is_put_off_while_kafka_is_away_and_done_once_when_it_is_back(system: Live) -> None:
    system.tell(operator(OPERATOR), operator(OTHER))
    fred = system.as_(Duty.FINANCE, acts_for="Fred")
    path, asked = f"/v1/operators/{OPERATOR}/hold", once()
    # Two of another one, before and after it: whoever sends has done so before the broker goes.
    told = (fred.post(f"/v1/operators/{OTHER}/release", json=WHY, headers=once() | WAIT) for _ in range(2))
    assert next(told).json()["state"] == "REFUSED"
    before = len(system.records("decisions"))

    system.kafka.kill()
    for how in ({}, WAIT):
        answer = fred.post(path, json=WHY, headers=asked | how)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable"), answer.text
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["content-type"] == "application/problem+json"
        assert "Kafka" in answer.json()["detail"]
    # Reads go on.
    assert fred.document(f"/v1/operators/{OPERATOR}")["held"]["held"] is False
    system.kafka.start()
    assert next(told).status_code in (200, 202)
    assert len(system.records("decisions")) == before + 1, "what was answered by 503 has gone out by itself"

    answer = fred.post(path, json=WHY, headers=asked)
    assert answer.status_code == 202, answer.text
    system.seen(answer.headers["location"], fred, lambda each: each["state"] == "TAKEN")
    assert fred.document(f"/v1/operators/{OPERATOR}")["held"]["held"] is True
    again = fred.post(path, json=WHY, headers=asked)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    assert len(system.records("decisions")) == before + 2
    assert system.rows("SELECT count(*) FROM intake.deadletter WHERE event_type = 'operator.payouts_held'") == [(0,)]
