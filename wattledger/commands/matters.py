"""What people decide between an operator and the platform: adjustments, write-offs, reserves, bank accounts."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wattledger.commands.acting import Amount, Because, Currency, Given, act, deciding, money_of, now_text, stated
from wattledger.commands.options import last_moment
from wattledger.errors import ApplicationError
from wattledger.given_file import read_given

adjust = typer.Typer(
    name="adjust", help="Adjust what an operator is owed: one proposes, another decides.", no_args_is_help=True
)
write_off = typer.Typer(
    name="write-off", help="Write off what will not come: one proposes, another decides.", no_args_is_help=True
)
reserve = typer.Typer(
    name="reserve", help="Hold back of what an operator is owed, and release it.", no_args_is_help=True
)
account = typer.Typer(
    name="account", help="Change where an operator is paid to: one proposes, another confirms.", no_args_is_help=True
)
apps = (adjust, write_off, reserve, account)

Operator = Annotated[str, typer.Option("--operator", metavar="ID", help="Whose.")]
Code = Annotated[str, typer.Option("--reason-code", metavar="CODE", help="What it is, such as GOODWILL.")]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for who decides, and who reads the book.")]
Session = Annotated[str | None, typer.Option("--session", metavar="ID", help="The session that it is about.")]
Named = Annotated[str | None, typer.Option("--id", metavar="ID", help="The id that it is to have; made by default.")]
MatterId = Annotated[str, typer.Argument(metavar="ID", help="Its id, as it was made or is listed.")]
Iban = Annotated[str | None, typer.Option("--iban", metavar="IBAN")]
Bic = Annotated[str | None, typer.Option("--bic", metavar="BIC")]
Number = Annotated[str | None, typer.Option("--account-number", metavar="NUMBER")]
Routing = Annotated[str | None, typer.Option("--routing-code", metavar="CODE")]
Scheme = Annotated[str | None, typer.Option("--scheme", metavar="SCHEME", help="Such as ACH or NEFT.")]
Why = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why.")]


def _id(named: str | None) -> str:
    from uuid import uuid4

    return named or str(uuid4())


@adjust.command("propose")
@deciding
def propose_adjustment(
    operator: Operator,
    amount: Amount,
    currency: Currency,
    direction: Annotated[
        str, typer.Option("--direction", metavar="CREDIT|DEBIT", help="In the operator's favour, or against it.")
    ],
    reason_code: Code,
    note: Note,
    session: Session = None,
    attachment: Annotated[
        Path | None, typer.Option("--attachment", metavar="FILE", help="A paper: its SHA-256 is kept, not itself.")
    ] = None,
    named: Named = None,
    *,
    given: Given,
) -> None:
    """Propose an adjustment; nothing is posted until somebody else approves it."""
    from api.access.roles import Right

    id_ = _id(named)
    data: dict[str, Any] = {
        "adjustment_id": id_,
        "operator_id": operator,
        "amount": money_of(amount, currency),
        "direction": direction.upper(),
        "reason_code": reason_code,
        "note": stated(note, "--note"),
        "session_id": session,
        "attachment_sha256": None if attachment is None else _digest(attachment),
        "proposed_at": now_text(),
    }
    act("adjustment.proposed", data, Right.PROPOSE, f"adjustment {id_} is proposed", given)


@adjust.command("approve")
@deciding
def approve_adjustment(adjustment_id: MatterId, reason: Why = None, *, given: Given) -> None:
    """Approve an adjustment that somebody else proposed: it is posted, and a line of the next run."""
    _decide("adjustment", "approved", adjustment_id, reason, given)


@adjust.command("reject")
@deciding
def reject_adjustment(adjustment_id: MatterId, reason: Because, given: Given) -> None:
    """Reject an adjustment that somebody else proposed."""
    _decide("adjustment", "rejected", adjustment_id, stated(reason), given)


@write_off.command("propose")
@deciding
def propose_write_off(
    on: Annotated[str, typer.Option("--account", metavar="ACCOUNT", help="Such as 2010/OP-1 or 1210/DE-ABC.")],
    amount: Amount,
    currency: Currency,
    reason_code: Code,
    note: Note,
    named: Named = None,
    *,
    given: Given,
) -> None:
    """Propose to write an amount off an account; nothing is posted until somebody else approves it."""
    from api.access.roles import Right

    id_ = _id(named)
    data = {
        "write_off_id": id_,
        "account": on,
        "amount": money_of(amount, currency),
        "reason_code": reason_code,
        "note": stated(note, "--note"),
        "at": now_text(),
    }
    act("write_off.proposed", data, Right.PROPOSE, f"write-off {id_} is proposed", given)


@write_off.command("approve")
@deciding
def approve_write_off(write_off_id: MatterId, reason: Why = None, *, given: Given) -> None:
    """Approve a write-off that somebody else proposed: it is posted."""
    _decide("write_off", "approved", write_off_id, reason, given)


@write_off.command("reject")
@deciding
def reject_write_off(write_off_id: MatterId, reason: Because, given: Given) -> None:
    """Reject a write-off that somebody else proposed."""
    _decide("write_off", "rejected", write_off_id, stated(reason), given)


@reserve.command("hold")
@deciding
def hold_reserve(
    operator: Operator,
    amount: Amount,
    currency: Currency,
    reason: Because,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="It is released by itself then; a day at its end.")
    ] = None,
    session: Session = None,
    named: Named = None,
    *,
    given: Given,
) -> None:
    """Hold an amount back of what an operator is owed, until a moment, or until somebody releases it."""
    from api.access.roles import Right
    from domain.calendar import utc_text

    id_, ends = _id(named), last_moment(until)
    data = {
        "hold_id": id_,
        "operator_id": operator,
        "amount": money_of(amount, currency),
        "until": None if ends is None else utc_text(ends),
        "session_id": session,
        "at": now_text(),
        "reason": stated(reason),
    }
    act("reserve.held", data, Right.PROPOSE, f"reserve {id_} is held", given)


@reserve.command("release")
@deciding
def release_reserve(
    hold_id: MatterId, operator: Operator, amount: Amount, currency: Currency, reason: Because, given: Given
) -> None:
    """Release of a reserve what is not needed: it is a line of the next run."""
    from api.access.roles import Right

    data = {
        "hold_id": hold_id,
        "operator_id": operator,
        "amount": money_of(amount, currency),
        "at": now_text(),
        "reason": stated(reason),
    }
    act("reserve.released", data, Right.PROPOSE, f"reserve {hold_id} is released", given)


@account.command("propose")
@deciding
def propose_account(
    operator: Operator,
    holder: Annotated[str, typer.Option("--holder", metavar="NAME", help="Whose account it is.")],
    iban: Iban = None,
    bic: Bic = None,
    number: Number = None,
    routing: Routing = None,
    scheme: Scheme = None,
    *,
    given: Given,
) -> None:
    """Propose another bank account; it takes effect once somebody else confirms it and the cooling-off is over."""
    data = {"operator_id": operator, "bank_account": _bank_account(holder, iban, bic, number, routing, scheme)}
    _account("bank_account.proposed", data, f"another account of {operator} is proposed", given)


@account.command("confirm")
@deciding
def confirm_account(
    operator: Operator,
    holder: Annotated[str, typer.Option("--holder", metavar="NAME", help="Whose account it is, as it was proposed.")],
    iban: Iban = None,
    bic: Bic = None,
    number: Number = None,
    routing: Routing = None,
    scheme: Scheme = None,
    *,
    given: Given,
) -> None:
    """Confirm the account that somebody else proposed, by stating it again."""
    data = {"operator_id": operator, "bank_account": _bank_account(holder, iban, bic, number, routing, scheme)}
    _account("bank_account.confirmed", data, f"the account of {operator} is confirmed", given)


def _account(type_: str, data: dict[str, Any], sentence: str, given: Given) -> None:
    from api.access.roles import Right

    right = Right.PROPOSE if type_.endswith("proposed") else Right.DECIDE
    act(type_, data | {"at": now_text()}, right, sentence, given)


def _bank_account(
    holder: str, iban: str | None, bic: str | None, number: str | None, routing: str | None, scheme: str | None
) -> dict[str, str]:
    if (iban is None) == (number is None):
        raise ApplicationError("an account is told by --iban, or by --account-number, --routing-code and --scheme")
    given = {
        "holder": holder,
        "iban": iban,
        "bic": bic,
        "account_number": number,
        "routing_code": routing,
        "scheme": scheme,
    }
    return {name: value for name, value in given.items() if value is not None}


def _decide(what: str, verdict: str, id_: str, reason: str | None, given: Given) -> None:
    from api.access.roles import Right

    data = {f"{what}_id": id_, "at": now_text(), "reason": reason}
    sentence = f"{what.replace('_', '-')} {id_} is {verdict}"
    act(f"{what}.{verdict}", data, Right.DECIDE, sentence, given, by_people=True)


def _digest(path: Path) -> str:
    from hashlib import sha256

    return sha256(read_given(path, "the paper")).hexdigest()
