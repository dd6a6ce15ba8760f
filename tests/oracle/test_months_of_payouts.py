"""Seven months of payouts at five operators, lived day by day and then told at once: the same files, to the cent.

What is checked here is added up from the messages and from the journal by this test itself.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import psycopg
import pytest

from domain.calendar import instant
from projections.export import export
from tests.conftest import PROJECT_ROOT
from tests.oracle.months import LAST, stamp, undecided
from tests.oracle.months_lived import Months
from tests.projections.builders import PLATFORM
from tests.support.audited import verify
from tests.support.decisions import PUBLIC_KEYS
from tests.support.engine import Engine

DATA = PROJECT_ROOT.parent / "shared" / "data" / "acn-caltech-sessions.csv"
PAIN = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
TARGET_CLOSED = {date(2019, 12, 25), date(2019, 12, 26), date(2020, 1, 1), date(2020, 4, 10), date(2020, 4, 13)}
_BODIES = "SELECT convert_from(state, 'UTF8')::jsonb FROM event_store.stored_events WHERE topic = %s"
_POSTINGS = """
SELECT entry_id::text, kind, payout_id, account, posting.currency, amount_minor
FROM book.entry JOIN book.posting USING (entry_id)
"""


@pytest.fixture
def again(database_url: str) -> Iterator[Engine]:
    """Another store, which is given everything at once."""
    server, _, name = database_url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}_again".encode())
        engine = Engine(f"{server}/{name}_again", before_clock=True)
        yield engine
        engine.close()
        connection.execute(f"DROP DATABASE {name}_again WITH (FORCE)".encode())


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The store of those who live the months."""
    made = Engine(database_url)
    yield made
    made.close()


def test_months_of_payouts_to_the_cent_and_over_again(engine: Engine, again: Engine, tmp_path: Path) -> None:
    months = Months(engine, undecided(DATA))
    months.live()
    as_lived = _files(engine, tmp_path / "lived")
    assert engine.refusals() == []
    _everything_happened(engine)
    _money_in_is_money_out_and_what_is_held(engine, months)
    _no_line_left_twice(engine)
    _files_are_what_left(engine, tmp_path / "lived")
    _is_sound(engine)

    told = [*months.told, *Random(14).sample(months.told, 60)]
    Random(15).shuffle(told)
    again.feed(told)
    again.clock.advance(instant(stamp(LAST)), by_event_time=True)
    at_once = _files(again, tmp_path / "again")
    assert sorted(at_once) == sorted(as_lived)
    assert [name for name in as_lived if at_once[name] != as_lived[name]] == []
    _is_sound(again)


def _is_sound(engine: Engine) -> None:
    failed = verify(engine.dsn, decision_keys=PUBLIC_KEYS).failed
    assert [(check.name, each.sentence) for check in failed for each in check.findings] == []


def _files(engine: Engine, folder: Path) -> dict[str, bytes]:
    export(engine.dsn, folder, PLATFORM, every_bank_file=True)
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found.pop("summary.json")
    # At which stops of the clock client money was enough again is not in the messages (decision 42).
    told = found["findings.jsonl"].splitlines(keepends=True)
    found["findings.jsonl"] = b"".join(each for each in told if b'"COVER_SHORT"' not in each)
    return found


def _bodies(engine: Engine, topic: str) -> list[dict[str, Any]]:
    return [body for (body,) in engine.rows(_BODIES, topic)]


def _everything_happened(engine: Engine) -> None:
    """What these months are about is in them."""
    kinds = {kind for (kind,) in engine.rows("SELECT DISTINCT kind FROM book.entry")}
    assert kinds >= {
        *("J08", "J09", "J13", "J17", "J25", "J27", "J29", "J30", "J31", "J32", "J34", "J35", "J36", "J37"),
        *("J38", "J39", "J40", "J41", "J42", "J43", "J44", "J45", "J46", "J48", "J49", "J50", "J55"),
    }
    created = _bodies(engine, "PayoutCreated")
    assert {each["status"] for each in created} == {"AWAITING_APPROVAL", "IN_TRANSIT"}
    assert {doubt for each in created for doubt in each["doubts"]} == {
        "TERMS",
        "PAYOUT_LIMIT",
        "DAY_LIMIT",
        "ANOMALY",
    }
    statuses = {each["status"] for each in _bodies(engine, "PayoutStatusChanged")}
    assert statuses >= {"PAID", "FAILED", "RETURNED", "REJECTED"}
    assert _bodies(engine, "ApprovalLapsed")
    assert len(_bodies(engine, "DecisionRefused")) > 10
    told = {each["finding"]["kind"] for each in _bodies(engine, "FindingOpened")}
    assert told >= {"NEGATIVE_BALANCE_AGED", "WRITE_OFF_DUE"}
    # Each pays again afterwards.
    last = max(each["fired_at"] for each in created if each["operator_id"] == "OP-D")
    assert last > "2020-01"


