"""What people decide of operators and of all payouts, in streams of its own: decisions that count for nothing."""

from collections.abc import Iterable

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import stream_of
from domain.book.refusals import DecisionCounts, DecisionRefused, OpenRefusals
from domain.catalogue.account_changes import ACCOUNT_TYPES
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.switches import HOLD_TYPES, STOP_TYPES, STOPPED, Switches
from engine.work import Unfolded, Work
from ledger.events.codec import decode
from ledger.events.heads import lock_streams
from ledger.events.store import read_streams

DECIDED_TYPES = frozenset((*ACCOUNT_TYPES, *HOLD_TYPES, *STOP_TYPES))
_REFUSALS = (DecisionRefused.__name__, DecisionCounts.__name__)


def refuse_decisions(cursor: Cursor[TupleRow], work: Work, catalogue: Catalogue, operator_ids: Iterable[str]) -> None:
    """Bring what is refused in step with all that was decided; "" is what is decided of all operators."""
    wanted = {
        stream_of(STOPPED, {})
        if not operator_id
        else stream_of("operator.changed", {"operator_id": operator_id}): _refused(catalogue, operator_id)
        for operator_id in sorted(set(operator_ids))
    }
    versions = lock_streams(cursor, wanted)
    stored = read_streams(cursor, [stream_id for stream_id in wanted if versions[stream_id]])
    for stream_id, refused in wanted.items():
        known = OpenRefusals()
        for each in stored.get(stream_id, ()):
            if each.topic in _REFUSALS:
                known.evolve(decode(each.topic, each.state))
        stream = work.stream(stream_id, work.streams.get(stream_id) or Unfolded(versions[stream_id]))
        for change in known.towards(refused, among=DECIDED_TYPES):
            stream.append(change)
            if isinstance(change, DecisionRefused):
                stream.send("settlement.notifications", change.subject)


def _refused(catalogue: Catalogue, operator_id: str) -> list[DecisionRefused]:
    if not operator_id:
        return list(catalogue.stops.refusals())
    history = catalogue.histories.get(operator_id)
    holds = catalogue.holds.get(operator_id, Switches())
    return [*(history.refusals if history else ()), *holds.refusals()]
