"""What people decide in tests: signed by a key of the tests, which their engines know."""

import json
from pathlib import Path
from typing import Any

from contracts.messages import SIGNED_TYPES
from contracts.signatures import SIGNATURE, Keyring, Signer

# Made for the tests once and for all, so that what they sign is the same on every run.
SIGNER = Signer(
    {
        "kty": "OKP",
        "crv": "Ed25519",
        "use": "sig",
        "kid": "qpBluy5PCmWiHNT6QyguW2P8tC0uEgOtUD1QOjDa4OU",
        "x": "LWtNW3EAhlkLNays5DIIlfoe4BQZrO3zydtTNhwEYTg",
        "d": "s3EAFTXHioHlRLUELKUMB-NVpZZRkUUhvTNGx9pVDXM",
    }
)
PUBLIC_KEYS = json.dumps({"keys": [SIGNER.public]})
KEYRING = Keyring(PUBLIC_KEYS)


def signed(event: dict[str, Any]) -> dict[str, Any]:
    """An event with its signature, where its type needs one."""
    if event.get("type") not in SIGNED_TYPES:
        return event
    return event | {SIGNATURE: SIGNER.sign(event["type"], event["data"])}


def settings_of_keys(folder: Path) -> dict[str, str]:
    """The settings of a command that signs with the key of the tests and trusts it, its key file in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "signing.jwk"
    file.write_text(json.dumps(dict(SIGNER.jwk)))
    file.chmod(0o600)
    return {"DECISION_KEYS": PUBLIC_KEYS, "DECISION_SIGNING_KEY": str(file)}
