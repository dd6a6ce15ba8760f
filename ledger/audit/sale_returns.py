"""What refunds give back of what the platform sold itself, told again from the facts (accounting of refunds)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from ledger.audit.amounts import half_up, microseconds
from ledger.audit.streams import Body


@dataclass(slots=True)
class Given:
    """What refunds have given back of a sale so far, told again from the facts.

    `net` and `vat` are of the bill that is charged then, `bought` what that is bought for.
    """

    net: int = 0
    vat: tuple[tuple[str, int], ...] = ()
    bought: tuple[int, int] = (0, 0)
    refunded: int = 0
    borne: int = 0
    before: tuple[Counter[str], int, int] | None = None

    def bill(self, booking: Body) -> None:
        """A price was put on the book, or changed; of one that is withdrawn the last counts."""
        if booking["net"] or any(booking["vat"]):
            self.net = booking["net"]
            self.vat = tuple((at or "-", vat) for at, vat in zip(booking["vat_at"], booking["vat"], strict=True))
            self.bought = booking["purchase"], booking["purchase_vat"]

    def more(self, amount: int, borne: int) -> tuple[Counter[str], int, int]:
        """By how much what is given back grows, with that much more refunded: the sale by place, and the purchase."""
        before = self._in_all() if self.before is None else self.before
        self.refunded += amount
        self.borne += borne
        after = self._in_all()
        self.before = after
        return _less(after, before)

    def less(self, amount: int, borne: int, back: tuple[Counter[str], int, int]) -> None:
        """A refund came back, and what was given for it."""
        self.refunded -= amount
        self.borne -= borne
        if self.before is not None:
            self.before = _less(self.before, back)

    def _in_all(self) -> tuple[Counter[str], int, int]:
        gross = self.net + sum(amount for _, amount in self.vat)
        if not gross:
            return Counter({"": self.refunded}), 0, 0
        within = min(self.refunded, gross)
        weights = [("", self.net), *self.vat]
        parts = {at: within * weight // gross for at, weight in weights}
        rest = sorted(range(len(weights)), key=lambda i: (-(within * weights[i][1] % gross), i))
        for index in rest[: within - sum(parts.values())]:
            parts[weights[index][0]] += 1
        parts[""] += self.refunded - within
        share = Fraction(min(self.borne, gross), gross)
        return Counter(parts), half_up(self.bought[0] * share), half_up(self.bought[1] * share)


def _less(
    after: tuple[Counter[str], int, int], before: tuple[Counter[str], int, int]
) -> tuple[Counter[str], int, int]:
    parts = Counter(after[0])
    parts.subtract(before[0])
    return parts, after[1] - before[1], after[2] - before[2]


def refund_of_sale_row(
    kind: str, refund_id: str, at: datetime, own: tuple[int, int], back: tuple[Mapping[str, int], int, int]
) -> tuple[object, ...]:
    """A refund of a sale, or its failure: the driver's own, the sale by place, and the purchase."""
    parts = tuple(sorted((at, amount) for at, amount in back[0].items() if amount))
    return (kind, refund_id, microseconds(at), *own, parts, back[1], back[2])
