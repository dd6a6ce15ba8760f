"""What a bank file asks for, in whatever form it was written."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Transaction:
    """A credit transfer of a file: to whom, how much, on which day (YYYY-MM-DD), in which block, who pays."""

    end_to_end_id: str
    amount: Decimal
    currency: str
    account: str
    day: str
    block_id: str
    debtor: str


@dataclass(frozen=True, slots=True)
class BankFile:
    """A file that is to be handed in, and what it says of itself."""

    message_id: str
    transactions: tuple[Transaction, ...]
    count: int
    control_sum: Decimal | None
