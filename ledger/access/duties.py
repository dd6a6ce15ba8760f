"""What a person or a key may be, and the form of names."""

import unicodedata
from collections.abc import Sequence
from enum import StrEnum

from domain.people import folded_name
from ledger.errors import AccessRefused

NAME_MAX = 100
OPERATOR_MAX = 64
# Principals of keys that were made for nobody, and of the buttons of a development server.
KEY_PREFIX = "key:"
DEVELOPER_PREFIX = "dev:"


class Duty(StrEnum):
    """What a principal is there for, its role: each person and key has one. Their rights: `api.access.roles`."""

    OPERATOR = "operator"
    FINANCE = "finance"
    APPROVER = "approver"
    AUDITOR = "auditor"
    PROCESSOR = "processor"
    ADMIN = "admin"


def duty_named(text: str) -> Duty:
    """The role of that name; raises AccessRefused where there is none."""
    try:
        return Duty(text)
    except ValueError:
        raise AccessRefused(f"role: {text!r} is none; name one of {', '.join(Duty)}") from None


def checked_operators(duty: Duty, operators: Sequence[str]) -> list[str]:
    """The operators of a person or key, each once and sorted; raises AccessRefused where they do not fit its role."""
    if duty is Duty.OPERATOR and not operators:
        raise AccessRefused("operator: role operator sees its own operators alone; name each by --operator")
    if duty is not Duty.OPERATOR and operators:
        raise AccessRefused(
            f"operator: role {duty} is of no operator; leave --operator out, or make it role operator"
        )
    for each in operators:
        if not (0 < len(each) <= OPERATOR_MAX and each.isascii() and each.isprintable()):
            raise AccessRefused(
                f"operator: {each!r} is no id of an operator; it has 1 to {OPERATOR_MAX} printable ASCII characters"
            )
    return sorted(set(operators))


def checked_name(name: str, what: str = "name") -> str:
    """A name as it is kept, in Unicode's composed form; raises AccessRefused for one that cannot be shown."""
    found = unicodedata.normalize("NFC", name)
    if not (0 < len(found) <= NAME_MAX and found.isprintable() and found == found.strip()):
        raise AccessRefused(
            f"{what}: {name[:NAME_MAX]!r} cannot be used; it has 1 to {NAME_MAX} printable characters, and no space "
            "at its ends"
        )
    return found


def checked_person(name: str, what: str = "name") -> str:
    """A person's name as it is kept; raises AccessRefused for one that a key could be taken for."""
    found = checked_name(name, what)
    if folded_name(found).startswith((KEY_PREFIX, DEVELOPER_PREFIX)):
        raise AccessRefused(f"{what}: {found!r} begins like the principal of a key; name the person otherwise")
    return found
