"""The page of bank files: its example makes the accounts that it shows."""

import re
from pathlib import Path

import pytest

from tests.bank.files import events_of
from tests.docs.pages import ROOT
from tests.intake.test_bank import listed, settled
from tests.support.engine import Engine

PAGE = (ROOT / "docs/bank.md").read_text(encoding="utf-8")
(STATEMENT,) = re.findall(r"^```xml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
_ACCOUNT = re.compile(r"^\| `(\d[^`]*)` \| (-?[\d.]+) \|$", re.MULTILINE)
SHOWN = {account: int(amount.replace(".", "")) for account, amount in _ACCOUNT.findall(PAGE)}


@pytest.mark.parametrize("settled_first", [True, False])
def test_the_example_makes_the_accounts_that_the_page_shows(
    engine: Engine, tmp_path: Path, settled_first: bool
) -> None:
    told = events_of(tmp_path, STATEMENT)
    for events in ([settled()], told) if settled_first else (told, [settled()]):
        engine.feed(events)
    found: dict[str, int] = {}
    for name, amount in engine.balances().items():
        account = name.removesuffix(" EUR")
        account = "2410" if account.startswith("2410/") else account
        found[account] = found.get(account, 0) + amount
    assert found == SHOWN
    assert listed(engine, "BANK_STATEMENT_DIFFERS", "BANK_RECEIPT_DIFFERS") == []
    assert listed(engine, "RECEIPT_UNALLOCATED")[0][2] == "-250.00"
