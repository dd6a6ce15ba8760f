"""The orders that went to banks, as bank files name them: by a file or a block, or by the ACH's characters."""

import re
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.bank.ach_records import entries_in
from contracts.bank.names import ids_of, payout_named
from contracts.bank.xml import children, find, parsed, text
from ledger.intake.bank import file_by_id, payout_between, payouts_traced, trace_of

# The id of a file without hyphens, and behind one the number of a block in it.
_ORDER = re.compile(r"([0-9a-f]{32})(-[0-9]{1,9})?")


class KnownOrders:
    """Looks orders up in a store; what was asked last is kept, since the entries of one block follow each other."""

    def __init__(self, cursor: Cursor[TupleRow]) -> None:
        self._cursor = cursor
        self._last: tuple[str, Sequence[tuple[str, Decimal, str]]] = ("", ())

    def payouts_of(self, order: str) -> Sequence[tuple[str, Decimal, str]]:
        """The payouts of a file or a block of orders, with amount and currency; none where the id is not ours."""
        # Some banks give ids back in capitals.
        order = order.lower()
        named = _ORDER.fullmatch(order)
        if named is None:
            return ()
        if self._last[0] != order:
            content = file_by_id(self._cursor, UUID(named.group(1)))
            self._last = (order, [] if content is None else _payouts_in(content, order, whole=named.group(2) is None))
        return self._last[1]

    def payout_of_individual(self, individual_id: str) -> str:
        """The payout that the characters of the ACH stand for; "" where there is none."""
        between = ids_of(individual_id)
        return payout_between(self._cursor, *between) if between else ""

    def payouts_traced(self, trace: str) -> Sequence[tuple[str, Decimal]]:
        """The payouts whose entries in files of the ACH have a trace number, with the amounts that stand there."""
        found = []
        for payout_id, content in payouts_traced(self._cursor, trace):
            cents = next((each.cents for each in entries_in(content) if each.trace == trace), 0)
            found.append((payout_id, Decimal(cents).scaleb(-2)))
        return found

    def trace_of(self, payout_id: str) -> str:
        """The trace number of a payout in a file of the ACH; "" where it has none that is known."""
        return trace_of(self._cursor, payout_id)


def _payouts_in(content: bytes, order: str, *, whole: bool) -> list[tuple[str, Decimal, str]]:
    found = []
    for block in children(find(parsed(content), "CstmrCdtTrfInitn"), "PmtInf"):
        if not whole and text(block, "PmtInfId") != order:
            continue
        for transfer in children(block, "CdtTrfTxInf"):
            amount = find(transfer, "Amt/InstdAmt")
            payout_id = payout_named([text(transfer, "PmtId/EndToEndId")])
            if payout_id and amount is not None:
                found.append((payout_id, Decimal(amount.text or "0"), amount.currency))
    return found
