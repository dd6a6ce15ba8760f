"""3,000 real sessions at three operators, settled by the command and compared with a reckoning of their messages."""

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from xml.etree import ElementTree

import orjson
import pytest

from tests.end_to_end.comparing import REPEATED, difference
from tests.end_to_end.conftest import Settled
from tests.end_to_end.reckoning import Reckoning, reckon
from tests.end_to_end.running import counts_add_up, documents

PAIN = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
COLUMNS = ("net", "vat", "gross", "commission", "commission_vat", "operator_share")
BALANCE_COLUMNS = ("pending", "available", "reserved", "disputed", "in_transit", "to_fix", "paid_out")


@pytest.fixture(scope="module")
def expected(real_events: Path) -> Reckoning:
    """What the messages come to."""
    return reckon(real_events)


def text(hundredths: int) -> str:
    return f"{Decimal(hundredths) / 100:.2f}"


def hundredths(amount: str) -> int:
    return int(Decimal(amount) * 100)


def test_every_event_is_accepted_and_every_session_rated(real_settled: Settled) -> None:
    summary = real_settled.summary
    assert summary["events_in"] == len(real_settled.events.read_bytes().splitlines()) == summary["accepted"]
    assert counts_add_up(summary)
    sessions = documents(real_settled.out / "sessions.jsonl")
    assert {session["state"] for session in sessions} == {"RATED"}
    assert summary["sessions_rated"] == len(sessions) == summary["cdrs"] == 3_000
    assert summary["sessions_open"] == summary["sessions_in_suspense"] == 0
    assert (real_settled.out / "deadletter.jsonl").read_bytes() == b""


def test_each_session_comes_to_the_amounts_of_the_reckoning(real_settled: Settled, expected: Reckoning) -> None:
    found = documents(real_settled.out / "sessions.jsonl")
    assert [session["session_id"] for session in found] == sorted(expected.bills)
    for session in found:
        bill = expected.bills[session["session_id"]]
        amounts = (bill.net, bill.vat, bill.gross, bill.commission, bill.commission_vat, bill.share)
        assert [session[column] for column in COLUMNS] == [text(amount) for amount in amounts]
        assert (session["operator_id"], session["energy_wh"]) == (bill.operator_id, str(bill.energy_wh))


def test_per_operator_gross_commission_vat_and_share_agree_to_the_cent(
    real_settled: Settled, expected: Reckoning
) -> None:
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(COLUMNS, 0))
    for session in documents(real_settled.out / "sessions.jsonl"):
        for column in COLUMNS:
            sums[session["operator_id"]][column] += hundredths(session[column])
    reckoned = ("net", "vat", "gross", "commission", "commission_vat", "share")
    assert sums == {
        operator_id: {
            ours: expected.total(operator_id, theirs) for ours, theirs in zip(COLUMNS, reckoned, strict=True)
        }
        for operator_id in expected.operators
    }


def test_a_cdr_states_the_energy_and_the_amounts_of_its_session(real_settled: Settled, expected: Reckoning) -> None:
    cdrs = documents(real_settled.out / "cdrs.jsonl")
    assert len({cdr["id"] for cdr in cdrs}) == len(cdrs)
    for cdr in cdrs:
        bill = expected.bills[cdr["session_id"]]
        total = {name: round(amount * 100) for name, amount in cdr["total_cost"].items()}
        assert total == {"excl_vat": bill.net, "incl_vat": bill.gross}
        assert round(cdr["total_energy"] * 1_000) == bill.energy_wh


