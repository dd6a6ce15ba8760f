"""Keys of decisions at the command: made, listed, exported, retired; and what signs by them."""

import json
from pathlib import Path

import pytest

from contracts.decode import Message, decode_event
from contracts.signatures import Keyring, Signer, message_name
from wattledger.decision_keys import create_key, keyring, public_keys, retire_key, signer
from wattledger.decisions import decision
from wattledger.errors import ApplicationError, SettingsError
from wattledger.settings import Settings

DATA = {
    "payout_id": "5a7a9bd2-7a7c-5c0e-8e5e-2f6f1a2b3c4d",
    "at": "2026-03-05T08:00:00Z",
    "reason": "the bank was at fault",
    "by": "ann",
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("KEYS", "SIGNING_KEY"):
        monkeypatch.delenv(f"WATTLEDGER_DECISION_{name}", raising=False)
    return Settings(data_dir=tmp_path)


def test_the_first_key_is_made_when_it_is_needed_and_only_its_owner_reads_it(settings: Settings) -> None:
    made = decision(signer(settings), "payout.retried", DATA, "once")
    message = decode_event(made)
    assert isinstance(message, Message)
    assert keyring(settings).is_signed(message.type, message.data, message_name(message.source, message.id))
    assert (settings.data_dir / "decision-keys" / "signing.jwk").stat().st_mode & 0o077 == 0
    assert all("d" not in key for key in public_keys(settings))


def test_the_same_decision_twice_is_the_same_event_and_another_key_another(settings: Settings) -> None:
    ours = signer(settings)
    first, again = (decision(ours, "payout.retried", DATA, "once")["id"] for _ in range(2))
    assert first == again
    assert decision(ours, "payout.retried", DATA, "twice")["id"] != first
    assert decision(ours, "payout.retried", DATA | {"by": "bob"}, "once")["id"] != first


def test_what_is_signed_is_what_is_kept_however_it_was_typed(settings: Settings) -> None:
    data = {
        "operator_id": "OP-1",
        "bank_account": {"holder": "Grachtenlader BV", "iban": "nl91 ABNA 0417 1643 00"},
        "at": "2026-03-05t08:00:00z",
        "by": "ann",
    }
    made = decision(signer(settings), "bank_account.proposed", data, "once")
    message = decode_event(made)
    assert isinstance(message, Message)
    assert message.data["bank_account"]["iban"] == "NL91ABNA0417164300"
    assert keyring(settings).is_signed(message.type, message.data, message_name(message.source, message.id))


@pytest.mark.parametrize("type_", ["bank_account.proposed", "bank_account.confirmed"])
@pytest.mark.parametrize(
    ("account", "why"),
    [
        ({"iban": "nl92 ABNA 0417 1643 00"}, "check digits"),
        ({"account_number": "12345678", "routing_code": "021000022", "scheme": "ACH"}, "routing number"),
    ],
)
def test_nobody_decides_on_an_account_that_no_bank_can_know(
    settings: Settings, type_: str, account: dict[str, str], why: str
) -> None:
    account = {"holder": "Grachtenlader BV", **account}
    data = {"operator_id": "OP-1", "bank_account": account, "at": "2026-03-05T08:00:00Z", "by": "ann"}
    with pytest.raises(ApplicationError, match=why) as refused:
        decision(signer(settings), type_, data, "once")
    assert "0417" not in str(refused.value)


def test_what_an_older_key_signed_counts_until_it_is_retired(settings: Settings) -> None:
    ring, first = keyring(settings), create_key(settings)
    made = decision(signer(settings), "payout.retried", DATA, "once")
    data, name = made["data"] | {"signature": made["signature"]}, message_name(made["source"], made["id"])
    second = create_key(settings)
    assert signer(settings).jwk["kid"] == second
    assert ring.is_signed("payout.retried", data, name)
    retire_key(settings, first)
    assert not keyring(settings).is_signed("payout.retried", data, name)
    with pytest.raises(ApplicationError, match="signs here"):
        retire_key(settings, second)
    with pytest.raises(ApplicationError, match="no key"):
        retire_key(settings, first)


def test_a_signing_key_whose_public_part_is_not_known_is_refused(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "other.jwk"
    path.write_text(json.dumps(dict(Signer.new().jwk)))
    known = json.dumps({"keys": [Signer.new().public]})
    given = settings.model_copy(update={"decision_keys": known, "decision_signing_key": path})
    with pytest.raises(SettingsError, match="is not among the public ones"):
        signer(given)
    with pytest.raises(SettingsError, match="WATTLEDGER_DECISION_SIGNING_KEY"):
        signer(given.model_copy(update={"decision_signing_key": None}))
    with pytest.raises(ApplicationError, match="WATTLEDGER_DECISION_KEYS"):
        create_key(given)


def test_keys_that_cannot_be_read_are_told(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="WATTLEDGER_DECISION_KEYS is no JSON Web Key Set"):
        keyring(settings.model_copy(update={"decision_keys": "{}"}))
    assert Keyring().key_ids() == []
