"""The key that people, keys and tokens for partners are sealed with: a setting, or a file made along with the store.

Whoever makes a store or brings it up to date makes the file where no key is set; nobody else does, since one that is
made later on another machine opens nothing that was sealed before.
"""

import logging
import secrets
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from api.outward.key_files import kept_key
from wattledger.errors import SettingsError
from wattledger.settings import Settings

if TYPE_CHECKING:
    from ledger.access.seals import Seals

FOLDER, FILE = "secrets", "secret_key"
_KEY_BYTES = 32

_log = logging.getLogger(__name__)


def keep_secret_key(settings: Settings) -> None:
    """Make the file where no key is set and there is none; where it cannot be written, who needs a key says so."""
    if settings.secret_key is not None:
        return
    try:
        kept_key(_path(settings), lambda: b64encode(secrets.token_bytes(_KEY_BYTES)).decode())
    except OSError as error:
        _log.warning("no key for people and partners' tokens is kept at %s: %s", _path(settings), error.strerror)


def secret_keys(settings: Settings) -> str:
    """The keys, of which the first seals, separated by commas. Raises SettingsError where there is none."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    try:
        return _path(settings).read_text("ascii").strip()
    except FileNotFoundError:
        raise SettingsError(
            f"there is no key for people and the tokens of roaming partners: set WATTLEDGER_SECRET_KEY (openssl rand "
            f"-base64 32 makes one), or run `wattledger migrate`, which keeps one in {_path(settings)}"
        ) from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"the key in {_path(settings)} cannot be read: {error}") from None


def people_seals(settings: Settings) -> "Seals":
    """What people, keys and sessions are sealed with. Raises SettingsError where there is no key, or it is none."""
    from ledger.access.seals import Seals

    try:
        return Seals.of(secret_keys(settings))
    except ValueError as error:
        raise SettingsError(f"WATTLEDGER_SECRET_KEY is no key: {error}") from None


def seals_or_none(settings: Settings) -> "Seals | None":
    """The same; None where there is no key, so that only what needs none can be done."""
    if settings.secret_key is None and not _path(settings).exists():
        return None
    return people_seals(settings)


def key_place(settings: Settings) -> str:
    """Where the key is, for who reads the log."""
    return "WATTLEDGER_SECRET_KEY" if settings.secret_key is not None else str(_path(settings))


def _path(settings: Settings) -> Path:
    return settings.data_dir / FOLDER / FILE
