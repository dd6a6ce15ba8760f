"""How payouts are named at banks, and how they are found again: the one place that both directions go by.

EndToEndId and InstrId are the payout's id without hyphens (contract). The ACH has room for 15 characters that come
back with a return, the Individual Identification Number: the first 75 bits of the id in base32 (RFC 4648), which are
enough to tell any payouts apart that a platform will ever make.
"""

import re
from base64 import b32encode
from collections.abc import Iterable
from uuid import UUID

from contracts.values import canonical_uuid

_BITS, _CHARACTERS = 75, 15
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
# In running text only ids of the version that payouts have.
_IN_TEXT = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(-?)[0-9A-Fa-f]{4}\1[5][0-9A-Fa-f]{3}\1[89ABab][0-9A-Fa-f]{3}\1[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
)


def payout_named(names: Iterable[str], texts: Iterable[str] = ()) -> str:
    """The payout that an id is of, or else that a text names, as its id with hyphens; "" where none does."""
    for name in names:
        plain = canonical_uuid(name.strip())
        if len(plain) == 36 and plain.count("-") == 4:
            return plain
    for text in texts:
        found = _IN_TEXT.search(text)
        if found is not None:
            return canonical_uuid(found.group())
    return ""


def is_of_a_payout(payout_id: str) -> bool:
    """Whether an id has the version that ids of payouts have (5): others make up ids of 32 digits as well."""
    return UUID(payout_id).version == 5


def individual_id(payout_id: str) -> str:
    """The 15 characters that stand for a payout in the ACH, `individual_id("5a7a9bd2-7a7c-5c0e-...")`."""
    high = UUID(payout_id).int >> (128 - _BITS)
    return b32encode((high << 5).to_bytes(10, "big")).decode()[:_CHARACTERS]


def creditor_reference(payout_id: str) -> str:
    """The structured creditor reference of a payout (ISO 11649): RF, two check digits, and its 15 characters.

    The check digits are those of ISO 7064 MOD 97-10 over the characters, `RF00` behind them, letters as 10 to 35.
    """
    characters = individual_id(payout_id)
    number = int("".join(str(int(letter, 36)) for letter in f"{characters}RF00"))
    return f"RF{98 - number % 97:02}{characters}"


def ids_of(individual: str) -> tuple[str, str] | None:
    """The least and the greatest id that such characters stand for, as text with hyphens; None for any other text."""
    if len(individual) != _CHARACTERS or any(letter not in _ALPHABET for letter in individual):
        return None
    high = 0
    for letter in individual:
        high = high * 32 + _ALPHABET.index(letter)
    low = high << (128 - _BITS)
    return str(UUID(int=low)), str(UUID(int=low + (1 << (128 - _BITS)) - 1))
