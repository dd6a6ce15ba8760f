"""Verification of payee: what banks answered about accounts, and whether they are asked about payments in files."""

from typing import Literal, TypeAlias

from contracts.catalogue import BankAccount
from contracts.decisions import Decision
from contracts.envelope import Event
from contracts.values import Identifier, PayoutId, Reason, Text, Time, Wire

PayeeResult: TypeAlias = Literal["MATCH", "CLOSE_MATCH", "NO_MATCH", "NOT_POSSIBLE"]


class PayeeVerifiedData(Wire):
    """What `provider` answered of an account of an operator, as it is registered.

    The results are those of the EPC's scheme (EPC218-23, Verification Of Payee Scheme Rulebook); `suggested_name` is
    the name that a bank gives with CLOSE_MATCH, `payout_id` the attempt that was asked about, where there was one.
    """

    operator_id: Identifier
    bank_account: BankAccount
    result: PayeeResult
    suggested_name: Text | None = None
    payout_id: PayoutId | None = None
    provider: Identifier
    at: Time


class PayeeVerified(Event):
    """`payee.verified`."""

    type: Literal["payee.verified"]
    data: PayeeVerifiedData


class PayeeChecksData(Decision):
    """Banks do not check payees of payments that come together in a file from now on, or do again.

    A payer that is no consumer may have it so (Regulation (EU) 2024/886, Article 5c(6)); it decides so as a company.
    """

    at: Time
    reason: Reason


class PayeeChecksDecided(Event):
    """`payee_checks.opted_out` and `payee_checks.opted_in`."""

    type: Literal["payee_checks.opted_out", "payee_checks.opted_in"]
    data: PayeeChecksData