def test_the_trial_balance_is_zero_and_its_accounts_are_those_of_the_reckoning(
    real_settled: Settled, expected: Reckoning
) -> None:
    book: dict[str, dict[str, Any]] = orjson.loads((real_settled.out / "trial_balance.json").read_bytes())
    assert sorted(book) == sorted(terms["currency"] for terms in expected.operators.values())
    for operator_id, terms in expected.operators.items():
        currency = terms["currency"]
        accounts = {name: hundredths(sums["balance"]) for name, sums in book[currency].items()}
        assert sum(accounts.values()) == 0
        assert sum(hundredths(sums["debits"]) - hundredths(sums["credits"]) for sums in book[currency].values()) == 0
        open_accounts = {name: amount for name, amount in accounts.items() if not name.startswith(("2050/", "1105/"))}
        paid = sum(amount for (paid_to, _), amount in expected.payouts.items() if paid_to == operator_id)
        earned = expected.total(operator_id, "commission"), expected.total(operator_id, "commission_vat")
        owed = open_accounts.pop(f"2010/{operator_id}", 0) + open_accounts.pop(f"2011/{operator_id}", 0)
        assert owed == paid - expected.total(operator_id, "share")
        assert {name: amount for name, amount in open_accounts.items() if amount} == {
            name: amount
            for name, amount in {
                "1010": expected.received[currency],
                f"1110/psp-{currency.lower()}": (
                    expected.total(operator_id, "gross") - expected.fees[currency] - expected.received[currency]
                ),
                "4010": -earned[0],
                "2110": -earned[1],
                "5010": expected.fees[currency],
            }.items()
            if amount
        }


def test_the_columns_of_the_balance_add_up_to_the_operators_share(real_settled: Settled, expected: Reckoning) -> None:
    balances = orjson.loads((real_settled.out / "balances.json").read_bytes())
    assert sorted(balances) == sorted(expected.operators)
    for operator_id, terms in expected.operators.items():
        ((currency, columns),) = balances[operator_id].items()
        assert currency == terms["currency"]
        assert tuple(columns) == BALANCE_COLUMNS
        assert sum(map(hundredths, columns.values())) == expected.total(operator_id, "share")
        paid = sum(amount for (paid_to, _), amount in expected.payouts.items() if paid_to == operator_id)
        assert hundredths(columns["in_transit"]) == paid


def test_each_business_date_with_something_to_pay_has_one_payout(real_settled: Settled, expected: Reckoning) -> None:
    payouts = documents(real_settled.out / "payouts.jsonl")
    found = {(p["operator_id"], date.fromisoformat(p["business_date"])): p for p in payouts}
    assert len(found) == len(payouts) == real_settled.summary["payouts"]
    assert {key: payout["amount"] for key, payout in found.items()} == {
        key: text(amount) for key, amount in expected.payouts.items()
    }
    for (operator_id, day), payout in found.items():
        currency = expected.operators[operator_id]["currency"]
        name = f"wattledger:payout:{operator_id}:{currency}:{day}:1"
        assert payout["payout_id"] == str(uuid5(NAMESPACE_URL, name))
        assert (payout["currency"], payout["status"]) == (currency, "IN_TRANSIT")


def test_the_entries_that_a_payout_names_make_up_its_amount_and_are_paid_once(real_settled: Settled) -> None:
    entries = {entry["entry_id"]: entry for entry in documents(real_settled.out / "journal.jsonl")}
    paid: set[str] = set()
    for payout in documents(real_settled.out / "payouts.jsonl"):
        payable = {f"{code}/{payout['operator_id']}" for code in ("2010", "2011")}
        postings = [
            posting
            for entry_id in payout["entry_ids"]
            for posting in entries[entry_id]["postings"]
            if posting["account"] in payable
        ]
        assert sum(-hundredths(posting["amount"]) for posting in postings) == hundredths(payout["amount"])
        assert not paid & set(payout["entry_ids"])
        paid |= set(payout["entry_ids"])
    assert "J08" not in {entries[entry_id]["kind"] for entry_id in paid}


