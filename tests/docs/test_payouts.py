"""The page of payouts: the hash that it works out, and the reasons that it lists, are those of the program."""

import json
import re
from hashlib import sha256

from domain.payout.answers import ACCOUNT_REASONS
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/payouts.md").read_text(encoding="utf-8")
GOLDEN = ROOT / "contracts/golden/settlement.batch.created/v1-second-attempt.json"


def test_the_hash_of_the_example_is_that_of_its_text_and_of_the_released_message() -> None:
    (text,) = re.findall(r"```json\n(.+)\n```", PAGE)
    digest = sha256(text.encode()).hexdigest()
    assert f"gives `{digest}`" in PAGE
    data = json.loads(GOLDEN.read_text(encoding="utf-8"))["data"]
    assert data["content_hash"] == digest
    assert json.loads(text) == {
        "amount": data["amount"]["amount"],
        **{name: data[name] for name in ("creditor", "currency", "execution_date", "operator_id", "payout_id")},
        "entry_ids": sorted(data["entry_ids"]),
    }


def test_the_reasons_that_ask_for_another_account_are_listed() -> None:
    (listed,) = re.findall(r"failed for its account \(([A-Z0-9, ]+)\)", PAGE)
    assert set(listed.split(", ")) == ACCOUNT_REASONS
