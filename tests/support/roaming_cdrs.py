"""A store whose CDRs are pushed to partners of the tests, each with sessions of its own."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial as bound
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from api.ocpi.pushing.answers import Answers
from api.ocpi.pushing.modules import sources
from ledger.access.door import Door
from projections.roaming.feed import make_all_visible
from tests.conftest import Stores
from tests.ocpi.conftest import Platform, pushing, serving_ocpi
from tests.ocpi.test_cdrs import of
from tests.support.aftermath import cdr_id
from tests.support.broker import Broker
from tests.support.engine import Engine
from tests.support.events import operator, tariff
from tests.support.events import partner as registered
from tests.support.partner import TestPartner, enveloped, partner
from tests.support.waiting import wait_until

LATER = "2026-03-10T00:00:00Z"


@dataclass
class Roaming:
    """A store whose CDRs are pushed; each test has a party of its own."""

    engine: Engine
    platform: Platform
    broker: Broker
    numbers: Iterator[int]

    @contextmanager
    def party(self, sessions: int = 1, **more: Any) -> Iterator[TestPartner]:
        """A partner that is not connected, takes CDRs alone, and pays for so many sessions."""
        name = f"T{next(self.numbers):02}"
        told = registered()
        self.engine.feed([told | {"id": name, "data": told["data"] | {"party_id": name, "name": name}}])
        for number in range(1, sessions + 1):
            self.engine.feed(of(("DE", name), number))
        self.settle()
        with partner(f"DE-{name}", **({"receives": ("cdrs",)} | more)) as made:
            yield made

    def settle(self, until: str = LATER) -> None:
        """Let what was fed be judged, and made visible."""
        self.engine.advance(until)
        make_all_visible(self.engine.dsn)

    def learn(self) -> None:
        """Let the book take in what it was told."""
        self.broker.feed(self.engine)
        self.settle()

    def states(self, of: TestPartner) -> list[str]:
        """Where the CDRs of a partner stand, in their order."""
        query = "SELECT state FROM roaming.delivery WHERE partner = %s ORDER BY created"
        return [state for (state,) in self.engine.rows(query, of.party)]

    def column(self, name: str, of: TestPartner) -> Any:
        """A column of the first CDR of a partner."""
        query = f"SELECT {name} FROM roaming.delivery WHERE partner = %s ORDER BY created LIMIT 1"
        return self.engine.rows(query, of.party)[0][0]

    def until(self, of: TestPartner, *states: str) -> None:
        """Wait until the CDRs of a partner stand so, and the book was told."""
        told = "SELECT FROM roaming.delivery WHERE partner = %s AND answered_at IS NOT NULL AND told IS NULL"
        wait_until(lambda: self.states(of) == [*states] and not self.engine.rows(told, of.party))

    def answers(self, of: TestPartner) -> list[tuple[str, str]]:
        """What the book was told of the CDRs of a partner."""
        types = {"roaming.cdr_accepted": "accepted", "roaming.cdr_rejected": "rejected"}
        return [
            (said, each["data"]["cdr_id"])
            for type_, said in types.items()
            for each in self.broker.events(type_)
            if each["data"]["partner"] == of.party
        ]


@pytest.fixture(scope="module")
def roaming(stores: Stores) -> Iterator[Roaming]:
    """A store with one operator, and a pusher."""
    with stores() as dsn, closing(Engine(dsn)) as engine, serving_ocpi(dsn) as platform:
        engine.feed([operator(), tariff()])
        broker, door = Broker(), Door(dsn, 2)
        answers = Answers(door, broker)
        answers.start()
        try:
            with pushing(platform, dsn, bound(sources, answers)):
                yield Roaming(engine, platform, broker, iter(range(1, 100)))
        finally:
            answers.close()
            door.close()


def ids(of: TestPartner, *numbers: int) -> list[str]:
    """The ids of the first CDRs of its sessions."""
    return [cdr_id(f"S-{of.party[3:]}-{number}") for number in numbers]


def posted(to: TestPartner) -> list[str]:
    """The ids of what it was sent, in order."""
    return [each.body["id"] for each in to.pushes if each.module == "cdrs" and each.method == "POST"]


def first(*answers: Response) -> Callable[[Request], Response | None]:
    """Answer so in turn, and then as the partner does."""
    left = list(answers)
    return lambda request: left.pop(0) if left and request.method == "POST" else None


EXISTS = "This CDR exists already"


def refusing_what_is_there(to: TestPartner, *, loses: bool, says: str = EXISTS) -> Callable[[Any], Response | None]:
    """It refuses what it has; with `loses` it takes the first and says that it did not."""

    def answer(cdr: dict[str, Any]) -> Response | None:
        key = (cdr["id"].casefold(),)
        if key in to.objects["cdrs"]:
            return enveloped(code=2001, message=says)
        if loses:
            to.objects["cdrs"][key] = cdr
            return enveloped(code=3000, status=502)
        return None

    return answer