def test_each_payout_stands_in_one_bank_file_whose_control_sum_is_its_amount(real_settled: Settled) -> None:
    payouts = {p["payout_id"].replace("-", ""): p for p in documents(real_settled.out / "payouts.jsonl")}
    seen: list[str] = []
    for path in (real_settled.out / "batches").iterdir():
        header = ElementTree.parse(path).getroot().find(f"{PAIN}CstmrCdtTrfInitn/{PAIN}GrpHdr")
        transfers = list(ElementTree.parse(path).iter(f"{PAIN}CdtTrfTxInf"))
        assert header is not None
        assert header.findtext(f"{PAIN}NbOfTxs") == str(len(transfers))
        ids = [transfer.findtext(f"{PAIN}PmtId/{PAIN}EndToEndId") or "" for transfer in transfers]
        amounts = [transfer.find(f"{PAIN}Amt/{PAIN}InstdAmt") for transfer in transfers]
        stated = [(amount.text, amount.get("Ccy")) for amount in amounts if amount is not None]
        assert stated == [(payouts[id_]["amount"], payouts[id_]["currency"]) for id_ in ids]
        control_sum = header.findtext(f"{PAIN}CtrlSum")
        assert control_sum == text(sum(hundredths(payouts[id_]["amount"]) for id_ in ids))
        seen += ids
    assert sorted(seen) == sorted(payouts)
    # The last file that was read, by the last payout in it.
    assert real_settled.home.run("payouts", "file", seen[-1]) == path.read_bytes()


def test_settling_the_same_file_again_changes_nothing_and_the_book_stands_the_audit(
    real_settled: Settled, tmp_path: Path
) -> None:
    again = real_settled.home.settle(tmp_path / "again", real_settled.events)
    assert list((tmp_path / "again" / "batches").iterdir()) == [], "bank files that went out were written again"
    again = real_settled.home.settle(tmp_path / "again", real_settled.events, options=("--bank-files", "all"))
    assert difference(real_settled.out, tmp_path / "again", REPEATED) == ""
    assert again["accepted"] == 0
    assert again["duplicates"] == again["events_in"] == real_settled.summary["events_in"]
    report = real_settled.home.json("verify")
    assert report["passed"] is True, report


def test_use_of_the_real_stations_is_what_their_sessions_say(real_settled: Settled) -> None:
    """Each station by the union of its sessions; and the figures by which this site is known."""
    events = [orjson.loads(line) for line in real_settled.events.read_bytes().splitlines()]
    horizon = max(_second(each["time"]) for each in events)
    stays: dict[str, list[int]] = {}
    stations: dict[str, list[str]] = defaultdict(list)
    for each in events:
        data = each["data"]
        if each["type"] == "charging.session.started":
            stays[data["session_id"]] = [_second(data["started_at"])]
            stations[data["evse_uid"]].append(data["session_id"])
        elif each["type"] == "charging.session.ended":
            stays[data["session_id"]].append(_second(data["ended_at"]))
    idle = {
        each["data"]["session_id"]: _second(each["data"]["at"])
        for each in events
        if each["type"] == "charging.session.state_changed"
    }
    found = {each["evse_uid"]: each for each in real_settled.use}
    assert found.keys() == stations.keys()
    for station, sessions in stations.items():
        begun = {each: min(stays[each]) for each in sessions}
        over = {each: max(stays[each]) for each in sessions}
        charges = {each: min(idle.get(each, over[each]), over[each]) for each in sessions}
        expected = (
            horizon - min(begun.values()),
            _covered([(begun[each], over[each]) for each in sessions]),
            _covered([(begun[each], charges[each]) for each in sessions]),
        )
        use = found[station]
        assert (use["in_service_s"], use["occupied_s"], use["charging_s"]) == expected
    sums = {
        name: sum(each[name] for each in found.values())
        for name in ("in_service_s", "occupied_s", "charging_s", "idle_s", "sessions")
    }
    assert sums["sessions"] == 3_000
    assert round(100 * sums["occupied_s"] / sums["in_service_s"], 1) == 12.0
    assert round(100 * sums["charging_s"] / sums["in_service_s"], 1) == 6.1
    assert round(100 * sums["idle_s"] / sums["occupied_s"]) == 49


def _covered(spans: list[tuple[int, int]]) -> int:
    """For how many seconds at least one of them goes on: by walking through all their ends."""
    steps = sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans])
    seconds = going = last = 0
    for at, change in steps:
        seconds += (at - last) * (going > 0)
        going, last = going + change, at
    return seconds


def _second(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())
