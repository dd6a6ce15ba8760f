"""From a status on Kafka to partners over OCPI, in a whole live system, and through kills of its pieces."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any, TypeAlias

import httpx
import pytest

from domain.calendar import utc_text
from ledger.access import ocpi_invitations
from ledger.access.door import Door
from tests.end_to_end.living import Living, living
from tests.ocpi.test_locations import CONNECTOR, location, status
from tests.support.believed import BELIEVED
from tests.support.events import operator, tariff
from tests.support.partner import TestPartner, enveloped, partner
from tests.support.waiting import wait_until

# A live system, and its partners by our tokens for them.
System: TypeAlias = tuple[Living, dict[str, TestPartner]]

PARTIES = ("DE-ABC", "FR-XYZ", "NL-QRS", "BE-TUV", "AT-KLM")
LOCATIONS, EVSES = 20, 50
STATUSES, LIMIT_S, PAUSE_S = 60, 2.0, 0.05


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """1,000 EVSEs and five partners, each of which knows all locations."""
    with living(tmp_path_factory.mktemp("pushes"), ALLOW_PRIVATE_TARGETS="true") as made, ExitStack() as ending:
        made.start("serve", "consume", "project")
        partners = [ending.enter_context(partner(party)) for party in PARTIES]
        tokens = [_connect(made, each) for each in partners]
        made.publish(
            [operator(), tariff(), *(location(f"L-{number}", evses=_evses(number)) for number in range(LOCATIONS))]
        )
        wait_until(lambda: all(len(each.objects["locations"]) == LOCATIONS for each in partners))
        yield made, dict(zip(tokens, partners, strict=True))


def _evses(number: int) -> list[dict[str, Any]]:
    return [{"uid": f"L-{number}-{evse}", "connectors": [CONNECTOR]} for evse in range(EVSES)]


def _connect(system: Living, partner_: TestPartner) -> str:
    """Our token for it."""
    door, theirs = Door(system.postgres.dsn), f"token-b-of-{partner_.party}"
    with door.transaction() as cursor:
        ocpi_invitations.invite(cursor, partner_.party, "EMSP", f"token-a-of-{partner_.party}")
    door.close()
    partner_.tokens.add(theirs)
    headers = partner_.authorization(f"token-a-of-{partner_.party}")
    url = f"{system.url}/ocpi/2.3.0/credentials"
    answer = httpx.post(url, json=partner_.credentials(theirs), headers=headers, timeout=120, verify=BELIEVED)
    assert answer.json()["status_code"] == 1000, answer.text
    return str(answer.json()["data"]["token"])


def _status(number: int, value: str) -> Any:
    now = utc_text(datetime.now(UTC))
    return status(f"L-{number % LOCATIONS}-{number % EVSES}", value, now, location_id=f"L-{number % LOCATIONS}")


def _seen(partner_: TestPartner, number: int) -> str:
    found = partner_.objects["locations"]["nl", "grl", f"l-{number % LOCATIONS}"]["evses"][number % EVSES]
    return str(found["status"])


@pytest.mark.alone
def test_a_status_is_at_five_partners_within_two_seconds(system: System) -> None:
    made, partners = system[0], list(system[1].values())
    sent: dict[str, float] = {}
    for number in range(STATUSES):
        event = _status(number, "CHARGING")
        sent[event["data"]["evse_uid"].lower()] = time.time()
        made.publish([event])
        time.sleep(PAUSE_S)  # A steady stream, as chargers make it.
    wait_until(lambda: all(_seen(each, number) == "CHARGING" for each in partners for number in range(STATUSES)))
    took = [push.at - sent[push.key[3]] for each in partners for push in each.pushed("locations", "PATCH")]
    assert len(took) >= STATUSES * len(PARTIES)
    cuts = quantiles(took, n=20)
    print(f"from Kafka to the partner, seconds: median {cuts[9]:.2f}, p95 {cuts[-1]:.2f}")  # noqa: T201
    assert cuts[-1] < LIMIT_S


def test_whatever_is_killed_partners_end_with_what_is_pulled(system: System) -> None:
    made, partners = system[0], list(system[1].values())
    slow, unwell = partners[1], partners[2]
    slow.slow_s, unwell.breaks[""] = 0.2, lambda _: enveloped(code=3000, status=503)
    made.publish([_status(number, "BLOCKED") for number in range(30)])
    wait_until(lambda: any(_seen(partners[0], number) == "BLOCKED" for number in range(30)))
    made.kill("serve")
    made.publish([_status(number, "OUTOFORDER") for number in range(20, 50)])
    made.kill("postgres")
    made.revive("postgres")
    made.revive("serve")
    unwell.breaks.clear()
    wait_until(lambda: any(_seen(partners[0], number) == "OUTOFORDER" for number in range(20, 50)))
    made.kill("postgres")
    made.revive("postgres")
    made.publish([_status(number, "AVAILABLE") for number in range(40, 60)])
    expected = {
        number: "BLOCKED" if number < 20 else "OUTOFORDER" if number < 40 else "AVAILABLE" for number in range(60)
    }
    wait_until(lambda: all(_seen(each, number) == value for each in partners for number, value in expected.items()))
    wait_until(lambda: not made.rows("SELECT FROM roaming.mark"))
    for token, each in system[1].items():
        pulled = _pulled(made, each, token)
        assert [_without_moments(each.objects["locations"][_key(found)]) for found in pulled] == [
            _without_moments(found) for found in pulled
        ]


def _pulled(system: Living, partner_: TestPartner, token: str) -> list[dict[str, Any]]:
    """What it finds, once whoever answers has found the database again."""
    answers: list[httpx.Response] = []
    # Told of our operator it has another token of ours since.
    token = partner_.given.get("token", token)

    def has_answered() -> bool:
        url = f"{system.url}/ocpi/2.3.0/locations"
        answers.append(httpx.get(url, headers=partner_.authorization(token), timeout=120, verify=BELIEVED))
        return answers[-1].status_code == 200

    wait_until(has_answered)
    return list(answers[-1].json()["data"])


def _key(found: dict[str, Any]) -> tuple[str, ...]:
    return ("nl", "grl", str(found["id"]).lower())


def _without_moments(found: dict[str, Any]) -> dict[str, Any]:
    """A PATCH of an EVSE moves the moments of what is above it at the partner, in its own time."""
    return {**found, "last_updated": ""}
