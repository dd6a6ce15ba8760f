"""Bank files imported from outside, on brokers and a store: told once, counted, refused with a place."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bank.files import camt, detail, entry, pain002, status, text_of
from tests.bank.test_in_the_book import credit, debit
from tests.end_to_end.running import Home, Inside
from tests.intake.test_bank import settled
from tests.intake.test_payout_answers import BEGINNING
from wattledger.embedded import services

ENTRIES = [
    debit(),
    entry("4.50", "DBIT", ref="R-6", code="MDOP.CHRG"),
    entry("100.00", "CRDT", detail(rest=text_of("ST-77")), ref="R-4"),
    entry("33.00", ref="R-9"),
    entry("7.00", status="PDNG"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A store with one payout at the bank and a settlement, with its services."""
    home = Inside(tmp_path_factory.mktemp("bank")).made_ahead()
    (home.folder / "good.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in [*BEGINNING, settled()]))
    with services(home.settings, home.data_dir):
        home.settle(home.folder / "out", home.folder / "good.jsonl", options=["--until", "2026-03-03"])
        yield home


def file(home: Home, name: str, content: str) -> Path:
    path = home.folder / name
    path.write_text(content)
    return path


def test_files_are_imported_once_and_counted_and_what_is_refused_is_said(home: Home) -> None:
    statement = file(home, "one.xml", camt(*ENTRIES))
    would = home.json("bank", "import", statement, "--dry-run")["files"][0]
    names = ("entries", "answers", "payouts", "receipts", "charges", "unallocated", "pending", "duplicates")
    counts = [5, 1, 1, 1, 1, 1, 1, 0]
    assert [would[name] for name in names] == counts
    assert [home.json("payouts", "list")[0]["status"]] == ["IN_TRANSIT"]
    done = home.json("bank", "import", statement)["files"][0]
    assert [done[name] for name in names] == counts
    assert [home.json("payouts", "list")[0]["status"]] == ["PAID"]
    later = file(home, "two.xml", camt(*ENTRIES, credit(), id_="S-2", message="052"))
    again = home.json("bank", "import", statement, later, later)["files"]
    assert [each["duplicates"] for each in again] == [6, 5, 7]
    assert [each["answers"] for each in again] == [0, 1, 0]
    assert [home.json("payouts", "list")[0]["status"]] == ["RETURNED"]
    assert home.json("deadletter", "list") == []
    home.run("verify")


def test_what_is_refused_is_said_with_its_place_and_ends_with_1(home: Home) -> None:
    broken = file(home, "three.xml", camt('<Ntry><Amt Ccy="EUR">1,0</Amt></Ntry>', message="054"))
    cut = file(home, "cut.xml", camt(entry())[:-20])
    good = file(home, "four.xml", pain002(status("ACSP")))
    said = home.run("bank", "import", broken, cut, good, home.folder / "none.xml", status=1).decode()
    assert f"{broken}, line 1, Ntfctn[1]/Ntry[1]: Amt is '1,0' and no amount" in said
    assert f"{cut}: no well-formed XML" in said
    assert f"{home.folder / 'none.xml'}: no such file or directory; name a file that can be read" in said
    assert "Traceback" not in said
