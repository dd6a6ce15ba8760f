"""The keys of decisions: who signs them here, and whose signatures count (`contracts.signatures`).

By default both are files below the data directory: `decision-keys/signing.jwk`, readable by its owner alone, and
`decision-keys/public.jwks`, to which each new key is added, so that what was decided before still counts.
"""

import json
import os
from pathlib import Path

from contracts.signatures import Keyring, Signer, key_set
from wattledger.errors import ApplicationError, SettingsError
from wattledger.settings import Settings

FOLDER, SIGNING, PUBLIC = "decision-keys", "signing.jwk", "public.jwks"


def keyring(settings: Settings) -> Keyring:
    """The public keys of the settings, or those below the data directory. Raises SettingsError for what is none."""
    ring = Keyring(_public_source(settings))
    try:
        ring.key_ids()
    except (ValueError, OSError) as error:
        raise SettingsError(f"WATTLEDGER_DECISION_KEYS {error}") from None
    return ring


def signer(settings: Settings) -> Signer:
    """The private key that signs here; the first one below the data directory is made when it is needed.

    Raises SettingsError for a file that is no private key or cannot be read, and where its public part is not known.
    """
    path = settings.decision_signing_key or _folder(settings) / SIGNING
    if settings.decision_signing_key is None and not path.exists():
        if settings.decision_keys is not None:
            raise SettingsError(
                "WATTLEDGER_DECISION_KEYS names whose decisions count, and nothing signs here: name the file of the "
                "private key in WATTLEDGER_DECISION_SIGNING_KEY"
            )
        create_key(settings)
    try:
        found = Signer(json.loads(path.read_text("utf-8")))
    except (ValueError, OSError, AttributeError) as error:
        raise SettingsError(f"the signing key {path} {error}; `wattledger keys create` makes one") from None
    if found.jwk.get("kid") not in keyring(settings).key_ids():
        raise SettingsError(
            f"decisions signed by {path} would not count: key {found.jwk.get('kid')} is not among the public ones; "
            "add what `wattledger keys export` prints to WATTLEDGER_DECISION_KEYS"
        )
    return found


def create_key(settings: Settings) -> str:
    """Make a new signing key below the data directory, and add its public part to those that count; its id."""
    _own_files_only(settings)
    made, folder = Signer.new(), _folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    # The public part first: whoever reads in between knows a key that has signed nothing yet.
    _write(folder / PUBLIC, json.dumps({"keys": [*public_keys(settings), made.public]}, indent=1), mode=0o644)
    _write(folder / SIGNING, json.dumps(dict(made.jwk)), mode=0o600)
    return str(made.jwk["kid"])


def retire_key(settings: Settings, key_id: str) -> None:
    """Have signatures by a key count no more, for what comes from here on; raises ApplicationError for an unknown."""
    _own_files_only(settings)
    known = public_keys(settings)
    left = [key for key in known if key["kid"] != key_id]
    if len(left) == len(known):
        raise ApplicationError(f"no key {key_id!r} is known; `wattledger keys list` lists those that are")
    signing = _folder(settings) / SIGNING
    if signing.exists() and json.loads(signing.read_text("utf-8")).get("kid") == key_id:
        raise ApplicationError(f"key {key_id} signs here; make another first with `wattledger keys create`")
    _write(_folder(settings) / PUBLIC, json.dumps({"keys": left}, indent=1), mode=0o644)


def public_keys(settings: Settings) -> list[dict[str, object]]:
    """The public keys that count, as JWKs."""
    source = _public_source(settings)
    text = (source.read_text("utf-8") if source.is_file() else "") if isinstance(source, Path) else source
    try:
        return key_set(text) if text else []
    except ValueError as error:
        raise SettingsError(f"WATTLEDGER_DECISION_KEYS {error}") from None


def signing_key_id(settings: Settings) -> str | None:
    """The id of the key that signs here; None where there is none yet."""
    path = settings.decision_signing_key or _folder(settings) / SIGNING
    try:
        return str(json.loads(path.read_text("utf-8"))["kid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _public_source(settings: Settings) -> str | Path:
    """A set as text, or the file that it stands in."""
    given = settings.decision_keys
    if given is None:
        return _folder(settings) / PUBLIC
    return given if given.lstrip().startswith("{") else Path(given)


def _folder(settings: Settings) -> Path:
    return settings.data_dir / FOLDER


def _own_files_only(settings: Settings) -> None:
    if settings.decision_keys is not None:
        raise ApplicationError(
            "the public keys are those of WATTLEDGER_DECISION_KEYS: make and retire keys there, or leave it unset"
        )


def _write(path: Path, text: str, mode: int) -> None:
    """Replace a file whole, so that nobody reads half of it."""
    new = path.with_suffix(f"{path.suffix}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
