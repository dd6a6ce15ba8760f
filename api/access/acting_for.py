"""For whom a key may be made: people decide by it, and each counts as one, so that it has to be somebody's."""

from collections.abc import Sequence

from api.access.roles import RIGHTS
from ledger.access.duties import Duty, checked_person
from ledger.access.people import Person
from ledger.errors import AccessRefused


def refuse_key_for(
    name: str, known: Person | None, role: Duty, operators: Sequence[str], *, has_issuer: bool
) -> None:
    """Refuse a key for a name, which is that of a `known` person or of nobody.

    Raises AccessRefused for a name that is no user's, but where an issuer vouches for people who never signed in yet,
    and for a role that has a right, or an operator, which the user does not have herself.
    """
    if known is None:
        kept = checked_person(name, "for")
        if not has_issuer:
            raise AccessRefused(f"for: no user {kept!r} is known; `wattledger user list` has all")
        return
    if not RIGHTS[role] <= RIGHTS[Duty(known.role)]:
        raise AccessRefused(f"role: {known.name} is {known.role}, and a key of hers may do no more; {role} does")
    others = sorted(set(operators) - set(known.operators))
    if known.operators and others:
        raise AccessRefused(f"operator: {known.name} does not see {', '.join(others)}; a key of hers sees no more")
