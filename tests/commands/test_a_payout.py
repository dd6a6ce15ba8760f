"""What `payouts show` says of a payout that waits for people, and of one that no bank answered."""

import json
from typing import Any

import pytest

from projections.runner import catch_up
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from wattledger.cli import main


@pytest.fixture
def page(engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    """The only payout as a page and as a document, of an operator with some terms."""

    def shown(**terms: Any) -> tuple[str, dict[str, Any]]:
        engine.feed([operator(**terms), tariff(), *session("S-1", "2026-03-02")])
        engine.advance("2026-03-04T00:00:00Z")
        catch_up(engine.dsn)
        monkeypatch.setenv("WATTLEDGER_DATABASE_URL", engine.dsn)
        ((payout_id,),) = engine.rows("SELECT payout_id FROM projection.payouts")
        capsys.readouterr()
        assert main(["payouts", "show", payout_id]) == 0
        text = capsys.readouterr().out
        assert main(["payouts", "show", payout_id, "--json"]) == 0
        return " ".join(text.split()), json.loads(capsys.readouterr().out)

    return shown


def test_a_payout_that_waits_says_for_how_many_and_why(page: Any) -> None:
    text, document = page(payout_requires_approval=True)
    assert (document["status"], document["doubts"], document["approvals"]) == ("AWAITING_APPROVAL", ["TERMS"], 0)
    assert "It was not sent to the bank: 1 more person has to approve it, of 1. The operator’s terms ask" in text
    assert "not answered" not in text


def test_a_payout_above_a_limit_says_so(page: Any) -> None:
    text, document = page(limits={"payout": "5.00"})
    assert document["doubts"] == ["PAYOUT_LIMIT"]
    assert "It is above the limit of one payout." in text


def test_a_payout_in_no_bank_file_is_told_as_one(page: Any) -> None:
    text, document = page()
    assert (document["status"], document["doubts"]) == ("IN_TRANSIT", [])
    assert "It stands in no bank file yet, and no bank has answered." in text
    assert "has to approve" not in text
