"""What-if and orders to rate anew as their users run them: asked, ordered, settled, and sound after each."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.end_to_end.running import Home, Inside, documents
from tests.support.events import TOKEN, captured, ended, lines, operator, partner, started, tariff
from wattledger.embedded import services

# Of two days in Amsterdam the second, when summer time begins, has 23 hours.
ASKED = ("--operator", "OP-1", "--from", "2025-03-29", "--to", "2025-03-30")
SINCE = "2025-03-01T00:00:00Z"
AT = "2025-04-02T09:00:00Z"


def _network() -> list[dict[str, Any]]:
    """Sessions at the edges of the two days: two by drivers of whom one paid, one of a partner with its own price."""
    given = tariff(price=0.4, time=SINCE)
    given["data"]["partner"] = "DE-ABC"
    given["id"] = "given"
    return [
        operator(time=SINCE),
        tariff(time=SINCE),
        partner(time=SINCE),
        given,
        started("S-early", "2025-03-28T22:59:59Z"),
        ended("S-early", "2025-03-28T23:30:00Z"),
        started("S-first", "2025-03-28T23:00:00Z"),
        ended("S-first", "2025-03-29T00:00:00Z"),
        captured("S-first", "2025-03-29T00:01:00Z"),
        started("S-roams", "2025-03-29T10:00:00Z", token=TOKEN),
        ended("S-roams", "2025-03-29T11:00:00Z"),
        started("S-last", "2025-03-30T21:59:59Z"),
        ended("S-last", "2025-03-30T22:30:00Z"),
        started("S-late", "2025-03-30T22:00:00Z"),
        ended("S-late", "2025-03-30T22:30:00Z"),
    ]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A data directory in which the network is settled, with its services."""
    home = Inside(tmp_path).made_ahead()
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"\n".join(lines(_network())) + b"\n")
    with services(home.settings, home.data_dir):
        home.settle(tmp_path / "out", events)
        yield home


def _file(home: Home, price: float, **fields: Any) -> Path:
    path = home.folder / "tariff.json"
    path.write_bytes(orjson.dumps(tariff(price=price, **fields)["data"]["tariff"]))
    return path


def test_a_tariff_is_tried_ordered_and_settled(home: Home) -> None:
    cheaper = _file(home, 0.25)
    asked = home.json("rerate", *ASKED, "--tariff", cheaper)
    assert [(each["session_id"], each["gross"], each["gross_under"]) for each in asked["sessions"]] == [
        ("S-first", "12.10", "6.05"),
        ("S-roams", "9.68", "6.05"),
        ("S-last", "12.10", "6.05"),
    ]
    home.run("verify")
    applied = home.json("rerate", *ASKED, "--tariff", cheaper, "--apply", "--reason", "as agreed", "--at", AT)
    assert applied["sessions_re_rated"] == 3
    assert applied["before"] == asked["totals"]["billed"]
    assert applied["after"] == asked["totals"]["under"]
    assert applied["refunds_due"] == "6.05"
    home.run("verify")
    _is_settled_as_ordered(home)
    _is_ordered_once(home, cheaper)


def _is_settled_as_ordered(home: Home) -> None:
    """With the next clock the CDRs follow, and what was paid out too much is in the next payout."""
    home.json("payouts", "run", "--until", "2025-04-10T00:00:00Z")
    home.run("verify")
    out = home.folder / "after"
    home.run("export", out)
    shares = {each["session_id"]: each["gross"] for each in documents(out / "sessions.jsonl")}
    assert shares == {"S-early": "12.10", "S-first": "6.05", "S-roams": "6.05", "S-last": "6.05", "S-late": "12.10"}
    credits = [each for each in documents(out / "cdrs.jsonl") if each.get("credit")]
    assert sorted(each["session_id"] for each in credits) == ["S-first", "S-last", "S-roams"]
    moments = {each["effective_at"] for each in documents(out / "journal.jsonl") if each["kind"] == "J59"}
    assert moments == {AT}
    standing = [each for each in documents(out / "cdrs.jsonl") if each["session_id"] == "S-roams"][-1]
    assert Decimal(str(standing["total_cost"]["incl_vat"])) == Decimal("6.05")


def _is_ordered_once(home: Home, cheaper: Path) -> None:
    """The same order given again is a duplicate; with another reason it is a conflict and says so."""
    again = ("rerate", *ASKED, "--tariff", cheaper, "--apply", "--at", AT)
    assert home.json(*again, "--reason", "as agreed")["sessions_re_rated"] == 0
    said = home.run(*again, "--reason", "another", status=1)
    assert b"given before with another reason" in said
    listed = home.json("tariff", "orders")
    assert [(each["reason"], each["remark"]) for each in listed] == [("as agreed", None)]


def test_a_dearer_tariff_cannot_be_had_of_what_was_captured(home: Home) -> None:
    dearer = _file(home, 1.0)
    totals = home.json("rerate", *ASKED, "--tariff", dearer)["totals"]
    assert (totals["under"]["gross"], totals["by_an_order"]["gross"], totals["shortfall"]) == (
        "72.60",
        "60.50",
        "12.10",
    )
    applied = home.json("rerate", *ASKED, "--tariff", dearer, "--apply", "--reason", "as agreed", "--at", AT)
    assert (applied["after"], applied["shortfall"]) == (totals["by_an_order"], "12.10")
    home.run("verify")


MISTAKES: dict[str, tuple[Callable[[Home], tuple[Any, ...]], int, bytes]] = {
    "no reason": (lambda home: (*ASKED, "--tariff", _file(home, 1), "--apply"), 2, b"--reason"),
    "no day": (lambda _: ("--operator", "OP-1", "--from", "May", "--to", "2025-03-29", "--tariff", "T-1"), 2, b"day"),
    "an order that is yet to come": (
        lambda _: (*ASKED, "--tariff", "T-1", "--at", "2999-01-01T00:00:00Z"),
        2,
        b"--at",
    ),
    "unknown operator": (
        lambda _: ("--operator", "OP-9", "--from", "2025-03-29", "--to", "2025-03-29", "--tariff", "T-1"),
        1,
        b"no operator 'OP-9'",
    ),
    "unknown tariff": (lambda _: (*ASKED, "--tariff", "T-9"), 1, b"'T-9' is neither a file nor a published tariff"),
    "nothing in between": (
        lambda _: ("--operator", "OP-1", "--from", "2025-03-29", "--to", "2025-03-28", "--tariff", "T-1"),
        1,
        b"no session can start",
    ),
    "another currency": (
        lambda home: (*ASKED, "--tariff", _file(home, 1, currency="SEK")),
        1,
        b"in SEK, OP-1 in EUR",
    ),
    "a tariff that contradicts itself": (
        lambda home: (*ASKED, "--tariff", _file(home, 1, start_date_time="2025-02-01", end_date_time="2025-01-01")),
        1,
        b"the order would be refused: data.tariff",
    ),
}


def test_mistakes_are_one_line_that_says_what_to_do(home: Home) -> None:
    for name, (words, status, sentence) in MISTAKES.items():
        said = home.run("rerate", *words(home), status=status)
        assert sentence in said, name
        assert said.count(b"\n") == 1, name
