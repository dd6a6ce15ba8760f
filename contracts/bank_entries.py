"""Events of bank accounts of ours: what a bank has booked, what its statements say of themselves, and its notices."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.amounts import Money, PositiveMoney
from contracts.envelope import Event
from contracts.payments import BusinessDate
from contracts.values import Identifier, PayoutId, Text, Time, Wire

Remittance = Annotated[str, StringConstraints(max_length=1000)]
Count = Annotated[int, Field(ge=0, le=10**18)]


class BankEntryBookedData(Wire):
    """A line of an entry that a bank booked on an account of ours; its booking is the truth.

    `entry_reference` is made of what identifies the booking at the bank: the id of the entry, and behind a point the
    detail (`1` to `3` the only one, `4...` one of several; what tells more takes the place of what tells less).
    `purpose`: PAYOUT (its answer stands in `payout.results`), CHARGE (of the bank), REMAINDER (what the details of
    the entry leave over), UNALLOCATED (anything else). `counterparty` is masked where it is no organisation.
    """

    account: Identifier
    entry_reference: Identifier
    booked_at: Time
    value_date: BusinessDate | None = None
    amount: PositiveMoney
    direction: Literal["CREDIT", "DEBIT"]
    purpose: Literal["PAYOUT", "CHARGE", "REMAINDER", "UNALLOCATED"]
    payout_id: PayoutId | None = None
    end_to_end_id: Text | None = None
    bank_reference: Text | None = None
    remittance: Remittance | None = None
    counterparty: Text | None = None


class BankStatementToldData(Wire):
    """What a statement says of an account: its balances, its number, and the sum and count of its booked entries.

    `opening`, `closing` and `entries` are absent where it gives none, is a page of several, or mixes currencies.
    """

    account: Identifier
    statement_id: Text
    told_at: Time
    number: Count | None = None
    opening: Money | None = None
    closing: Money | None = None
    entries: Money | None = None
    count: Count


class BankNoticeGivenData(Wire):
    """What a bank says that moves no money and that somebody has to know.

    `kind`: ACCOUNT_CHANGED (the account of a payee is another one from now on; `text` has it masked), ORDER_UNKNOWN
    (an answer to what is no payout), DUPLICATE_ORDER (the bank takes an order for one that it has had),
    RETURN_DISPUTED (a bank does not accept a return). `reason` is the bank's code, `reference` what it names.
    """

    notice_id: Identifier
    account: Identifier
    kind: Literal["ACCOUNT_CHANGED", "ORDER_UNKNOWN", "DUPLICATE_ORDER", "RETURN_DISPUTED"]
    at: Time
    payout_id: PayoutId | None = None
    reference: Text | None = None
    reason: Text | None = None
    text: Text | None = None


class BankEntryBooked(Event):
    """`bank.entry_booked`."""

    type: Literal["bank.entry_booked"]
    data: BankEntryBookedData


class BankStatementTold(Event):
    """`bank.statement_told`."""

    type: Literal["bank.statement_told"]
    data: BankStatementToldData


class BankNoticeGiven(Event):
    """`bank.notice_given`."""

    type: Literal["bank.notice_given"]
    data: BankNoticeGivenData
