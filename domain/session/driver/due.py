"""What of a driver's money is not the price: captured above the bill (a credit on 1105), or due back (2080)."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Part(NamedTuple):
    """What of an amount is the driver's own, in minor units: captured above the bill, and due back to a payment."""

    overpaid: int
    due_payment_id: str
    due: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.overpaid + self.due


@dataclass(slots=True)
class DriversMoney:
    """What a driver owes (the balance of 1105) and is owed, in minor units, as far as the walk has come.

    `to_bill` is the gross of the first bill while it is still to come: what was captured beforehand pays it. It is
    None where the driver is never billed and nobody knows whether that stays so. An open dispute sets aside what it
    would take. `paid_back` is what was captured above the bill and went back.
    """

    to_bill: int | None
    owed: int = 0
    paid_back: int = 0
    due_back: dict[str, int] = field(default_factory=dict)
    _set_aside: int = 0

    @property
    def overpaid(self) -> int:
        """What was captured above the bill and is neither paid back nor disputed."""
        if self.to_bill is None or self.owed >= 0:
            return 0
        return max(0, -self.owed - self.to_bill - self._set_aside)

    @property
    def due(self) -> int:
        """What lowered prices left on 2080."""
        return sum(self.due_back.values())

    def lower(self, payment_id: str, amount: int) -> None:
        """A captured price fell: the difference is due back to its payment."""
        self.due_back[payment_id] = self.due_back.get(payment_id, 0) + amount

    def charge_from_due(self, amount: int) -> str:
        """A price rose again, paid out of what was due back; gives the payment to which it was due."""
        payment_id = self._due_payment_id("")
        self.due_back[payment_id] -= amount
        return payment_id

    def take(self, amount: int, payment_id: str) -> Part:
        """Give an amount back: as much of it as is the driver's own, first what was captured above the bill."""
        part = self._part(amount, payment_id)
        self._move(part, 1)
        return part

    def give_back(self, part: Part) -> None:
        """Give back just that, whatever the driver's own money is."""
        self._move(part, 1)

    def put_back(self, part: Part) -> None:
        """What was given back did not reach the driver, and is owed again."""
        self._move(part, -1)

    def set_aside(self, amount: int, payment_id: str) -> Part:
        """Keep what `take` would give, so that nothing else uses it up."""
        part = self._part(amount, payment_id)
        self._set_aside += part.overpaid
        if part.due:
            self.due_back[part.due_payment_id] -= part.due
        return part

    def free(self, part: Part) -> None:
        """End `set_aside`."""
        self._set_aside -= part.overpaid
        if part.due:
            self.due_back[part.due_payment_id] += part.due

    def _part(self, amount: int, payment_id: str) -> Part:
        overpaid = min(amount, self.overpaid)
        due_payment_id = self._due_payment_id(payment_id)
        return Part(overpaid, due_payment_id, min(amount - overpaid, max(0, self.due_back.get(due_payment_id, 0))))

    def _due_payment_id(self, payment_id: str) -> str:
        """The payment to which something is due back, else the one that was named."""
        return next((payment for payment, due in self.due_back.items() if due > 0), payment_id)

    def _move(self, part: Part, sign: int) -> None:
        self.owed += sign * part.overpaid
        self.paid_back += sign * part.overpaid
        if part.due:
            self.due_back[part.due_payment_id] -= sign * part.due
