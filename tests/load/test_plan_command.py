"""`wattledger load plan`: stays or events in, figures by policy and month out, and what is wrong with a line."""

import json
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from tests.support.events import event
from wattledger.cli import main

DAY = "2026-03-02T"


def stay(session_id: str, begins: str, ends: str, need_wh: int, **more: Any) -> dict[str, Any]:
    """A car of 16 A on one phase, from a time of the day to another."""
    times = {"connected_at": f"{DAY}{begins}:00Z", "departs_at": f"{DAY}{ends}:00Z"}
    return {"session_id": session_id, **times, "need_wh": need_wh, "max_a": 16, **more}


TWO = [stay("stays", "08:00", "10:00", 4_000), stay("leaves", "08:00", "09:00", 4_000)]


def session(session_id: str, begins: str, idle: str, ends: str, wh: int) -> list[dict[str, Any]]:
    """A session as events: it charged until it was idle."""
    where = {"operator_id": "OP-1", "location_id": "LOC-1", "evse_uid": "E-1", "connector_id": "1"}
    terms = {"tariff_id": "T-1", "auth_method": "WHITELIST", "meter_start_wh": 100}
    at = [f"{DAY}{each}:00Z" for each in (begins, idle, ends)]
    return [
        event(
            "charging.session.started",
            session_id,
            at[0],
            {"session_id": session_id, **where, **terms, "started_at": at[0]},
        ),
        event(
            "charging.session.state_changed",
            session_id,
            at[1],
            {"session_id": session_id, "at": at[1], "state": "IDLE"},
        ),
        event(
            "charging.session.ended",
            session_id,
            at[2],
            {"session_id": session_id, "ended_at": at[2], "meter_stop_wh": 100 + wh, "reason": "EVDisconnected"},
        ),
    ]


def planned(tmp_path: Path, capsys: pytest.CaptureFixture[str], documents: list[Any], *options: str) -> Any:
    """The document that is printed for a file of these lines, below 4 kW at 250 V."""
    path = tmp_path / "sessions.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in documents))
    assert main(["load", "plan", str(path), "--limit-kw", "4", "--voltage-v", "250", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def by_policy(site: Any, column: str = "delivered_percent") -> dict[str, str]:
    return {row["policy"]: row[column] for row in site["policies"]}


def test_each_policy_says_what_it_would_have_delivered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--declared", "--demand-price", "12.50", "--time-zone", "Europe/Amsterdam")
    [site] = planned(tmp_path, capsys, TWO, *options)["sites"]
    assert (site["location_id"], site["sessions"], site["need_wh"], site["limit_kw"]) == ("site", 2, "8000", "4")
    found = by_policy(site)
    assert (found["max-min"], found["earliest departure"], found["the rule"]) == ("75", "100", "100")
    assert by_policy(site, "full_percent")["max-min"] == "50"
    assert by_policy(site, "worst_tenth_percent")["equal share"] == "50"
    assert by_policy(site, "peak_kw")["unmanaged"] == "8"
    assert site["optimum_percent"] == "100"
    [month] = site["demand"]
    assert month == {
        "month": "2026-03",
        "unmanaged_kw": "8",
        "managed_kw": "4",
        "saved_kw": "4",
        "saved": "50",
    }
    assert site["saved"] == "50"


def test_events_say_when_cars_were_there_and_what_they_drew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # 4 kWh while it charged for an hour: 16 A at 250 V. The other never took anything, the third has not ended.
    documents = [
        *session("S-1", "08:00", "09:00", "10:00", 4_000),
        *session("S-2", "08:00", "09:00", "10:00", 0),
        session("S-3", "08:00", "09:00", "10:00", 1)[0],
        *session("S-1", "08:00", "09:00", "10:00", 4_000),
        event(
            "operator.cash_declared",
            "OP-1",
            f"{DAY}08:00:00Z",
            {
                "operator_id": "OP-1",
                "at": f"{DAY}08:00:00Z",
                "amount": {"amount": "1.00", "currency": "EUR"},
            },
        ),
    ]
    found = planned(tmp_path, capsys, documents)
    [site] = found["sites"]
    assert (site["location_id"], site["sessions"], site["need_wh"]) == ("LOC-1", 1, "4000")
    assert by_policy(site, "peak_kw")["unmanaged"] == "4"
    assert found["left_out"] == [
        {"session_id": "S-2", "reason": "NO_ENERGY"},
        {"session_id": "S-3", "reason": "NO_END"},
    ]
    assert found["other_lines"] == 1
    [site] = planned(tmp_path, capsys, documents, "--max-a", "8")["sites"]
    assert by_policy(site, "peak_kw")["unmanaged"] == "2"


def test_sites_are_planned_by_themselves_and_days_are_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = [*TWO, stay("other", "08:00", "09:00", 500, location_id="hall", phases=3)]
    assert [each["location_id"] for each in planned(tmp_path, capsys, documents)["sites"]] == ["hall", "site"]
    path = tmp_path / "sessions.jsonl"
    assert main(["load", "plan", str(path), "--limit-kw", "4", "--from", "2026-03-03"]) == 1
    assert f"{path}: no session that ended" in capsys.readouterr().err
    assert main(["load", "plan", str(path), "--limit-kw", "4", "--from", "2026-03-02", "--to", "2026-03-02"]) == 0
    shown = capsys.readouterr().out
    assert "hall: 1 sessions below 4 kW, nothing declared" in shown
    assert "optimum (offline)" in shown


def test_without_highs_the_optimum_is_left_out_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "highspy", None)
    path = tmp_path / "sessions.jsonl"
    path.write_text(json.dumps(TWO[0]))
    assert main(["load", "plan", str(path), "--limit-kw", "4", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["sites"][0]["optimum_percent"] is None
    assert "takes the package highspy" in printed.err


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "line 2: $ is no JSON"),
        ("[]", "line 2: $ must be an object"),
        (json.dumps(TWO[0]), "line 2: session_id stays is there twice"),
        (
            json.dumps(TWO[1] | {"departs_at": f"{DAY}08:00:00Z"}),
            "line 2: departs_at must be later than connected_at",
        ),
        (json.dumps(TWO[1] | {"need_wh": 0}), "line 2: need_wh must be more than zero"),
        (json.dumps(TWO[1] | {"phases": 4}), "line 2: phases must be a number of phases from 1 to 3"),
        (json.dumps({**TWO[1], "max_a": None}), "line 2: max_a must be a number"),
        (
            json.dumps(session("S", "08:00", "09:00", "10:00", 1)[0] | {"data": {}}),
            "line 2: data.session_id is missing",
        ),
    ],
)
def test_a_line_that_is_none_is_refused_by_its_number_and_path(
    line: str, sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = f"{json.dumps(TWO[0])}\n{line}\n"
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(lines.encode())))
    assert main(["load", "plan", "-", "--limit-kw", "4"]) == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ("--limit-kw", "0"),
        ("--limit-kw", "much"),
        ("--limit-kw", "4", "--step-a", "0.05"),
        ("--limit-kw", "4", "--time-zone", "Nowhere"),
        ("--limit-kw", "4", "--interval-s", "0"),
        ("--limit-kw", "4", "--from", "someday"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load", "plan", "-", *options]) == 2
    assert options[-2] in capsys.readouterr().err
