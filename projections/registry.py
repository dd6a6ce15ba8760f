"""The projections there are, by name."""

from collections.abc import Sequence
from typing import Protocol

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.account_lines import AccountLines
from projections.cash_steps import CashSteps
from projections.cdr_answers import CdrAnswers
from projections.cdrs import Cdrs
from projections.decisions import Decisions
from projections.errors import UnknownProjection
from projections.findings import Findings
from projections.freshness import ON_DEMAND
from projections.matters import Matters
from projections.mentions import Mentions
from projections.movements import BOOK_TOPICS
from projections.network.network import Network
from projections.open_items import OpenItems
from projections.operator_balances import OperatorBalances
from projections.payouts import Payouts
from projections.sessions import Sessions


class Projection(Protocol):
    """A read model: the topics it folds, its table, and how a set of events changes the rows of a generation."""

    @property
    def topics(self) -> frozenset[str]:
        """The topics of the stored events it folds; no other event is handed to it."""

    @property
    def table(self) -> str:
        """The table in the schema `projection` that holds its rows, each with its generation.

        One that has others besides names them in `more_tables`; one that is quicker with sets of another size names
        in `events_max` how many events they have at most.
        """

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Fold (topic, stored bytes) pairs, in order, into the rows of a generation, by a few statements a set."""


PROJECTIONS: dict[str, Projection] = {
    "account_lines": AccountLines(),
    "cash_steps": CashSteps(),
    "cdr_answers": CdrAnswers(),
    "cdrs": Cdrs(),
    "decisions": Decisions(),
    "findings": Findings(),
    "matters": Matters(),
    "mentions": Mentions(),
    "network": Network(),
    "open_items": OpenItems(),
    "operator_balances": OperatorBalances(),
    "payouts": Payouts(),
    "sessions": Sessions(),
}

# Those that whoever reads or settles waits for.
KEPT_UP = tuple(sorted(PROJECTIONS.keys() - set(ON_DEMAND)))


def shared_out(size: int) -> list[tuple[str, ...]]:
    """Those KEPT_UP in so many parts, for as many processes; what folds bookings is together, and reads them once."""
    names = sorted(KEPT_UP, key=lambda name: (not PROJECTIONS[name].topics & BOOK_TOPICS, name))
    parts = min(size, len(names))
    return [tuple(names[len(names) * part // parts : len(names) * (part + 1) // parts]) for part in range(parts)]


def chosen(names: Sequence[str] | None) -> list[str]:
    """The names in order, all where none are given; raises UnknownProjection for a name that there is not."""
    wanted = sorted(set(names)) if names else sorted(PROJECTIONS)
    unknown = [name for name in wanted if name not in PROJECTIONS]
    if unknown:
        raise UnknownProjection(f"there is no projection {', '.join(unknown)}: choose among {', '.join(PROJECTIONS)}")
    return wanted


def tables_of(name: str) -> tuple[str, ...]:
    """The tables that hold the rows of a projection."""
    return PROJECTIONS[name].table, *getattr(PROJECTIONS[name], "more_tables", ())
