"""What a session is worth, from its facts and the catalogue: its state, the reason, and its bills over time."""

from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from domain.book.findings import FindingKind
from domain.catalogue.catalogue import Catalogue
from domain.charging import ChargingPeriod, Phase
from domain.errors import ImplausibleSession
from domain.exact import Exact
from domain.fact import in_order
from domain.money import percent_of, plain, to_minor_half_up
from domain.rating.periods import Reading, split, split_no_show, stated
from domain.rating.pricing import price
from domain.rating.rating import Rating
from domain.session.contracting import Contract, OrderedTariff, contract_for
from domain.session.facts import Ended, MeterCorrected, Metered, Reviewed, Started, Verdict
from domain.session.meter_facts import (
    NOTHING_CORRECTED,
    Corrected,
    MeterFacts,
    Metering,
    contradiction,
    latest,
    metered,
)
from domain.session.orphans import ESTIMATED, estimated_end, orphan_deadline
from domain.session.power import check_power, check_units
from domain.session.registers import in_reading_order, registers_as_known
from domain.session.supplies import Dealt, supplies_of
from domain.tariff.published import PublishedTariff
from domain.tariff.tariff import Tariff
from domain.values import value

# No session costs as much; it also keeps every sum of amounts far within the 64 bits of the book.
MAX_AMOUNT_MINOR = 10**13

# The reason of a session that a review found to be none.
VOIDED = "VOIDED"

BillKey: TypeAlias = tuple[str, int, int, int, int]


class SessionState(StrEnum):
    """What became of a session: not over yet, waiting for something, priced, or contradicting itself."""

    OPEN = "OPEN"
    SUSPENSE = "SUSPENSE"
    RATED = "RATED"
    INVALID = "INVALID"


# The states that keep a session from being billed: people are told of them.
NOTIFIED_STATES = (SessionState.SUSPENSE, SessionState.INVALID)


@value
class Bill:
    """One price of a session: amounts in minor units, with the exact rating behind them.

    `published` is the version of the tariff it was priced with, `registers` the readings (UTC, Wh) that were billed,
    from the start of the session to its end.
    """

    energy_wh: Exact
    net: int
    gross: int
    commission: int
    commission_vat: int
    rating: Rating = field(compare=False, repr=False)
    published: PublishedTariff = field(compare=False, repr=False)
    registers: tuple[Reading, ...] = field(default=(), compare=False, repr=False)
    # Its taxes, where the operator's terms tell them.
    dealt: Dealt | None = None

    @property
    def vat(self) -> int:
        """VAT of the charge: gross less net."""
        return self.gross - self.net

    @property
    def share(self) -> int:
        """What is the operator's: gross less commission and its VAT, or what the platform buys the charge for."""
        if self.dealt is not None and self.dealt.purchase is not None:
            return self.dealt.purchase.share
        return self.gross - self.commission - self.commission_vat

    @property
    def key(self) -> BillKey:
        """What makes one bill another: energy or any amount."""
        return (plain(self.energy_wh), self.net, self.gross, self.commission, self.commission_vat)


@value
class BillChange:
    """From `at` the session's price is `bill`, or it has none; `source` and `id` are of the fact behind it."""

    at: datetime
    source: str
    id: str
    bill: Bill | None


@value
class Assessment:
    """The outcome: state and reason, what rules the session, and its bills over time (empty when never rateable).

    `rateable_from` is later than the end when only a correction, or the estimate of an orphan's end, made the session
    rateable. `metered` is what the meter counted, billed or not, over time.
    """

    state: SessionState
    reason: str
    contract: Contract | None = None
    changes: tuple[BillChange, ...] = ()
    rateable_from: datetime | None = None
    metered: tuple[Metering, ...] = ()


