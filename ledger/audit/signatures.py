"""Signatures of decisions, checked anew: each is by a key that counts, over all that is stored, for its own type."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.audit import affairs
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# Every type of message that a person has to have signed. Two of them came without a signature before there were any.
SIGNED = (
    "payout.approved",
    "payout.rejected",
    "payout.retried",
    "payouts.reopened",
    "payout.instant_requested",
    "bank.receipt_allocated",
    "finding.assigned",
    "payee_checks.opted_out",
    "payee_checks.opted_in",
    "payouts.stopped",
    "payouts.resumed",
    "operator.payouts_held",
    "operator.payouts_released",
    "operator.balance_funded",
    "operator.balance_collected",
    "bank_account.proposed",
    "bank_account.confirmed",
    "adjustment.proposed",
    "adjustment.approved",
    "adjustment.rejected",
    "write_off.proposed",
    "write_off.approved",
    "write_off.rejected",
    "reserve.held",
    "reserve.released",
    *affairs.TYPES,
)
_ONCE_UNSIGNED = ("payout.retried", "payouts.reopened")
_DECIDED = """
SELECT topic, state FROM event_store.stored_events WHERE topic = ANY (%s) ORDER BY notification_id
"""


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def public_keys(key_set: str) -> dict[str, Ed25519PublicKey]:
    """The keys of a JSON Web Key Set by their ids. Raises ValueError or KeyError for what is none."""
    return {
        each["kid"]: Ed25519PublicKey.from_public_bytes(_bytes(each["x"])) for each in orjson.loads(key_set)["keys"]
    }


def what_is_wrong(type_: str, body: Mapping[str, Any], keys: Mapping[str, Ed25519PublicKey]) -> str:
    """Why the signature of a stored message does not count, "" where it does (RFC 7515, its payload detached)."""
    data = body["data"]
    text = data.get("signature")
    if not text:
        return "has no signature"
    try:
        head, _, signature = str(text).split(".")
        header = orjson.loads(_bytes(head))
        key = keys[header["kid"]]
        said = {name: told for name, told in data.items() if name != "signature"}
        payload = urlsafe_b64encode(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).rstrip(b"=")
        key.verify(_bytes(signature), head.encode() + b"." + payload)
    except KeyError:
        return "is signed by a key that does not count"
    except (ValueError, InvalidSignature):
        return "says something else than was signed"
    if header.get("typ") != type_:
        return f"was signed as {header.get('typ')}"
    meant = f"{body['source']} {body['id']}"
    return "" if header.get("jti") in (None, meant) else f"was signed as the message {header['jti']}"


def check_signatures(snapshot: Snapshot, key_set: str, tally: Tally) -> None:
    """Each decision that is stored was signed as it is; nothing is checked without keys."""
    keys = public_keys(key_set)
    if not keys:
        return
    for topic, state in snapshot.rows(_DECIDED, (list(SIGNED),)):
        try:
            body = orjson.loads(state)
            data, where = body["data"], f"{topic} {body['id']}"
        except (LookupError, TypeError, ValueError):
            tally.note(
                topic, "a readable event", "none", f"a stored {topic} cannot be read, and its signature neither"
            )
            continue
        if topic in _ONCE_UNSIGNED and "signature" not in data:
            continue
        tally.examined += 1
        wrong = what_is_wrong(topic, body, keys)
        if wrong:
            tally.note(where, "a signature that counts", wrong, f"{where} {wrong}")
