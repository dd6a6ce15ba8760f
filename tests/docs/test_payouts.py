"""The page of payouts: the reasons that it lists are those of the program."""

import re

from domain.payout.answers import ACCOUNT_REASONS
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/payouts.md").read_text(encoding="utf-8")


def test_the_reasons_that_ask_for_another_account_are_listed() -> None:
    (listed,) = re.findall(r"failed for its account \(([A-Z0-9, ]+)\)", PAGE)
    assert set(listed.split(", ")) == ACCOUNT_REASONS