def assess(
    facts: MeterFacts, catalogue: Catalogue, closed_at: datetime | None = None, overlap: FindingKind | None = None
) -> Assessment:
    """Judge a session: INVALID, OPEN, SUSPENSE or RATED, in that order, each with its reason.

    `closed_at` is the moment at which the clock closed an orphan; its end is estimated then while none is reported.
    `overlap` is what is wrong with it beside the one before at its plug; it holds it where its contract says so.
    """
    found = _assess(facts, catalogue, closed_at, overlap)
    if facts.verdict() is Verdict.VOID:
        return replace(found, state=SessionState.INVALID, reason=VOIDED)
    return found


def _assess(
    facts: MeterFacts, catalogue: Catalogue, closed_at: datetime | None, overlap: FindingKind | None
) -> Assessment:
    known = latest(facts)
    contradicted = contradiction(facts, known, facts.verdict())
    start, end = facts.first_start(), facts.first_end()
    if contradicted:
        return Assessment(SessionState.INVALID, contradicted, metered=_metered(facts, start, end))
    estimated_from = None
    if end is None and closed_at is not None:
        deadline = orphan_deadline(facts, catalogue)
        if deadline is not None and deadline <= closed_at:
            end, estimated_from = estimated_end(facts), deadline
    if start is None or end is None:
        return Assessment(SessionState.OPEN, "START_MISSING" if start is None else "END_MISSING")
    counted = _metered(facts, start, end)
    story = _Story(facts, catalogue, start, end, is_estimated=estimated_from is not None)
    found = story.contract_by(known)
    if isinstance(found, str):
        return Assessment(SessionState.SUSPENSE, found, metered=counted)
    story.ruling = found
    if found.operator.hold_overlaps:
        story.held_for = overlap
    return _rate_over_time(story, found, counted, estimated_from)


def _metered(facts: MeterFacts, start: Started | None, end: Ended | None) -> tuple[Metering, ...]:
    if start is None or end is None or start.no_show:
        return ()
    return tuple(metered(start, end, facts.corrections))


class _Story:
    """A session as it was reported and corrected, and what rules it by each of its corrected starts and ends."""

    def __init__(
        self, facts: MeterFacts, catalogue: Catalogue, start: Started, end: Ended, *, is_estimated: bool
    ) -> None:
        self.facts, self.catalogue, self.start, self.end = facts, catalogue, start, end
        self.is_estimated = is_estimated
        # What is wrong with it beside others at its plug, where its contract holds it until somebody has looked.
        self.held_for: FindingKind | None = None
        # What rules it by all that is known.
        self.ruling: Contract | None = None
        self._contracts: dict[tuple[datetime | None, datetime | None], Contract | str] = {}

    def contract_by(self, known: Corrected) -> Contract | str:
        """What rules the session as corrected, or the reason why it waits."""
        times = (known.started_at, known.ended_at)
        if times not in self._contracts:
            start, end = known.start(self.start), known.end(self.end)
            self._contracts[times] = contract_for(start, end, self.catalogue)
        return self._contracts[times]


def _rate_over_time(
    story: _Story, contract: Contract, counted: tuple[Metering, ...], estimated_from: datetime | None
) -> Assessment:
    """Rate at the end with what was true by then, and again at each later correction or order to rate anew."""
    changes: list[BillChange] = []
    reason, rateable_from = "", None
    for truth in _truths(story, contract):
        try:
            bill: Bill | None = _bill(story, truth)
            reason = ""
        except ImplausibleSession as doubt:
            bill, reason = None, doubt.reason
        if bill is not None and rateable_from is None:
            # What a correction first makes rateable is rated at its end and released from the correction.
            rateable_from = truth.at if estimated_from is None else max(truth.at, estimated_from)
            changes.append(BillChange(truth.ended_at, story.end.source, story.end.id, bill))
        elif rateable_from is not None and bill != changes[-1].bill:
            changes.append(BillChange(max(truth.at, changes[-1].at), truth.source, truth.id, bill))
    state = SessionState.SUSPENSE if reason else SessionState.RATED
    if state == SessionState.RATED and estimated_from is not None:
        reason = ESTIMATED
    return Assessment(state, reason, contract, tuple(changes), rateable_from, counted)


