"""The transfers that every ledger is given: spread over many accounts, or all on one."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

ACCOUNTS = 1_000
_AMOUNT_MAX = 100_000


class Field(StrEnum):
    """Where transfers fall: between any two accounts, or always with the first account on one side."""

    SPREAD = "spread"
    HOT = "hot"


@dataclass(frozen=True, slots=True)
class Transfer:
    """`amount_minor` minor units from one account to another, both by number from 0; `number` names the transfer."""

    number: int
    payer: int
    payee: int
    amount_minor: int

    def __post_init__(self) -> None:
        if self.payer == self.payee or self.amount_minor < 1:
            raise ValueError(f"transfer {self.number} moves nothing: choose two accounts and a positive amount")


def transfers(count: int, field: Field, accounts: int = ACCOUNTS) -> list[Transfer]:
    """The same transfers for whoever asks; at least two accounts."""
    draw = random.Random(f"{field}-{count}-{accounts}")
    made = []
    for number in range(count):
        payer = draw.randrange(accounts) if field is Field.SPREAD else 0
        payee = (payer + draw.randrange(1, accounts)) % accounts
        if field is Field.HOT and draw.random() < 0.5:
            payer, payee = payee, payer
        made.append(Transfer(number, payer, payee, draw.randint(1, _AMOUNT_MAX)))
    return made


def balances_after(made: Sequence[Transfer], accounts: int = ACCOUNTS) -> list[int]:
    """What each account received less what it paid, in minor units, by plain arithmetic."""
    balances = [0] * accounts
    for transfer in made:
        balances[transfer.payer] -= transfer.amount_minor
        balances[transfer.payee] += transfer.amount_minor
    return balances
