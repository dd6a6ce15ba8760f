"""What later runs, cover and the clock look at of payouts, kept with each as its decisions leave it, in sets."""

from collections.abc import Collection
from datetime import date, datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.values import reader_of, value
from ledger.arrays import columns

# The fields of a `KeptPayout` are the columns it is written to, of these types.
_TYPES = {
    "payout_id": "text",
    "operator_id": "text",
    "reserve_held": "bool",
    "failed": "bool",
    "awaits": "bool",
    "currency": "text",
    "amount": "int8",
    "sent_at": "timestamptz",
    "left_at": "timestamptz",
    "weighed": "bool",
    "due_at": "timestamptz",
    "business_date": "date",
    "counts": "bool",
    "rejected_at": "timestamptz",
}
_values = reader_of(_TYPES)
_KEPT_AS_MADE = ("payout_id", "operator_id", "weighed")
# What nobody had handed off before has to be weighed once it is.
_KEEP = f"""
INSERT INTO intake.open_payout AS known ({", ".join(_TYPES)})
SELECT * FROM unnest({", ".join(f"%s::{type_}[]" for type_ in _TYPES.values())})
ON CONFLICT (payout_id) DO UPDATE SET
    {", ".join(f"{column} = excluded.{column}" for column in _TYPES if column not in _KEPT_AS_MADE)},
    weighed = CASE WHEN known.sent_at IS NULL THEN excluded.weighed ELSE known.weighed END
"""  # noqa: S608
_KEEP_TAXES = """
INSERT INTO intake.tax_withheld (operator_id, currency, regime, business_date, payout_id, base, percent, amount,
                                 rejected_at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::date[], %s::text[], %s::int8[], %s::text[], %s::int8[],
                     %s::timestamptz[])
ON CONFLICT (operator_id, business_date, payout_id, regime) DO UPDATE SET rejected_at = excluded.rejected_at
"""


@value
class KeptTax:
    """What a payout withheld by a regime: `percent` of `base`, which came to `amount`; minor units."""

    regime: str
    base: int
    percent: str
    amount: int


@value
class KeptPayout:
    """A payout as it stands: `amount` in minor units, on its way from `sent_at` to `left_at`.

    Neither is known while it waits for approval (`awaits`), and `left_at` is the end of time while it is on its way.
    `due_at` is when the clock looks at it, for want of an answer or since an approval lapses. It `counts` among those
    that later runs compare theirs with, unless it repeats another. `taxes` are those to be kept with it.
    """

    payout_id: str
    operator_id: str
    reserve_held: bool
    failed: bool
    awaits: bool
    currency: str
    amount: int
    sent_at: datetime | None
    left_at: datetime | None
    due_at: datetime | None
    business_date: date
    counts: bool
    rejected_at: datetime | None
    taxes: tuple[KeptTax, ...] = ()

    @property
    def weighed(self) -> bool:
        """Whether nobody has to see if client money pays for it: it has not left."""
        return self.sent_at is None


def keep_payouts(cursor: Cursor[TupleRow], payouts: Collection[KeptPayout]) -> None:
    """Keep payouts, each of them once, and what they withheld: for payouts of the same tax year, and certificates."""
    if not payouts:
        return
    in_order = sorted(payouts, key=lambda payout: payout.payout_id)
    cursor.execute(_KEEP, columns(_values(payout) for payout in in_order))
    taxes = [
        (
            each.operator_id, each.currency, tax.regime, each.business_date, each.payout_id, tax.base, tax.percent,
            tax.amount, each.rejected_at,
        )
        for each in in_order
        for tax in each.taxes
    ]  # fmt: skip
    if taxes:
        cursor.execute(_KEEP_TAXES, columns(taxes))