_Change: TypeAlias = MeterCorrected | OrderedTariff | Reviewed


class _Truth(NamedTuple):
    """What a session is rated by from a moment on: its end, what was corrected, ordered, and said by a review."""

    at: datetime
    source: str
    id: str
    ended_at: datetime
    known: Corrected
    ordered: PublishedTariff | None
    verdict: Verdict | None


def _truths(story: _Story, contract: Contract) -> Iterator[_Truth]:
    """The truth at the end of the session, then at each later correction, order of a tariff or review."""
    end = story.end
    truth = _Truth(end.at, end.source, end.id, end.at, NOTHING_CORRECTED, None, None)
    # A reservation that nobody used took no energy, whatever its meter says.
    corrections = () if contract.start.no_show else story.facts.corrections
    changes: list[_Change] = [*corrections, *contract.orders, *story.facts.reviews]
    changes.sort(key=in_order)
    later = 0
    for later, change in enumerate(changes, 1):
        if change.at > truth.ended_at:
            later -= 1
            break
        # It counts from the end, which stays what caused the rating.
        truth = _changed(truth, change, end)
        truth = truth._replace(at=truth.ended_at, source=end.source, id=end.id)
    yield truth
    for change in changes[later:]:
        truth = _changed(truth, change, end)
        yield truth


def _changed(truth: _Truth, change: _Change, end: Ended) -> _Truth:
    truth = truth._replace(at=change.at, source=change.source, id=change.id)
    if isinstance(change, OrderedTariff):
        return truth._replace(ordered=change.published)
    if isinstance(change, Reviewed):
        return truth._replace(verdict=change.verdict)
    known = truth.known.by(change)
    return truth._replace(ended_at=known.ended_at or end.at, known=known)


def _bill(story: _Story, truth: _Truth) -> Bill:
    """The bill by a truth; raises ImplausibleSession, with the reason, where there can be none."""
    contract, published = _ruling(story, truth)
    start, end = truth.known.start(story.start), truth.known.end(story.end)
    if end.at < start.at:
        raise ImplausibleSession("ENDS_BEFORE_START", "the session ends before it starts")
    counted = () if start.no_show else story.facts.readings
    inside = [fact for fact in counted if start.at <= fact.at <= end.at]
    inside.sort(key=in_reading_order)
    readings = [(fact.at, fact.register_wh) for fact in inside]
    told = registers_as_known(
        truth.known, truth.verdict, (start.at, start.register_wh), readings, (end.at, end.register_wh)
    )
    if truth.verdict is not Verdict.BILL:
        # An estimated end is as of the last reading; energy that a correction adds to it came at no known time.
        check_power(told[:-1] if story.is_estimated else told, _power_limit_w(contract, story.catalogue))
        check_units(told[0], inside, told[-1])
        if story.held_for is not None:
            raise ImplausibleSession(story.held_for.value, "it cannot be true beside the one before at its plug")
    registers = tuple(stated(told))
    tariff, zone = published.tariff, contract.time_zone
    rating = price(tariff, _periods(story.facts, start, end, zone, tariff, registers, inside), zone)
    bill = _bill_by_model(rating, contract, story.ruling or contract, published, registers)
    if max(bill.net, bill.gross) > MAX_AMOUNT_MINOR:
        raise ImplausibleSession("AMOUNT_IMPLAUSIBLE", "the session would cost more than any session can")
    return bill


