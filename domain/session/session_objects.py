"""A session as roaming partners are told it, while it runs and when it is over (OCPI mod_sessions).

What it costs is what its bill says: of one that is not over, the bill that it would have had it ended at its last
good register, by the same rating. So the last cost that a partner is told is that of the CDR.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.book.findings import FindingKind
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.parties import Operator
from domain.cdr.session import Cost, SessionSource, SessionStatus, session_documents
from domain.exact import Exact
from domain.session.assessment import Assessment, Bill, SessionState, assess
from domain.session.facts import Started
from domain.session.meter_facts import MeterFacts, latest
from domain.session.orphans import estimated_end
from domain.values import value

# Reasons of waiting that concern the price alone: what was charged can be told without it.
_PRICE_ALONE = "TARIFF_"


@value
class SessionObject:
    """A Session for one partner, written COUNTRY-PARTY in capitals: the documents of OCPI 2.2.1 and of 2.3.0."""

    partner: str
    operator_id: str
    document: Mapping[str, Any]
    document_2_3_0: Mapping[str, Any]


@value
class Withheld:
    """What a partner is not told of a session, and why."""

    partner: str
    operator_id: str
    reason: str


@value
class Told:
    """What is told of a session, and what is withheld.

    `runs` while its end is missing or cannot be billed; at `due_at` the clock alone makes another status of it.
    """

    objects: tuple[SessionObject, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    runs: bool = False
    due_at: datetime | None = None


def told_of(
    session_id: str,
    facts: MeterFacts,
    catalogue: Catalogue,
    now: datetime,
    closed_at: datetime | None = None,
    overlap: FindingKind | None = None,
) -> Told:
    """What partners are told of a session by now: each partner that a start of it names by a token; others nothing.

    `closed_at` and `overlap` are what was decided about it (`domain.session.assessment.assess`). One that contradicts
    itself or was none is INVALID. One whose end cannot be billed yet stays as it was before its end, and what it
    waits for is the reason why its end is withheld.
    """
    first = facts.first_start()
    if first is None or not any(start.token for start in facts.starts):
        return Told()
    assessment = assess(facts, catalogue, closed_at, overlap)
    view = _View(session_id, facts, catalogue, now)
    if assessment.state is SessionState.INVALID:
        return view.invalid(facts.starts)
    ruling = latest(facts).start(first)
    tell = view.over if assessment.state is SessionState.RATED else view.running
    told = tell(ruling, assessment)
    # Who was told of a start that does not count is told so.
    others = [start for start in facts.starts if _whose(start) != _whose(ruling)]
    beside = view.invalid(others) if others else Told()
    return replace(told, objects=told.objects + beside.objects, withheld=told.withheld + beside.withheld)


def _whose(start: Started) -> tuple[str, str | None]:
    return (start.operator_id, start.partner)


class _View:
    """One session as it is told."""

    def __init__(self, session_id: str, facts: MeterFacts, catalogue: Catalogue, now: datetime) -> None:
        self.session_id, self.facts, self.catalogue, self.now = session_id, facts, catalogue, now

    def invalid(self, starts: list[Started]) -> Told:
        """INVALID for everybody whom these starts name: it will not be billed."""
        objects, withheld = [], []
        for start in {_whose(start): start for start in reversed(starts) if start.token}.values():
            operator = self.catalogue.operator_at(start.operator_id, start.at)
            if operator is None:
                withheld.append(_withheld(start, _NO_OPERATOR.format(start.operator_id)))
            else:
                objects.append(self._object(start, operator, SessionStatus.INVALID))
        return Told(tuple(objects), tuple(withheld))

    def over(self, start: Started, assessment: Assessment) -> Told:
        """COMPLETED, at what its bill says."""
        contract, bill = assessment.contract, assessment.changes[-1].bill
        if contract is None or bill is None:
            raise ValueError(f"session {self.session_id} is rated and has no bill")
        if start.token is None:
            return Told()
        # Its last register is at its end, as corrected.
        ended_at = bill.rating.periods[-1].end
        return Told((self._object(start, contract.operator, SessionStatus.COMPLETED, bill=bill, ended_at=ended_at),))

    def running(self, start: Started, assessment: Assessment) -> Told:
        """As of its last good register; an end that waits for something is withheld."""
        if start.token is None:
            return Told()
        waits = assessment.state is SessionState.SUSPENSE
        withheld = (_withheld(start, f"its end cannot be billed yet: {assessment.reason}"),) if waits else ()
        end = estimated_end(self.facts)
        so_far = assess(replace(self.facts, ends=[end] if end else []), self.catalogue)
        operator = self.catalogue.operator_at(start.operator_id, start.at)
        if operator is None:
            return Told((), (_withheld(start, _NO_OPERATOR.format(start.operator_id)),), runs=True)
        is_told = so_far.state is SessionState.RATED or so_far.reason.startswith(_PRICE_ALONE)
        if not is_told:
            return Told((), (_withheld(start, f"it cannot be told as it is: {so_far.reason}"),), runs=True)
        bill = so_far.changes[-1].bill if so_far.state is SessionState.RATED else None
        status = self._status(start)
        is_ahead = status in (SessionStatus.PENDING, SessionStatus.RESERVATION) and start.at > self.now
        made = self._object(start, operator, status, bill=bill)
        return Told((made,), withheld, runs=True, due_at=start.at if is_ahead else None)

    def _status(self, start: Started) -> SessionStatus:
        """A reservation that is not over, and a start that is still to come by our clock, are not active yet."""
        if start.no_show or (start.at > self.now and start.reserved_from is not None):
            return SessionStatus.RESERVATION
        return SessionStatus.PENDING if start.at > self.now else SessionStatus.ACTIVE

    def _object(
        self,
        start: Started,
        operator: Operator,
        status: SessionStatus,
        *,
        bill: Bill | None = None,
        ended_at: datetime | None = None,
    ) -> SessionObject:
        source = SessionSource(
            session_id=self.session_id,
            country_code=operator.country_code,
            party_id=operator.party_id,
            currency=operator.currency,
            token=start.token or {},
            auth_method=start.auth_method,
            location_id=start.location_id,
            evse_uid=start.evse_uid,
            connector_id=start.connector_id,
            status=status,
            started_at=start.at,
            ended_at=ended_at,
            energy_wh=self._energy_wh(start) if bill is None else 0,
            cost=_cost(bill) if bill is not None else None,
            # Of starts that contradict each other none tells another party's.
            authorization_reference=(
                start.authorization_reference
                if status is SessionStatus.INVALID
                else self.facts.authorization_reference()
            ),
        )
        return SessionObject(start.partner or "", start.operator_id, *session_documents(source))

    def _energy_wh(self, start: Started) -> Exact:
        """What its registers say, where no bill does."""
        end = estimated_end(self.facts)
        return max(end.register_wh - start.register_wh, 0) if end is not None else 0


_NO_OPERATOR = "operator {} is not registered yet"


def _withheld(start: Started, reason: str) -> Withheld:
    return Withheld(start.partner or "", start.operator_id, reason)


def _cost(bill: Bill) -> Cost:
    published = bill.published
    return Cost(bill.rating, bill.net, bill.gross, published.document, published.taxes, bill.registers)
