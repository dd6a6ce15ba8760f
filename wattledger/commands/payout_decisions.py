"""What people decide of payouts: one of them, an operator's, or all."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from wattledger.commands.acting import Because, Given, act, deciding, key_of, now_text, stated
from wattledger.commands.common import the_store
from wattledger.commands.options import OneOperators, day
from wattledger.commands.payouts import app as app
from wattledger.views.progress import progress_report
from wattledger.views.terminal import print_json

PayoutId = Annotated[str, typer.Argument(metavar="ID", help="A payout's id, with or without hyphens.")]
Hash = Annotated[
    str,
    typer.Option(
        "--hash", metavar="HASH", help="The content hash of what you saw: payouts show and the pages tell it."
    ),
]
OperatorId = Annotated[str, typer.Argument(metavar="OPERATOR", help="The operator's id.")]


@app.command()
@deciding
def approve(payout_id: PayoutId, content_hash: Hash, given: Given) -> None:
    """Approve a payout as it was shown to you; with as many people as its amount asks for it goes out."""
    from api.access.roles import Right
    from projections.queries import payout_id_as_written

    id_ = payout_id_as_written(payout_id)
    act(
        "payout.approved",
        {"payout_id": id_, "content_hash": content_hash, "approved_at": now_text()},
        Right.DECIDE,
        f"payout {id_} is approved",
        given,
        by_people=True,
    )


@app.command()
@deciding
def reject(payout_id: PayoutId, content_hash: Hash, reason: Because, given: Given) -> None:
    """Reject a payout: it goes out to nobody, and what it would have paid is free for the next run."""
    from api.access.roles import Right
    from projections.queries import payout_id_as_written

    id_ = payout_id_as_written(payout_id)
    act(
        "payout.rejected",
        {"payout_id": id_, "content_hash": content_hash, "rejected_at": now_text(), "reason": stated(reason)},
        Right.DECIDE,
        f"payout {id_} is rejected",
        given,
        by_people=True,
    )


@app.command()
@deciding
def retry(payout_id: PayoutId, reason: Because, given: Given) -> None:
    """Have a payout that failed or came back, and waits for somebody, go out again at the next run."""
    from api.access.roles import Right
    from projections.queries import payout_id_as_written

    id_ = payout_id_as_written(payout_id)
    act(
        "payout.retried",
        {"payout_id": id_, "at": now_text(), "reason": stated(reason)},
        Right.PROPOSE,
        f"payout {id_} goes out again at the next run",
        given,
    )


@app.command()
@deciding
def hold(operator_id: OperatorId, reason: Because, given: Given) -> None:
    """Hold an operator's payouts: runs pay it nothing, and everything is carried, until it is released."""
    from api.access.roles import Right

    act(
        "operator.payouts_held",
        {"operator_id": operator_id, "at": now_text(), "reason": stated(reason)},
        Right.PROPOSE,
        f"payouts of {operator_id} are held",
        given,
    )


@app.command()
@deciding
def release(operator_id: OperatorId, reason: Because, given: Given) -> None:
    """Release an operator's payouts: the next run pays what was carried."""
    from api.access.roles import Right

    act(
        "operator.payouts_released",
        {"operator_id": operator_id, "at": now_text(), "reason": stated(reason)},
        Right.PROPOSE,
        f"payouts of {operator_id} are released",
        given,
    )


@app.command()
@deciding
def instant(
    operator_id: OperatorId,
    currency: Annotated[str, typer.Option("--currency", metavar="CODE", help="The operator's, such as EUR.")],
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="AMOUNT", help="Just so much; all there is by default.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, if it matters.")] = None,
    *,
    given: Given,
) -> None:
    """Have an operator paid at once what is available, for the fee of its terms; its run pays the rest."""
    from api.access.roles import Right

    asked = {"operator_id": operator_id, "currency": currency, "at": now_text()}
    asked |= {name: told for name, told in (("amount", amount), ("reason", reason)) if told is not None}
    act("payout.instant_requested", asked, Right.PROPOSE, f"{operator_id} is to be paid at once", given)


@app.command()
@deciding
def stop(reason: Because, given: Given) -> None:
    """Stop all runs and hand-offs of all operators at once, a run in progress between two payouts."""
    from api.access.roles import Right

    act("payouts.stopped", {"at": now_text(), "reason": stated(reason)}, Right.STOP, "all payouts are stopped", given)


@app.command()
@deciding
def resume(reason: Because, given: Given) -> None:
    """Let payouts go on: the runs that were missed are made, each of its own business date."""
    from api.access.roles import Right

    act(
        "payouts.resumed",
        {"at": now_text(), "reason": stated(reason)},
        Right.RESUME,
        "payouts go on",
        given,
        by_people=True,
    )


@app.command()
@deciding
def reopen(
    since: Annotated[str, typer.Option("--from", metavar="DATE", help="The first business date that is open again.")],
    reason: Because,
    operator: OneOperators = None,
    *,
    given: Given,
) -> None:
    """Open payout days that were closed too far: their runs fire when their time comes; what was paid stays."""
    from wattledger.crew import Crew
    from wattledger.deciding import actor_by
    from wattledger.reopening import Wish, reopen

    wish = Wish(day(since, "--from"), operator, stated(reason), datetime.now(UTC))
    with the_store(given.data_dir, debug=given.debug) as store, progress_report() as progress, Crew(store) as crew:
        actor = actor_by(store, key_of(given.key_file))
        done = reopen(store, crew, actor, wish, progress, given.once)
    closed = [
        {"operator_id": operator_id, "were_closed_through": through.isoformat()}
        for operator_id, through in done.were_closed.items()
    ]
    if given.json:
        print_json({"decision_id": done.decision_id, "from": wish.opened_from.isoformat(), "operators": closed})
    else:
        sys.stdout.write(f"payout days from {wish.opened_from} on are open again:\n")
        for each in closed:
            sys.stdout.write(f"  {each['operator_id']}, which were closed through {each['were_closed_through']}\n")
