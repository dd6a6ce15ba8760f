"""UUIDv5: ids made of names, so that every replay makes the same ones."""

from collections.abc import Callable
from hashlib import sha1
from typing import Any
from uuid import UUID, SafeUUID

_VERSION_AND_VARIANT = 0xF000 << 64 | 0xC000 << 48
_VERSION_5 = 5 << 76 | 0x8000 << 48
_new: Callable[[type[UUID]], UUID] = object.__new__
_set: Callable[[Any, str, Any], None] = object.__setattr__


def named_id(namespace: UUID, name: str) -> UUID:
    """The UUIDv5 of a name (RFC 9562, 5.5), the same as that of `uuid.uuid5`, in half its time.

    Its two fields are set as UUID sets them itself, which looks at six arguments first.
    """
    digest = sha1(namespace.bytes + name.encode(), usedforsecurity=False).digest()
    made = _new(UUID)
    _set(made, "int", int.from_bytes(digest[:16]) & ~_VERSION_AND_VARIANT | _VERSION_5)
    _set(made, "is_safe", SafeUUID.unknown)
    return made
