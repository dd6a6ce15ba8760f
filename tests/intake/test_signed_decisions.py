"""Decisions are signed: without a good signature by a known key one is a dead letter, and nothing follows."""

from typing import Any

import orjson
import pytest

from contracts.decode import Message, decode
from contracts.signatures import SIGNATURE, Keyring, Signer, message_name
from engine.ports import Record
from tests.support.decisions import KEYRING, PUBLIC_KEYS, SIGNER
from tests.support.engine import Engine
from tests.support.events import event

AT = "2026-03-05T08:00:00Z"
DATA = {"payout_id": "5a7a9bd2-7a7c-5c0e-8e5e-2f6f1a2b3c4d", "at": AT, "reason": "the bank was at fault", "by": "ann"}


def retried(**changes: Any) -> dict[str, Any]:
    """A decision as it is signed."""
    return event("payout.retried", DATA["payout_id"], AT, DATA | changes)


def unsigned() -> dict[str, Any]:
    return {name: value for name, value in retried().items() if name != SIGNATURE}


def by_another_key() -> dict[str, Any]:
    return retried() | {SIGNATURE: Signer.new().sign("payout.retried", DATA)}


def by_another_key_under_our_name() -> dict[str, Any]:
    foreign = Signer(dict(Signer.new().jwk) | {"kid": SIGNER.jwk["kid"]})
    return retried() | {SIGNATURE: foreign.sign("payout.retried", DATA)}


def altered() -> dict[str, Any]:
    made = retried()
    return made | {"data": made["data"] | {"by": "bob"}}


def for_another_payout() -> dict[str, Any]:
    made = retried()
    return made | {"data": made["data"] | {"payout_id": "11111111-7a7c-5c0e-8e5e-2f6f1a2b3c4d"}}


def for_another_type() -> dict[str, Any]:
    return retried() | {SIGNATURE: SIGNER.sign("payout.rejected", DATA)}


def with_a_shared_secret() -> dict[str, Any]:
    """HS256 with the public key as its secret, which careless readers of JWS take."""
    header = {"alg": "HS256", "kid": SIGNER.jwk["kid"], "typ": "payout.retried"}
    return retried() | {SIGNATURE: _hand_made(header)}


def with_no_algorithm() -> dict[str, Any]:
    return retried() | {SIGNATURE: _hand_made({"alg": "none", "kid": SIGNER.jwk["kid"], "typ": "payout.retried"})}


def _hand_made(header: dict[str, Any]) -> str:
    import base64
    import hashlib
    import hmac

    from contracts.signatures import canonical

    def b64(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    head, payload = b64(orjson.dumps(header)), b64(canonical(DATA))
    mac = hmac.new(base64.urlsafe_b64decode(SIGNER.jwk["x"] + "="), f"{head}.{payload}".encode(), hashlib.sha256)
    return f"{head}..{b64(mac.digest())}"


FORGED = [
    unsigned,
    by_another_key,
    by_another_key_under_our_name,
    altered,
    for_another_payout,
    for_another_type,
    with_a_shared_secret,
    with_no_algorithm,
]


@pytest.mark.parametrize("forged", FORGED, ids=lambda make: make.__name__)
def test_what_nobody_signed_for_is_a_dead_letter_and_the_true_one_counts(engine: Engine, forged: Any) -> None:
    engine.feed([forged()])
    assert engine.refusals() == ["NOT_SIGNED"]
    assert engine.rows("SELECT count(*)::int FROM event_store.stored_events") == [(0,)]
    engine.feed([retried()])
    assert engine.tally() == (1, 0, 0, 1)


def test_a_signature_is_kept_with_what_it_signs_in_either_binding(engine: Engine) -> None:
    structured, made = retried(), retried()
    headers = [(f"ce_{name}", str(value).encode()) for name, value in made.items() if name != "data"]
    binary = Record(engine.topic, 0, engine.offset, None, orjson.dumps(made["data"]), tuple(headers))
    engine.offset += 1
    engine.intake.process([binary], engine.epochs)
    engine.feed([structured])
    assert engine.tally() == (1, 1, 0, 0)
    ((state,),) = engine.rows("SELECT state FROM event_store.stored_events WHERE topic = 'payout.retried'")
    assert made[SIGNATURE].encode() in bytes(state)


def test_a_signature_within_the_data_counts_as_well(engine: Engine) -> None:
    made = unsigned()
    engine.feed([made | {"data": {**made["data"], SIGNATURE: retried()[SIGNATURE]}}])
    assert engine.tally() == (1, 0, 0, 0)


def test_the_order_of_keys_and_the_way_a_value_is_escaped_do_not_matter() -> None:
    made = retried(reason="été – €")
    turned = dict(reversed(made["data"].items()))
    message = decode(orjson.dumps(made | {"data": turned}))
    assert isinstance(message, Message)
    assert KEYRING.is_signed(message.type, message.data, message_name(message.source, message.id))


def test_a_keyring_in_a_file_knows_a_key_that_is_added_later(tmp_path: Any) -> None:
    path = tmp_path / "keys.jwks"
    ring = Keyring(path)
    made = retried()
    data, name = made["data"] | {SIGNATURE: made[SIGNATURE]}, message_name(made["source"], made["id"])
    assert not ring.is_signed("payout.retried", data, name)
    path.write_text(PUBLIC_KEYS)
    assert ring.is_signed("payout.retried", data, name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "is no JSON Web Key Set"),
        ("{", "is no JSON Web Key Set"),
        ('{"keys": [{"kty": "RSA", "kid": "1"}]}', "(1 of 1) that is no Ed25519 key"),
        (str(orjson.dumps({"keys": [dict(SIGNER.jwk)]}), "utf-8"), "the private part of key"),
    ],
)
def test_what_is_no_set_of_public_keys_is_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("(", r"\(").replace(")", r"\)")):
        Keyring(text).key_ids()