def _ruling(story: _Story, truth: _Truth) -> tuple[Contract, PublishedTariff]:
    """What rules the session by a truth; raises ImplausibleSession, with the reason, where nothing does."""
    if truth.verdict is Verdict.VOID:
        raise ImplausibleSession(VOIDED, "a person found that it was none")
    contract = story.contract_by(truth.known)
    if isinstance(contract, str):
        raise ImplausibleSession(contract, "nothing rules the session as it was known by then")
    contradicted = contradiction(story.facts, truth.known, truth.verdict)
    if contradicted:
        raise ImplausibleSession(contradicted, "what was reported by then contradicts itself")
    published = truth.ordered or contract.published
    if published is None:
        raise ImplausibleSession(contract.lacks, "no tariff was ordered by then")
    return contract, published


def _power_limit_w(contract: Contract, catalogue: Catalogue) -> Exact:
    """What the connector can give as published, else what no connector gives."""
    start, limit_w = contract.start, None
    if contract.location is not None:
        key = (start.evse_uid.casefold(), start.connector_id.casefold())
        limit_w = contract.location.connector_power_w.get(key)
    return catalogue.power_max_w if limit_w is None else limit_w


def _periods(
    facts: MeterFacts,
    start: Started,
    end: Ended,
    time_zone: ZoneInfo,
    tariff: Tariff,
    registers: Sequence[Reading],
    inside: list[Metered],
) -> tuple[ChargingPeriod, ...]:
    if start.no_show:
        return split_no_show(start.at, end.at, tariff, time_zone)
    states = sorted((fact for fact in facts.states if fact.at <= end.at), key=in_order)
    return split(
        tariff=tariff,
        started_at=start.at,
        ended_at=end.at,
        registers=registers,
        states=[(fact.at, Phase(fact.state)) for fact in states],
        time_zone=time_zone,
        powers=[(fact.at, fact.power_w) for fact in inside if fact.power_w is not None],
        currents=[(fact.at, fact.current_a) for fact in inside if fact.current_a is not None],
        reserved_from=start.reserved_from,
    )


def bill_of(
    rating: Rating, contract: Contract, published: PublishedTariff, registers: tuple[Reading, ...] = ()
) -> Bill:
    """Round an exact rating once, half-up, and take the commission: a percentage of net plus a sum, at most net.

    Where the terms have a schedule, its first row that is of the session says what is taken.
    """
    operator = contract.operator
    net = to_minor_half_up(rating.total.excl_vat, operator.currency)
    gross = to_minor_half_up(rating.total.incl_vat, operator.currency)
    if operator.schedule is None:
        commission = min(net, percent_of(net, operator.commission_percent) + operator.commission_per_session_minor)
    else:
        place = contract.start.location_id
        commission = operator.schedule.commission(net, rating.energy_wh, contract.channel, place)
    commission_vat = percent_of(commission, operator.commission_vat_percent)
    return Bill(rating.energy_wh, net, gross, commission, commission_vat, rating, published, registers)


def _bill_by_model(
    rating: Rating, contract: Contract, ruling: Contract, published: PublishedTariff, registers: tuple[Reading, ...]
) -> Bill:
    """The bill, with its taxes where the terms tell them: one model for all bills of a session, that of `ruling`."""
    supplies = supplies_of(ruling)
    if supplies is None:
        return bill_of(rating, contract, published, registers)
    bill = bill_of(supplies.taxed(rating), contract, published, registers)
    dealt = supplies.dealt(bill.rating, bill.net, bill.gross, bill.commission)
    return replace(bill, commission_vat=supplies.commission_vat(bill.commission), dealt=dealt)


def session_currency(facts: MeterFacts, catalogue: Catalogue) -> str | None:
    """The currency of a session's operator, None while start or operator is not known or contradictory."""
    start = facts.start_as_corrected()
    if start is None or len({each.operator_id for each in facts.starts}) > 1:
        return None
    operator = catalogue.operator_at(start.operator_id, start.at)
    return operator.currency if operator else None


def single_operator(facts: MeterFacts) -> str:
    """The operator all starts agree on, "" while there is none."""
    named: set[str] = {start.operator_id for start in facts.starts}
    return named.pop() if len(named) == 1 else ""
