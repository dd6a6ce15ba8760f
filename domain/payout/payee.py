"""Payouts to an account that its bank knows under another name: two people have to let them go (rule P15)."""

from dataclasses import replace
from datetime import datetime

from domain.catalogue.parties import Operator
from domain.payout.amounts import Doubt, PayoutSum
from domain.payout.circumstances import Circumstances


def with_payee(sum_: PayoutSum, operator: Operator, at: datetime, around: Circumstances) -> PayoutSum:
    """A sum with that doubt, where the last answer about the account by then says so."""
    if not around.is_another_payee(operator, at):
        return sum_
    return replace(sum_, doubts=(*sum_.doubts, Doubt.PAYEE_NO_MATCH))
