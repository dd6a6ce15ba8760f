"""Balances below zero that were made up: by the platform, whose client money may not be short (J48), or the operator.

What the operator paid is its own again (J49), and a line of the next run.
"""

from collections.abc import Sequence

from domain.book.matter_bookings import BalanceCollected, BalanceFunded
from domain.matter.judgement import Head, Judgement, MatterJudged, MatterKind, MatterState, Surroundings, not_known
from domain.matter.told import Told, of_types

KEY = "balance"
FUNDED, COLLECTED = "operator.balance_funded", "operator.balance_collected"


def judge_balance(told: Sequence[Told], around: Surroundings) -> Judgement:
    """What should be of money that was moved for an operator's balance by all that was said of it."""
    first, *again = of_types(told, FUNDED, COLLECTED)
    data = first.data
    reference, operator_id = data["reference"], data["operator_id"]
    judgement = Judgement()
    sentence = f"{reference} was told before, by {first.by}: tell another amount under a reference of its own"
    judgement.refused += [each.refused(reference, sentence) for each in again]
    if around.terms(first.at) is None:
        judgement.refused.append(first.refused(reference, not_known(operator_id)))
        return judgement
    head: Head = {
        "key": KEY,
        "effective_at": first.at,
        "currency": data["amount"]["currency"],
        "operator_id": operator_id,
        "session_id": None,
    }
    if first.type == FUNDED:
        judgement.bookings.append(BalanceFunded(**head, amount=first.minor()))
    else:
        judgement.bookings.append(BalanceCollected(**head, share=KEY, matured=True, amount=first.minor()))
    judgement.judged = MatterJudged(
        MatterKind.BALANCE_FUNDED if first.type == FUNDED else MatterKind.BALANCE_COLLECTED,
        reference,
        operator_id,
        MatterState.BOOKED,
        data["amount"]["currency"],
        first.minor(),
        first.at,
        first.by,
        reason=data["reason"],
    )
    return judgement
