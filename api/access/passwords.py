"""Passwords: argon2id, with an effort that takes some 50 ms of one processor and 32 MiB."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

# Below RFC 9106's second recommendation in memory, since `serve` is to stay small: still above OWASP's least.
_HASHER = PasswordHasher(time_cost=3, memory_cost=32_768, parallelism=1)


def hashed(password: str) -> str:
    """What is kept of a password."""
    return _HASHER.hash(password)


def verified(password: str, kept: str | None) -> bool:
    """Whether this is the password; takes as long where there is none, so that nobody learns who has an account."""
    try:
        return _HASHER.verify(kept or _nobodys(), password) and kept is not None
    except (VerifyMismatchError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Whether a hash was made with another effort than one would be made with now."""
    return _HASHER.check_needs_rehash(kept)


@cache
def _nobodys() -> str:
    return hashed("the password of nobody")
