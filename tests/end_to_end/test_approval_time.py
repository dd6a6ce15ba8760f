"""From an approval over HTTP to the bank file, in a whole live system: promised within two seconds."""

import time
from collections.abc import Iterator
from statistics import quantiles

import pytest

from ledger.access.duties import Duty
from tests.end_to_end.living import Living, living
from tests.end_to_end.paying import earning, payout_of, shown, take_in
from tests.support.live import act
from tests.support.waiting import wait_until

APPROVALS, LIMIT_S = 10, 2.0
# One more, whose approval is not counted: it is the first action of its server, which then connects to Kafka.
OPERATORS = [f"OP-{number}" for number in range(APPROVALS + 1)]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with living(tmp_path_factory.mktemp("approved")) as made:
        made.start("serve", "consume", "project")
        take_in(made, earning(OPERATORS, payout_requires_approval=True))
        made.start("clock")
        yield made


@pytest.mark.alone
def test_a_payout_has_its_bank_file_within_two_seconds_of_its_approval(system: Living) -> None:
    took = []
    with system.client(Duty.APPROVER, acts_for="Anna") as anna:
        for each in OPERATORS:
            id_ = payout_of(each)
            found = shown(anna, id_, "AWAITING_APPROVAL")
            body = {"content_hash": found.json()["content_hash"]}
            began = time.monotonic()
            answer = act(anna, f"/v1/payouts/{id_}/approve", body, If_Match=found.headers["etag"])
            assert answer.status_code == 202, answer.text

            def has_file(path: str = f"/v1/payouts/{id_}/bank-file") -> bool:
                return anna.get(path).status_code == 200

            wait_until(has_file)
            took.append(time.monotonic() - began)
    print(f"from approval to bank file, seconds: {[round(each, 2) for each in took]}")  # noqa: T201
    assert quantiles(took[1:], n=20)[-1] < LIMIT_S
