"""What is read out of bank files, before it becomes events: entries of accounts with their details, and answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal


class BankFileRefused(Exception):
    """A bank file that is not read: what it is, where it breaks, and what to do. Nothing of it was published."""


class LineRefused(Exception):
    """One entry of a file that cannot be read; the message names the element. The rest of the file is read."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry or a line that was passed over: where in the file it stands, and a sentence why."""

    where: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Charge:
    """What a bank kept of a transaction, or took for it; `is_credit` where it gave something back."""

    amount: Decimal
    currency: str
    is_credit: bool = False


@dataclass(frozen=True, slots=True)
class Detail:
    """One transaction of an entry (`TxDtls`); `amount` is None where the file gives none.

    `names` are the ids that the order had (EndToEndId, InstrId, TxId), `texts` what the payer wrote or referred to.
    """

    amount: Decimal | None
    currency: str
    is_credit: bool | None
    bank_reference: str = ""
    end_to_end_id: str = ""
    names: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    counterparty: str = ""
    return_reason: str = ""
    is_return: bool = False
    charges: tuple[Charge, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of an account (`Ntry`), as the file has it: `is_credit` and `is_reversal` are its own indicators.

    `booked_on` and `value_on` are dates as text; `code` is family, subfamily and the bank's own code, with points
    between; `orders` are the ids of the blocks and files of orders that it books as one amount.
    """

    where: str
    status: str
    amount: Decimal
    currency: str
    is_credit: bool
    is_reversal: bool
    booked_on: str
    value_on: str = ""
    bank_reference: str = ""
    code: str = ""
    text: str = ""
    charges: tuple[Charge, ...] = ()
    details: tuple[Detail, ...] = ()
    orders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Balance:
    """A balance of a statement, negative where the account is overdrawn."""

    kind: str
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The head of a statement, a report or a notification: the account, and what it says of itself.

    `number` is the bank's own count of statements of the account; `is_page` tells that it is only a part of one.
    """

    where: str
    account: str
    statement_id: str
    created_at: str
    number: int | None = None
    is_page: bool = False
    balances: tuple[Balance, ...] = ()

    def balance(self, *kinds: str) -> Balance | None:
        """The first balance of one of these kinds, in their order."""
        return next((each for kind in kinds for each in self.balances if each.kind == kind), None)


@dataclass(frozen=True, slots=True)
class FrameEnd:
    """That a statement is over; its balances stand where the schema wants them, or only here."""

    frame: Frame


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """What pain.002 says of an order: of one transaction, or, where `names` is empty, of a block or a whole file."""

    where: str
    bank: str
    at: str
    status: str
    names: tuple[str, ...] = ()
    reason: str = ""
    text: str = ""
    block: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class AchLine:
    """A return or a notification of change of the ACH; `amount` in major units of US dollars.

    `code` is R.. or C..; `individual_id` and `text` are where an order has its reference; `corrected` is what a
    notification of change says is right.
    """

    where: str
    bank: str
    made_on: str
    code: str
    is_of_credit: bool
    amount: Decimal
    original_trace: str
    trace: str
    individual_id: str = ""
    text: str = ""
    corrected: str = ""
    names: Sequence[str] = field(default=())
