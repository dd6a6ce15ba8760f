"""The private key that signs anchors of the book (docs/proofs.md), in a file that its owner alone reads.

By default it is `anchor-keys/signing.pem` below the data directory (PKCS #8). The public keys stand in the book, and
`public.json` beside the private one has them once more, where who changes the book does not come.
"""

import json
import os
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ledger.book.anchor_keys import AnchorKey, keep_key, key_id_of, known_keys
from ledger.book.anchors import AnyCursor, book_id
from ledger.locks import Lock, hold
from wattledger.errors import ApplicationError
from wattledger.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from ledger.gateway import Gateway

FOLDER, SIGNING, PUBLIC = "anchor-keys", "signing.pem", "public.json"


class PrivateKey:
    """An Ed25519 key that signs; it says of itself only what is public."""

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key

    @classmethod
    def new(cls) -> "PrivateKey":
        """A new key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # Here: few processes sign.

        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def read(cls, path: Path) -> "PrivateKey":
        """The key of a file; raises ApplicationError for one that is none, cannot be read, or others may read."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            if path.stat().st_mode & 0o077:
                raise ApplicationError(
                    f"the key that signs anchors, {path}, may be read by others than its owner: chmod 600 it, and if "
                    "somebody has read it make another with `wattledger keys rotate`"
                )
            found = load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            reason = (
                error.strerror if isinstance(error, OSError) else "it is no private key in PEM without a password"
            )
            raise ApplicationError(f"the key that signs anchors cannot be read from {path}: {reason}") from None
        if not isinstance(found, Ed25519PrivateKey):
            raise ApplicationError(f"the key that signs anchors, {path}, is no Ed25519 key (RFC 8032)")
        return cls(found)

    @property
    def public_key(self) -> bytes:
        """The public part: 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    @property
    def key_id(self) -> str:
        """The id of the public part."""
        return key_id_of(self.public_key)

    def sign(self, text: bytes) -> bytes:
        """The signature of a text: 64 bytes."""
        return self._key.sign(text)

    def pem(self) -> bytes:
        """The private key as its file has it."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def anchor_signer(settings: Settings, cursor: AnyCursor) -> PrivateKey:
    """The key that signs this book's anchors; the first of a book is made when it is needed.

    Raises ApplicationError where the book's anchors were signed and the key is gone, or is none of the book's.
    """
    path, known = _path(settings), known_keys(cursor)
    if path.exists():
        key = PrivateKey.read(path)
        if known and key.key_id not in {each.key_id for each in known}:
            raise ApplicationError(
                f"the key in {path} ({key.key_id}) is none of this book's: put that one back which signed its "
                f"anchors ({known[-1].key_id}), or say that it is lost with `wattledger keys rotate --lost`"
            )
    elif known:
        raise ApplicationError(_gone(path, known))
    else:
        key = PrivateKey.new()
        _write(path, key.pem(), 0o600)
    if not known:
        keep_key(cursor, introduced(key, None, book_id(cursor)))
        _publish(settings, known_keys(cursor))
    return key


def introduced(key: PrivateKey, by: PrivateKey | None, book: UUID) -> AnchorKey:
    """The public part of a key as another one introduces it to a book, or where there is none it does itself."""
    told = AnchorKey(key.public_key, datetime.now(UTC), by.key_id if by else None)
    return replace(told, signature=(by or key).sign(told.text(book)))


def rotate(settings: Settings, gateway: "Gateway", *, lost: bool) -> tuple[AnchorKey, str | None]:
    """Have another key sign from now on, which the one of today introduces; the new one and the id of that before.

    Where that one is `lost`, nobody introduces it. The private key of before is destroyed: its file has the new one.
    Raises ApplicationError where the key is gone and nobody said so, or is there and was said to be lost.
    """
    path, made = _path(settings), PrivateKey.new()
    with gateway.transaction() as cursor:
        hold(cursor, Lock.ANCHORS)
        known = known_keys(cursor)
        old = _usable(path, {each.key_id for each in known}) if known else None
        if known and old is None and not lost:
            raise ApplicationError(_gone(path, known))
        if lost and (old is not None or not known):
            there = f"the key {old.key_id} is not lost, it is in {path}" if old else "no key has signed anything yet"
            raise ApplicationError(f"{there}: leave --lost out")
        new = introduced(made, old, book_id(cursor))
        _write(_next(path), made.pem(), 0o600)
        keep_key(cursor, new)
    # The book knows it now: until the file is replaced the one before goes on to sign, and may introduce another.
    _next(path).replace(path)
    _publish(settings, [*known, new])
    return new, known[-1].key_id if known else None


def signing_key_id(settings: Settings) -> str | None:
    """The id of the key that signs here; None where there is none, or none that can be read."""
    with suppress(ApplicationError):
        return PrivateKey.read(_path(settings)).key_id
    return None


def outside_keys(settings: Settings) -> dict[str, str]:
    """The public keys that are kept outside the book: base64 of each by its id; none where there is no such file."""
    with suppress(OSError, ValueError):
        found: Any = json.loads(_path(settings).with_name(PUBLIC).read_text("utf-8"))
        return {str(name): str(key) for name, key in found.items()}
    return {}


def key_documents(keys: list[AnchorKey]) -> dict[str, str]:
    """Public keys as `keys.json` of an export has them: base64 by id."""
    return {each.key_id: b64encode(each.public_key).decode() for each in keys}


def _usable(path: Path, ids: set[str]) -> PrivateKey | None:
    """The key of a file, if it is one of the book's."""
    if not path.exists():
        return None
    key = PrivateKey.read(path)
    return key if key.key_id in ids else None


def _gone(path: Path, known: list[AnchorKey]) -> str:
    return (
        f"the key {known[-1].key_id}, which signs anchors of this book, is not in {path}: put it back, or name its "
        "file in WATTLEDGER_ANCHOR_KEY; if it is lost say so with `wattledger keys rotate --lost`"
    )


def _next(path: Path) -> Path:
    return path.with_name(f"{path.name}.next")


def _path(settings: Settings) -> Path:
    return settings.anchor_key or settings.data_dir / FOLDER / SIGNING


def _publish(settings: Settings, keys: list[AnchorKey]) -> None:
    """The public keys beside the private one, those that are there already among them: none is ever taken away."""
    told = outside_keys(settings) | key_documents(keys)
    _write(_path(settings).with_name(PUBLIC), json.dumps(told, indent=1).encode() + b"\n", 0o644)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file whole, durably, so that nobody reads half of it, or with other rights."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(f"{path.suffix}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
