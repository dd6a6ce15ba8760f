"""A bank file that was not carried out, of which no bank sends word: somebody says so, of all its payouts at once.

A bank that refuses a file as a duplicate says nothing of its payments (docs/processors.md, DU01). Whoever asked it
and knows that it carried out none of them tells so here; each payout that nobody has answered fails by that, and goes
on as any that failed. If the bank books one all the same, that is the truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from api.access.principal import Principal
from api.access.roles import Right, may
from consumers.publisher import Outgoing
from contracts.bank.events import envelope, plain
from engine.bank_orders import KnownOrders
from ledger.intake.bank import payouts_in_file
from projections.freshness import up_to_date
from projections.lookups import OrderedPayout, ordered_payouts
from wattledger.crew import Crew, OnProgress
from wattledger.errors import ApplicationError
from wattledger.store import Store
from wattledger.verbs import publish_records, take_in

UNANSWERED = "IN_TRANSIT"


@dataclass(frozen=True, slots=True)
class FailedOrder:
    """The payouts of an order to a bank as they now are, and those of them that were told to have failed."""

    payouts: Sequence[OrderedPayout]
    failed: Sequence[str]


def payouts_of_order(store: Store, reference: str) -> list[OrderedPayout]:
    """The payouts of a bank file, by its name or by its id as the bank names it, or of a block of it.

    Raises ApplicationError where no order of ours has that reference.
    """
    with up_to_date(store.dsn) as connection, connection.cursor() as cursor:
        ids = payouts_in_file(cursor, reference)
        ids = ids or [payout_id for payout_id, _, _ in KnownOrders(cursor).payouts_of(reference)]
        if not ids:
            raise ApplicationError(
                f"no bank file or block of one is called {reference!r}: name the file as `payouts file` does, or by "
                "the id that the bank gives (OrgnlMsgId, OrgnlPmtInfId)"
            )
        return ordered_payouts(cursor, ids)


def tell_failed(
    store: Store, crew: Crew, actor: Principal, reference: str, reason: str, at: str, on_progress: OnProgress
) -> FailedOrder:
    """Tell of each payout of an order that nobody has answered that it failed, and take that in.

    Raises ApplicationError where the actor may not say so, is no person, or no order has that reference.
    """
    if not may(actor.duty, Right.DECIDE):
        raise ApplicationError(f"{actor.name} is {actor.duty} and may not {Right.DECIDE}")
    if not actor.is_person:
        raise ApplicationError(
            f"{actor.name} acts for nobody, and people decide this: use a key made by `apikey create --for NAME`"
        )
    waiting = [each.payout_id for each in payouts_of_order(store, reference) if each.status == UNANSWERED]
    # Who said so is its source; the bank's name for the order is kept as that of what it booked is.
    speaker = f"person:{plain(actor.name, 64)}"
    told = [
        envelope(
            "payout.failed",
            str(uuid4()),
            speaker,
            payout_id,
            at,
            {"payout_id": payout_id, "at": at, "reason": reason, "bank_reference": reference},
        )
        for payout_id in waiting
    ]
    if told:
        publish_records(store, map(Outgoing.of_event, told))
        take_in(crew, on_progress)
    return FailedOrder(payouts_of_order(store, reference), waiting)
