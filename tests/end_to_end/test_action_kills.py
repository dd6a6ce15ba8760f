"""Killed at any moment of an action: it is done once or not at all, and the same Idempotency-Key tells which.

Two dozen actions are on their way, each a little behind the one before, so that a kill meets twenty of them at as
many points; the others come while somebody is away.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import Any

import httpx
import pytest

from ledger.access.actions import action_id
from ledger.access.duties import Duty
from tests.end_to_end.living import Living, Victim, answer_to, living
from tests.end_to_end.paying import take_in
from tests.support.believed import BELIEVED
from tests.support.events import operator
from tests.support.waiting import wait_until

ACTIONS, STRUCK, STAGGER_S = 24, 20, 0.006
PROPOSAL: dict[str, Any] = {
    "operator_id": "OP-1",
    "amount": {"amount": "1.00", "currency": "EUR"},
    "direction": "CREDIT",
    "reason_code": "GOODWILL",
    "note": "a kill is no reason to give it twice",
}


class Proposals:
    """What Kim proposes by one key, at whatever address is served."""

    def __init__(self, system: Living) -> None:
        self.system, self.key = system, system.key(Duty.FINANCE, acts_for="Kim")

    def ask(self, once: str) -> httpx.Response | None:
        """What a proposal answers; None where the connection broke."""
        return answer_to(self.system.url, "/v1/adjustments", PROPOSAL, self.key, once)

    def answer(self, once: str) -> httpx.Response:
        """The same asked until it is answered."""
        found: list[httpx.Response] = []

        def ask() -> bool:
            answer = self.ask(once)
            found.extend([answer] if answer is not None else [])
            return answered(answer)

        wait_until(ask)
        return found[-1]

    def state(self, once: str) -> httpx.Response:
        """What is told of an action by its id."""
        path = f"/v1/actions/{action_id('Kim', once)}"
        return httpx.get(
            self.system.url + path, headers={"Authorization": f"Bearer {self.key}"}, timeout=20, verify=BELIEVED
        )

    def facts(self) -> Counter[str]:
        """How often each decision stands in the store, by its id."""
        rows = self.system.rows(
            "SELECT convert_from(state, 'UTF8')::jsonb ->> 'id' FROM event_store.stored_events "
            "WHERE topic = 'adjustment.proposed'"
        )
        return Counter(id_ for (id_,) in rows)


@pytest.fixture(scope="module")
def proposals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proposals]:
    with living(tmp_path_factory.mktemp("killed")) as system:
        system.start("serve", "consume", "project")
        take_in(system, [operator()])
        yield Proposals(system)


def answered(answer: httpx.Response | None) -> bool:
    return answer is not None and answer.status_code in (200, 202)


@pytest.mark.parametrize("victim", ["serve", "kafka", "postgres"])
def test_an_action_is_done_once_whenever_somebody_dies(proposals: Proposals, victim: Victim) -> None:
    names = [f"{victim} {number}" for number in range(ACTIONS)]
    first = struck_midway(proposals, victim, names)
    told = {name: None if each is None else each.status_code for name, each in first.items()}
    assert set(told.values()) <= {None, 200, 202, 409, 503}, told
    # Whoever asks for an action that nobody answered is told what is known, and no more.
    for name in names:
        wait_until(lambda: proposals.state(name).status_code in (200, 404))  # noqa: B023 (called before the next)
    assert set(proposals.facts().values()) <= {1}
    for name in names:
        again, before = proposals.answer(name), first[name]
        if answered(before) and before is not None:
            assert again.json() == before.json()
            assert again.headers["idempotent-replayed"] == "true"
    for name in names:
        wait_until(lambda: proposals.state(name).json().get("state") == "TAKEN")  # noqa: B023
    facts, ids = proposals.facts(), [str(action_id("Kim", name)) for name in names]
    assert {facts[id_] for id_ in ids} == {1}
    # Each is in Kafka, however often, in one and the same form.
    records = proposals.system.records("decisions")
    assert all(len({each for each in records if id_.encode() in each}) == 1 for id_ in ids)
    assert proposals.system.rows("SELECT FROM intake.deadletter") == []


def struck_midway(proposals: Proposals, victim: Victim, names: Sequence[str]) -> dict[str, httpx.Response | None]:
    """What actions answer that are on their way when somebody is killed, who is back soon."""
    struck = threading.Event()

    def strike() -> None:
        proposals.system.kill(victim)
        struck.set()

    def ask(number: int) -> httpx.Response | None:
        sleep(number * STAGGER_S)
        if number == STRUCK:
            strike()
        return proposals.ask(names[number])

    with ThreadPoolExecutor(len(names)) as threads:
        asked = [threads.submit(ask, number) for number in range(len(names))]
        assert struck.wait(180)
        proposals.system.revive(victim)
        first = [each.result() for each in asked]
    return dict(zip(names, first, strict=True))