def _money_in_is_money_out_and_what_is_held(engine: Engine, months: Months) -> None:
    """By the messages, each once: what came in, less what went out, is what the bank accounts hold, per currency."""
    sent = {each["payout_id"]: each for each in _bodies(engine, "PayoutCreated")}
    held: dict[str, int] = defaultdict(int)
    for each in months.told:
        data = each["data"]
        match each["type"]:
            case "payment.settled":
                _add(held, data["net"])
            case "roaming.invoice_paid" | "operator.balance_collected":
                _add(held, data["amount"])
            case "bank.entry_booked":
                _add(held, data["amount"], 1 if data["direction"] == "CREDIT" else -1)
            case "payout.paid" | "payout.returned":
                payout = sent[data["payout_id"]]
                held[payout["currency"]] += payout["amount"] * (1 if each["type"] == "payout.returned" else -1)
    book: dict[str, int] = defaultdict(int)
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for entry, _, _, account, currency, amount in engine.rows(_POSTINGS):
        sums[entry, currency] += amount
        if account in ("1010", "1020"):
            book[currency] += amount
    assert set(sums.values()) == {0}
    assert book == held


def _add(held: dict[str, int], amount: dict[str, str], sign: int = 1) -> None:
    held[amount["currency"]] += sign * int(Decimal(amount["amount"]) * 100)


def _no_line_left_twice(engine: Engine) -> None:
    """Of the attempts that pay a line at most one is with the bank, or was paid, and came not back."""
    created = {each["payout_id"]: each for each in _bodies(engine, "PayoutCreated")}
    balance: dict[str, int] = defaultdict(int)
    booked: dict[str, int] = defaultdict(int)
    for _, kind, payout_id, account, _, amount in engine.rows(_POSTINGS):
        if kind in ("J35", "J40") and account.startswith("2050/"):
            balance[payout_id] -= amount
        elif kind in ("J38", "J39") and account.startswith("2060/"):
            balance[payout_id] += amount
        elif kind in ("J36", "J39") and account == "1010":
            booked[payout_id] -= amount
    paid: dict[str, int] = defaultdict(int)
    debited: dict[str, int] = defaultdict(int)
    for payout_id, each in created.items():
        assert balance[payout_id] in (0, each["amount"])
        assert booked[payout_id] in (0, each["amount"])
        for entry in each["entry_ids"]:
            paid[entry] += balance[payout_id] != 0
            debited[entry] += booked[payout_id] != 0
    assert max(paid.values()) == 1
    assert max(debited.values()) == 1


def _files_are_what_left(engine: Engine, folder: Path) -> None:
    """The sum of each file is that of its payouts' J35 and J40; the bank is never asked to pay when it is closed."""
    left = {
        payout_id.replace("-", ""): amount
        for _, kind, payout_id, account, _, amount in engine.rows(_POSTINGS)
        if kind in ("J35", "J40") and account.startswith("2050/")
    }
    left = {id_: abs(amount) for id_, amount in left.items()}
    seen: list[str] = []
    for path in sorted((folder / "batches").iterdir()):
        root = ElementTree.parse(path).getroot()
        ids = [found.text or "" for found in root.iter(f"{PAIN}EndToEndId")]
        sums = {found.text for found in root.iter(f"{PAIN}GrpHdr") for found in found.iter(f"{PAIN}CtrlSum")}
        assert sums == {f"{Decimal(sum(left[id_] for id_ in ids)) / 100:.2f}"}
        days = {date.fromisoformat(found.text or "") for found in root.iter(f"{PAIN}Dt")}
        currencies = {found.get("Ccy") for found in root.iter(f"{PAIN}InstdAmt")}
        assert currencies != {"EUR"} or all(day.weekday() < 5 and day not in TARGET_CLOSED for day in days)
        seen += ids
    assert sorted(seen) == sorted(left)
