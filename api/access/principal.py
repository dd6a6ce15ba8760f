"""Who asks: a person who signed in, or a key."""

from dataclasses import dataclass, replace
from typing import Final, Self

from ledger.access.duties import Duty
from ledger.access.keys import UsableKey
from ledger.database import Role
from projections.reading import Scope

# The database roles of reads.
ROLES: Final = (Role.AUDITOR, Role.TENANT, Role.DOOR)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `name` is the person's, or `key:ID`; `operators` are those whose rows a duty of `operator` sees.

    `acts_in` is the database role of a read, where it is none of those that go with the duty. Whoever signed in, or
    uses a key that was made for her, `is_person`; `key_name` is what a key was made as.
    """

    name: str
    duty: Duty
    operators: tuple[str, ...] = ()
    key_id: str | None = None
    session_id: str | None = None
    acts_in: Role | None = None
    key_name: str | None = None
    is_person: bool = False

    @classmethod
    def of_key(cls, key_id: str, key: UsableKey) -> Self:
        """Who uses a key."""
        is_person = key.acts_for is not None
        return cls(key.principal, key.role, key.operators, key_id=key_id, key_name=key.name, is_person=is_person)

    def at_the_door(self) -> "Principal":
        """The same principal, for a read of people, keys or the audit log."""
        return replace(self, acts_in=Role.DOOR)

    @property
    def scope(self) -> Scope:
        """The database's view of who asks: an operator sees its own rows, whatever a handler asks for."""
        if self.acts_in is not None:
            return Scope(self.acts_in)
        if self.duty is Duty.OPERATOR:
            return Scope(Role.TENANT, self.operators)
        return Scope(Role.AUDITOR)
