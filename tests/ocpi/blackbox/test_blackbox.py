"""A live platform, judged by the black box: nothing is wrong. How soon things come is judged elsewhere, alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.living import Living, living
from tests.ocpi.blackbox.emsp import listening
from tests.ocpi.blackbox.judging import judge
from tests.ocpi.blackbox.verdicts import Verdict
from tests.support.kafka_clients import librdkafka

RATE = 900


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Living]:
    """A platform in processes of its own, as it is started."""
    settings = {
        "ALLOW_PRIVATE_TARGETS": "true",
        "OCPI_RATE_PER_MINUTE": str(RATE),
        "SECRET_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    }
    with living(tmp_path, **settings) as system:
        system.start("consume", "project", "clock", "serve")
        yield system


# Partners that hang are waited for, for as long as we wait for them: a minute and a half of doing nothing.
@pytest.mark.timeout(1_800)
def test_two_partners_find_nothing_wrong(platform: Living) -> None:
    platform.home.environment["WATTLEDGER_PUBLIC_URL"] = platform.url
    with listening("DE-BBO", ("2.2.1",)) as one, listening("FR-BBX", ("2.2.1", "2.3.0")) as two:
        for each in (one, two):
            made = platform.home.json("ocpi", "invite", each.party)
            each.token_a, versions_url = made["token_a"], made["versions_url"]
        found = judge(versions_url, (one, two), librdkafka(platform.kafka.client_options), RATE, print)
    wrong = [str(each) for each in found if each.verdict not in (Verdict.PASS, Verdict.LATE)]
    assert not wrong, "\n".join(wrong)
