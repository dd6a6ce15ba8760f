"""What a set of events moves: read once, however many read models follow the same bookings."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias

from domain.book.bookings import Booking, ShareSplit
from domain.book.drafts import BANK, Draft
from domain.book.posting import POSTING_RULES
from domain.book.standing import BookChange, Booked, Retracted
from ledger.events.codec import decode
from projections.feed import Place

StoredPair: TypeAlias = tuple[str, bytes]
# A decision that moves the book, with what it posts by the posting rules (of what is retracted, the same).
Change: TypeAlias = tuple[BookChange, list[Draft]]

# Topics of the decisions that move the book.
BOOK_TOPICS: frozenset[str] = frozenset(
    f"{wrapper.__name__}.{kind.__name__}" for wrapper in (Booked, Retracted) for kind in POSTING_RULES
)

COLUMNS = ("pending", "available", "reserved", "disputed", "in_transit", "to_fix", "paid_out")
_PAID_OUT = COLUMNS.index("paid_out")
_STANDING = len(COLUMNS)

# Which column an account's movements belong to, by its code; what an operator is owed is a credit.
_COLUMN_OF_CODE = {
    "2011": COLUMNS.index("pending"),
    "2010": COLUMNS.index("available"),
    "2020": COLUMNS.index("reserved"),
    "2030": COLUMNS.index("disputed"),
    "2050": COLUMNS.index("in_transit"),
    "2060": COLUMNS.index("to_fix"),
}
# Paid out is what J36 takes from the bank less what J39 brings back to it.
_PAYING_KINDS = frozenset({"J36", "J39"})

# Accounts that should come to zero: what drivers, providers and partners owe, what is due back to drivers,
# and receipts that belong to nobody yet.
_OPEN_BY_ACCOUNT = frozenset({"1105", "1110", "2410"})
_OPEN_BY_INVOICE, _OPEN_BY_SESSION = "1210", "2080"


class Item(NamedTuple):
    """What an open item is about: an account in a currency, and of some a document.

    Of a partner's account that is the invoice or the credited CDR, with when it acts, so that what is open says since
    when (None where the account's history does); of what is due back to a driver the session.
    """

    account: str
    currency: str
    document: str = ""
    effective_at: datetime | None = None


@dataclass(slots=True)
class Movements:
    """What a set adds: to the columns of operators, by (operator, currency), and to open items; minor units.

    Behind the columns stands by how many the bookings have grown that move any of them.
    """

    operators: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    items: dict[Item, int] = field(default_factory=dict)

    def add(self, decision: BookChange, drafts: Iterable[Draft]) -> None:
        """Add what a booking moves, drafted by the posting rules; take it away where it is retracted."""
        booking, sign = decision.booking, 1 if type(decision) is Booked else -1
        if type(booking) is ShareSplit:
            self._split(booking, drafts, sign)
            return
        sums: list[int] | None = None
        for kind, legs in drafts:
            for account, amount in legs:
                if not amount:
                    continue
                column = _COLUMN_OF_CODE.get(account[:4])
                if column is None:
                    if account != BANK or kind not in _PAYING_KINDS:
                        self._add_to_item(booking, account, sign * amount)
                        continue
                    column = _PAID_OUT
                if sums is None:
                    sums = self.operators.setdefault((booking.operator_id, booking.currency), [0] * (_STANDING + 1))
                    sums[_STANDING] += sign
                sums[column] -= sign * amount

    def _split(self, booking: ShareSplit, drafts: Iterable[Draft], sign: int) -> None:
        """Add what payees and the operator have of a share: each account names whose it is."""
        grown: set[str] = set()
        for account, amount in [leg for _, legs in drafts for leg in legs if leg[1]]:
            whose = account[5:]
            sums = self.operators.setdefault((whose, booking.currency), [0] * (_STANDING + 1))
            sums[_STANDING] += 0 if whose in grown else sign
            sums[_COLUMN_OF_CODE[account[:4]]] -= sign * amount
            grown.add(whose)

    def _add_to_item(self, booking: Booking, account: str, amount: int) -> None:
        code = account[:4]
        if code in _OPEN_BY_ACCOUNT:
            item = Item(account, booking.currency)
        elif code == _OPEN_BY_INVOICE:
            document = str(getattr(booking, "invoice_id", "") or getattr(booking, "cdr_id", ""))
            item = Item(account, booking.currency, document, booking.effective_at)
        elif code == _OPEN_BY_SESSION:
            item = Item(account, booking.currency, booking.session_id or "")
        else:
            return
        self.items[item] = self.items.get(item, 0) + amount


class EventSet(list[StoredPair]):
    """A set of events for projections, with their places where they are known.

    The bookings in it are read once, and what they move is worked out once, when one of them asks first. Sets of the
    same events share `read`, the bookings that were read of them by their positions.
    """

    def __init__(
        self, events: Iterable[StoredPair], places: Iterable[Place] = (), read: dict[int, Change] | None = None
    ) -> None:
        super().__init__(events)
        self.places = tuple(places)
        self.read = {} if read is None else read
        self.changes: list[Change] | None = None
        self.known: Movements | None = None


def changes_of(events: Iterable[StoredPair]) -> list[Change]:
    """The decisions that are stored in these events, all of them of bookings, with what each posts."""
    if isinstance(events, EventSet) and events.changes is not None:
        return events.changes
    if isinstance(events, EventSet) and len(events.places) == len(events):
        events.changes = [change for change, _ in booked(events)]
        return events.changes
    return [_change(topic, state) for topic, state in events]


def booked(events: EventSet) -> list[tuple[Change, Place]]:
    """The decisions of bookings among these events, with what each posts and its place; others are left out."""
    read, found = events.read, []
    for (topic, state), place in zip(events, events.places, strict=True):
        if topic in BOOK_TOPICS:
            change = read.get(place.position)
            if change is None:
                change = read[place.position] = _change(topic, state)
            found.append((change, place))
    return found


def _change(topic: str, state: bytes) -> Change:
    decision: BookChange = decode(topic, state)
    return decision, POSTING_RULES[type(decision.booking)](decision.booking)


def movements(events: Iterable[StoredPair]) -> Movements:
    """What the bookings that are stored in these events move."""
    if isinstance(events, EventSet) and events.known is not None:
        return events.known
    found = Movements()
    for decision, drafts in changes_of(events):
        found.add(decision, drafts)
    if isinstance(events, EventSet):
        events.known = found
    return found
