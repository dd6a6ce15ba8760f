"""A run of several payouts, and the approvals after it, while database, clock, consumer and projector are killed.

Each is paid once, and the files are byte for byte those of a twin that nobody disturbed, of the same messages.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import orjson
import psycopg
import pytest

from contracts.signatures import Keyring
from domain.calendar import utc_text
from domain.payout.cover import CoverRule
from ledger.access.duties import Duty
from projections.export import export
from tests.end_to_end.comparing import REPEATED, difference
from tests.end_to_end.living import Living, Victim, answer_to, living
from tests.end_to_end.paying import DAY, earning, payout_of, shown, take_in
from tests.support.aftermath import payout_answer, settled
from tests.support.engine import Engine
from tests.support.waiting import wait_until
from wattledger.decision_keys import FOLDER, PUBLIC
from wattledger.store import Store

PAID_AT_ONCE = [f"OP-{number:02}" for number in range(18)]
APPROVED = [f"OP-{number:02}" for number in range(18, 24)]
NETWORK = [*earning(PAID_AT_ONCE), *earning(APPROVED, payout_requires_approval=True)]
CAPTURES = [each["data"] for each in NETWORK if each["type"] == "payment.captured"]
# So much of client money that all are covered, which are looked at one by one then: each payout is a transaction.
EVENTS = [*NETWORK, settled("ST-1", f"{DAY}T20:00:00Z", "acme-psp", CAPTURES)]
VICTIMS: list[Victim] = ["postgres", "clock", "postgres"]
ALL = [*PAID_AT_ONCE, *APPROVED]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with living(tmp_path_factory.mktemp("killed"), COVER="STOP", BATCH_MAX_RECORDS="10") as made:
        made.start("serve", "consume", "project")
        take_in(made, EVENTS)
        yield made


def made(system: Living) -> int:
    """How many payouts were made; none while the database is away."""
    with suppress(psycopg.OperationalError):
        return int(system.rows("SELECT count(*) FROM intake.open_payout")[0][0])
    return 0


def paid(system: Living) -> int:
    """How many payouts are shown as paid."""
    return int(system.rows("SELECT count(*) FROM projection.payouts WHERE status = 'PAID'")[0][0])


def struck(system: Living, victim: Victim) -> None:
    """Somebody is killed, and back soon."""
    system.kill(victim)
    system.revive(victim)


def approve_all(system: Living) -> None:
    """Anna approves what waits, each until it is answered; consumer, database and projector die meanwhile."""
    victims: dict[int, Victim] = {1: "consume", 2: "postgres", 4: "project"}
    key = system.key(Duty.APPROVER, acts_for="Anna")
    with system.client(Duty.FINANCE) as reader:
        for number, operator_id in enumerate(APPROVED):
            id_ = payout_of(operator_id)
            found = shown(reader, id_, "AWAITING_APPROVAL")
            path, body = f"/v1/payouts/{id_}/approve", {"content_hash": found.json()["content_hash"]}
            etag = found.headers["etag"]
            ask = partial(answer_to, system.url, path, body, key, f"once {id_}", If_Match=etag)
            ask()
            if number in victims:
                struck(system, victims[number])
            wait_until(lambda: (answer := ask()) is not None and answer.status_code == 202)  # noqa: B023
        for operator_id in APPROVED:
            shown(reader, payout_of(operator_id), "IN_TRANSIT")


def test_whoever_is_killed_during_a_run_each_is_paid_once_as_if_nobody_had_been(
    system: Living, tmp_path: Path, database_url: str
) -> None:
    system.start("clock")
    found = []
    for number, victim in enumerate(VICTIMS, 1):
        wait_until(lambda: made(system) >= number * len(ALL) // 5)  # noqa: B023 (called before the next)
        found.append(made(system))
        struck(system, victim)
    wait_until(lambda: made(system) == len(ALL))
    print(f"killed when so many payouts were made: {found}")  # noqa: T201 (shown by pytest when the test fails)
    # Or nobody was killed during the run, and all of this shows nothing.
    assert min(found) < len(ALL)
    approve_all(system)
    now = utc_text(datetime.now(UTC))
    answers = [payout_answer("paid", payout_of(each), now) for each in ALL]
    system.publish(answers)
    struck(system, "postgres")
    wait_until(lambda: system.taken() == len(EVENTS) + len(APPROVED) + len(ALL))
    wait_until(lambda: paid(system) == len(ALL))
    system.end()

    decisions = system.records("decisions")
    store = Store.at(system.postgres.dsn, system.kafka.bootstrap, system.home.settings.let_in(system.kafka.login))
    out, twin = tmp_path / "out", tmp_path / "twin"
    for folder in (out, twin):
        folder.mkdir()
    export(store.dsn, out, store.platform)
    engine = Engine(database_url, cover_rule=CoverRule.STOP, keyring=Keyring(system.home.data_dir / FOLDER / PUBLIC))
    engine.feed(EVENTS)
    engine.advance(datetime.now(UTC))
    engine.feed(sorted({orjson.dumps(orjson.loads(each)) for each in decisions}))
    engine.feed(answers)
    engine.advance(datetime.now(UTC))
    engine.close()
    export(database_url, twin, store.platform)

    assert difference(twin, out, REPEATED, made_later=True) == ""
    stand = system.rows("SELECT payout_id, count(*)::int FROM intake.bank_file_payout GROUP BY payout_id")
    assert dict(stand) == {payout_of(each): 1 for each in ALL}
    assert system.home.json("verify")["passed"] is True
