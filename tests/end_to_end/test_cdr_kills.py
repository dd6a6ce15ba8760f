"""Killed while CDRs are on their way: each arrives, none again that is known to be taken, and the book knows all."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from ledger.access import ocpi_invitations
from ledger.access.door import Door
from ledger.audit import verify
from tests.end_to_end.living import Living, living
from tests.ocpi.conftest import KEY
from tests.ocpi.test_cdrs import ABC, of
from tests.support.engine import Engine
from tests.support.events import operator, tariff
from tests.support.events import partner as registered
from tests.support.partner import TestPartner, enveloped, partner
from tests.support.waiting import wait_until

CDRS = 48
ANSWERED = "SELECT cdr_id, attempts, state = 'ACCEPTED', told IS NOT NULL FROM roaming.delivery ORDER BY created"
IN_BOOK = "SELECT count(*) FROM event_store.stored_events WHERE topic = 'roaming.cdr_accepted'"


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Living]:
    """A store with so many CDRs of one partner, which is served."""
    with living(tmp_path, ALLOW_PRIVATE_TARGETS="true", SECRET_KEY=KEY) as made:
        with closing(Engine(made.postgres.dsn, "history")) as engine:
            sessions = [each for number in range(1, CDRS + 1) for each in of(ABC, number)]
            engine.feed([operator(), tariff(), registered(), *sessions])
            engine.advance("2026-03-10T00:00:00Z")
        made.start("serve", "consume")
        yield made


def connect(system: Living, to: TestPartner) -> None:
    """The handshake that the partner begins."""
    with closing(Door(system.postgres.dsn)) as door, door.transaction() as cursor:
        ocpi_invitations.invite(cursor, to.party, "EMSP", "token-a")
    to.tokens.add("token-b")
    answer = httpx.post(
        f"{system.url}/ocpi/2.3.0/credentials",
        json=to.credentials("token-b"),
        headers=to.authorization("token-a"),
        timeout=30,
    )
    assert answer.json()["status_code"] == 1000, answer.text


def posted(to: TestPartner) -> list[str]:
    return [each.body["id"] for each in to.pushes]


def stand(system: Living) -> list[tuple[str, int, bool, bool]]:
    """Each CDR with its attempts, whether it is accepted, and whether the book was told."""
    with suppress(psycopg.OperationalError):
        return system.rows(ANSWERED)
    return []


def test_every_cdr_arrives_and_none_again_that_is_known_to_be_taken(system: Living) -> None:
    with partner(slow_s=0.2, receives=("cdrs",)) as abc:
        connect(system, abc)
        known: list[tuple[int, set[str]]] = []

        def note() -> list[tuple[str, int, bool, bool]]:
            """What is known to be taken by now is not to be sent from now on."""
            now = stand(system)
            known.append((len(abc.pushes), {cdr for cdr, _, accepted, _ in now if accepted}))
            return now

        # The database goes: what is answered meanwhile is kept by who pushes.
        wait_until(lambda: len(abc.pushes) >= 6)
        system.kill("postgres")
        system.revive("postgres")
        note()
        # Who pushes goes, with answers that it has not written.
        wait_until(lambda: len(abc.pushes) >= 16)
        system.kill("serve")
        in_flight = {cdr for cdr, attempts, accepted, _ in note() if attempts and not accepted}
        system.revive("serve")
        # The partner breaks at some, of which it took half.
        broken = iter([True, False])

        def breaks(cdr: dict[str, str]) -> object:
            taken = next(broken, None)
            if taken:
                abc.objects["cdrs"][cdr["id"],] = cdr
            return None if taken is None else enveloped(code=3000, status=502)

        abc.breaks_at = breaks  # type: ignore[assignment]
        wait_until(lambda: len(abc.pushes) >= 30)
        note()
        wait_until(lambda: [each[2:] for each in stand(system)] == [(True, True)] * CDRS)
        assert len(abc.objects["cdrs"]) == CDRS
        for number, taken in known:
            assert not taken & set(posted(abc)[number:])
        answered = Counter(each.body["id"] for each in abc.pushes if each.status < 300)
        assert {cdr for cdr, times in answered.items() if times > 1} <= in_flight
        wait_until(lambda: system.rows(IN_BOOK) == [(CDRS,)])
        assert not verify(system.postgres.dsn).failed
