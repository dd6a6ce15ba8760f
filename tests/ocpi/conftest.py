"""The platform as partners see it: two operators, served over HTTP."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest

from api.access.principal import ROLES
from api.ocpi.pushing.leading import Sources, push_forever
from api.ocpi.pushing.modules import sources as every_source
from api.ocpi.surface import OcpiSurface
from api.ocpi.vault import Vault
from api.outward.targets import Targets
from ledger.access import ocpi_invitations, ocpi_partners
from ledger.access.door import Door
from projections.freshness import up_to_date
from projections.reading import Readers
from projections.roaming.feed import make_all_visible
from tests.conftest import Stores
from tests.support.believed import BELIEVED
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from tests.support.events import partner as registered
from tests.support.partner import TestPartner
from tests.support.roaming_sessions import Seen, by_all
from tests.support.surface import served_beside

ANYWHERE = Targets(allow_private=True)
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
# After a failure pushes go on so soon, where it is a second outside of tests.
_PAUSE_S = 0.02
OTHER = {"holder": "Two", "iban": "NL20INGB0001234567"}


@dataclass(frozen=True)
class Platform:
    """What is served: `url` is where, `surface` what it works with."""

    url: str
    surface: OcpiSurface

    def invite(self, party: str = "DE-ABC", role: str = "EMSP", token: str | None = None, **more: Any) -> str:
        """The token A of a new invitation."""
        made = token or f"token-a-of-{party}"
        with self.surface.door.transaction() as cursor:
            ocpi_invitations.invite(cursor, party, role, made, **more)
        return made

    def partner(self, party: str = "DE-ABC") -> ocpi_partners.Partner:
        """As it is stored."""
        with self.surface.door.transaction() as cursor:
            return ocpi_partners.present(cursor, party)

    def ask(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        """What a request of the partner of a token is answered."""
        headers = TestPartner("DE-ABC").authorization(token) if token else {}
        headers |= more.pop("headers", {})
        return httpx.request(method, f"{self.url}/ocpi{path}", headers=headers, timeout=120, verify=BELIEVED, **more)

    def connected(self, partner: TestPartner, role: str = "EMSP") -> str:
        """Connect a partner that begins the handshake: its token C."""
        token_a, theirs = self.invite(partner.party, role), f"token-b-of-{partner.party}"
        partner.tokens.add(theirs)
        answer = self.ask("POST", "/2.2.1/credentials", token_a, json=partner.credentials(theirs))
        assert answer.json()["status_code"] == 1000, answer.text
        return str(answer.json()["data"]["token"])


@pytest.fixture(scope="module")
def network(stores: Stores) -> Iterator[str]:
    """The DSN of a store with two operators; of the first there is a session."""
    with stores() as dsn:
        with closing(Engine(dsn)) as engine:
            second = operator("OP-2", bank_account=OTHER, party_id="TWO", name="Second")
            engine.feed([operator(), tariff(), *session("S-1"), second])
        with up_to_date(dsn):
            pass
        make_all_visible(dsn)
        yield dsn


@pytest.fixture(scope="module")
def served(network: str) -> Iterator["Platform"]:
    """The platform on that store."""
    with serving_ocpi(network) as made:
        yield made


@pytest.fixture
def platform(served: "Platform") -> Iterator["Platform"]:
    """The platform without any partner."""
    yield served
    with served.surface.door.transaction() as cursor:
        for table in ("ocpi_partner", "charge_token", "charge_token_pull", "charge_answer"):
            cursor.execute(f"DELETE FROM access.{table}")


@contextmanager
def pushing(platform: Platform, dsn: str, sources: Sources = every_source) -> Iterator[None]:
    """Push to the partners of a platform, for as long as the block runs; `sources` are all there are."""
    stop, ours = threading.Event(), platform.surface
    door = Door(dsn)
    surface = OcpiSurface(door, ours.readers, ours.vault, ours.targets, ours.public_url)
    work = partial(push_forever, surface, dsn, sources, stop, pause_s=_PAUSE_S)
    thread = threading.Thread(target=work, name="pushes")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        surface.close()
        door.close()


@contextmanager
def serving_ocpi(dsn: str, targets: Targets = ANYWHERE) -> Iterator[Platform]:
    """The platform of a store, for as long as the block runs; partners may be at `targets`."""
    door, readers = Door(dsn), Readers(dsn, ROLES)
    made: list[OcpiSurface] = []

    def surface(url: str) -> OcpiSurface:
        made.append(OcpiSurface(door, readers, Vault(KEY), targets, url))
        return made[0]

    try:
        with served_beside(readers, surface) as url:
            yield Platform(url, made[0])
    finally:
        made[0].close()
        door.close()


@pytest.fixture(scope="module")
def sessions_store(stores: Stores) -> Iterator[Engine]:
    """A store with two operators, tariffs of several kinds and a partner."""
    with stores() as dsn, closing(Engine(dsn)) as engine:
        second = operator("OP-2", bank_account=OTHER, party_id="TWO", name="Second", orphan_hours=24)
        reserved = {
            "price_components": [{"type": "TIME", "price": 2, "vat": 21, "step_size": 60}],
            "restrictions": {"reservation": "RESERVATION"},
        }
        energy = {"price_components": [{"type": "ENERGY", "price": 0.5, "vat": 21, "step_size": 1}]}
        engine.feed(
            [
                *(operator(), second, tariff(), by_all(), tariff("OP-2", "T-2")),
                *(tariff(tariff_id="T-RES", elements=[reserved, energy]), registered()),
                by_all("T-MIN", min_price={"excl_vat": 25, "incl_vat": 30}),
            ]
        )
        with up_to_date(dsn):
            pass
        yield engine


@pytest.fixture
def seen(sessions_store: Engine) -> Seen:
    """What is visible of sessions there."""
    return Seen(sessions_store)
