"""Balances below zero: money of the platform that makes them up, and what operators paid of them."""

from typing import Annotated

import typer

from wattledger.commands.acting import Amount, Because, Currency, Given, act, deciding, money_of, now_text, stated

app = typer.Typer(name="negative", help="Make up balances of operators that are below zero.", no_args_is_help=True)

Operator = Annotated[str, typer.Option("--operator", metavar="ID", help="Whose.")]
Reference = Annotated[
    str, typer.Option("--reference", metavar="TEXT", help="Of the transfer; under one reference it is told once.")
]


@app.command()
@deciding
def fund(
    operator: Operator, amount: Amount, currency: Currency, reference: Reference, reason: Because, given: Given
) -> None:
    """Tell that the platform moved money of its own to the account of client money, which may not be short."""
    _tell("funded", operator, (amount, currency), reference, reason, given)


@app.command()
@deciding
def collect(
    operator: Operator, amount: Amount, currency: Currency, reference: Reference, reason: Because, given: Given
) -> None:
    """Tell that an operator paid what it owed: it is its own again, and a line of its next run."""
    _tell("collected", operator, (amount, currency), reference, reason, given)


def _tell(what: str, operator: str, much: tuple[str, str], reference: str, reason: str, given: Given) -> None:
    from api.access.roles import Right

    amount, currency = much
    data = {
        "operator_id": operator,
        "amount": money_of(amount, currency),
        "at": now_text(),
        "reference": reference,
        "reason": stated(reason),
    }
    sentence = f"{amount} {currency.upper()} {what} for the balance of {operator}"
    act(f"operator.balance_{what}", data, Right.PROPOSE, sentence, given)
