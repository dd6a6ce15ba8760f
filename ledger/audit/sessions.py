"""Sessions: what each was judged to be worth against its facts, and what stands on the book against that."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ledger.audit.amounts import Money, exact
from ledger.audit.catalogue import Catalogue, Ruled, Terms
from ledger.audit.commissions import Charge
from ledger.audit.meter import (
    METERED,
    as_corrected,
    corrections_of,
    counted,
    ends_of,
    estimated_end,
    implausible,
    is_no_show,
    starts_of,
    verdict_of,
)
from ledger.audit.report import Tally
from ledger.audit.streams import Body, Fact, Stream

RATED, SUSPENSE, OPEN, INVALID = "RATED", "SUSPENSE", "OPEN", "INVALID"
_AMOUNTS = ("net", "vat", "gross", "commission", "commission_vat", "operator_share")
_TOKEN = ("country_code", "party_id", "type", "uid", "contract_id")
METER_REASONS = ("END_BELOW_START", "REGISTER_FALLS", "POWER_ABOVE_CONNECTOR", "UNIT_MISMATCH")
_UNKNOWN_OPERATOR = ("OPERATOR_UNKNOWN", "OPERATOR_NOT_IN_EFFECT")


@dataclass(slots=True)
class Surroundings:
    """What judging a session takes besides its stream.

    `stale` sessions wait to be judged, after a publication or as that was put off, `due` ones for the clock.
    `power_max_w` is what no connector gives.
    """

    catalogue: Catalogue
    power_max_w: int
    stale: frozenset[str] = field(default_factory=frozenset)
    due: frozenset[str] = field(default_factory=frozenset)


@dataclass(slots=True)
class Session:
    """A session as its stream shows it."""

    stream: Stream
    around: Surroundings
    session_id: str
    start: Fact | None
    end: Fact | None
    operator_id: str
    outcome: Body | None
    partner: str | None
    terms: Terms | None
    rejected: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, stream: Stream, around: Surroundings) -> "Session":
        """The session of a stream; raises KeyError when facts or decisions lack what they should have."""
        says = corrections_of(stream)
        start, end = _first(starts_of(stream)), _first(ends_of(stream))
        operators = {fact.data["operator_id"] for fact in starts_of(stream)}
        operator_id = operators.pop() if len(operators) == 1 else ""
        outcomes = stream.decided("SessionAssessed")
        catalogue = around.catalogue
        if start is not None and end is None:
            end = estimated_end(stream, start, operator_id, catalogue)
        if not is_no_show(stream):
            start = as_corrected(start, says, "started_at") if start else None
            end = as_corrected(end, says, "ended_at") if end else None
        return cls(
            stream=stream,
            around=around,
            session_id=stream.name.partition(":")[2],
            start=start,
            end=end,
            operator_id=operator_id,
            outcome=outcomes[-1] if outcomes else None,
            partner=catalogue.partner_of(start.data.get("token"), start.at) if start else None,
            terms=catalogue.terms_at(operator_id, start.at) if start and operator_id else None,
            rejected=_rejected(stream),
        )

    @property
    def where(self) -> str:
        """The session's name in findings."""
        return f"session {self.session_id}"

    @property
    def currency(self) -> str:
        """What its amounts are in, as far as anybody said."""
        judged = self.outcome["currency"] if self.outcome else None
        return judged or (self.terms.currency if self.terms else "")

    def money(self, minor: int) -> Money:
        """An amount of it."""
        return Money(minor, self.currency)

    @property
    def sells_to_partner_without_vat(self) -> bool:
        """Whether the partner that pays for it owes the VAT of the platform's sale itself."""
        if self.partner is None or self.terms is None or self.start is None:
            return False
        taxes = self.around.catalogue.partner_taxes
        return self.terms.dealing.reverses_sale(taxes[self.partner].at(self.start.at))

    @property
    def charger_country(self) -> str:
        """Where its charger is, in two letters; "" where no location tells that."""
        if self.start is None:
            return ""
        return self.around.catalogue.country_of(self.operator_id, self.start.data, self.start.at)

    @property
    def was_rated(self) -> bool:
        """Whether it has a price, or had one."""
        return self.is_rated or bool(self.outcome is not None and self.outcome.get("ratings"))

    @property
    def may_be_sale(self) -> bool:
        """Whether its operator has ever had terms by which the platform sells in its own name."""
        versions = self.around.catalogue.operators[self.operator_id].versions if self.operator_id else []
        return any(each[-1].dealing.is_principal for each in versions)

    @property
    def is_sale(self) -> bool:
        """Whether the platform sells it in its own name."""
        return self.terms is not None and self.terms.dealing.is_principal

    @property
    def is_rated(self) -> bool:
        """Whether it was last judged RATED."""
        return self.outcome is not None and self.outcome["state"] == RATED

    @property
    def is_settled(self) -> bool:
        """Whether it was judged with all that was taken in of it, and with all that was published."""
        return self.session_id not in self.around.stale

    def accepted(self, topic: str) -> list[Fact]:
        """The facts of a type that were not rejected later, in the order of their own times."""
        facts = self.stream.facts.get(topic, ())
        return sorted((f for f in facts if (f.source, f.id) not in self.rejected), key=lambda fact: fact.sort_key)


def _first(facts: list[Fact]) -> Fact | None:
    return min(facts, key=lambda fact: fact.sort_key, default=None)


def check_states(session: Session, tally: Tally) -> None:
    """OPEN, INVALID and RATED follow from the facts; every amount of an outcome adds up."""
    where, outcome = session.where, session.outcome
    starts, ends = starts_of(session.stream), ends_of(session.stream)
    if outcome is None:
        if starts or ends:
            tally.note(where, "an outcome", "none", f"{where} was reported and never judged")
        return
    started, ended = told_starts_and_ends(session.stream)
    state, verdict = outcome["state"], verdict_of(session.stream)
    if not ended and session.end is not None:
        tally.compare(where, "ESTIMATED", outcome["reason"] if state == RATED else "ESTIMATED", "the reason")
        ended = {_end(session.end)}
    if verdict == "VOID":
        tally.compare(
            where, (INVALID, "VOIDED"), (state, outcome["reason"]), "the state and reason of one that was none"
        )
    elif len(started) > 1 or len(ended) > 1:
        tally.compare(where, INVALID, state, "the state, with two different starts or ends,")
    elif not started or not ended:
        tally.compare(where, OPEN, state, "the state, with start or end missing,")
    elif state not in (RATED, SUSPENSE):
        tally.note(where, "RATED or SUSPENSE", state, f"{where} has one start and one end and is {state}")
    tally.compare(where, session.operator_id, outcome["operator_id"], "the operator")
    judged = session.stream.decided("SessionAssessed")
    # What was judged before may have been by other terms: of the last it is known by which.
    for each in judged[-1:] if session.may_be_sale else judged:
        _check_sums(session, each, tally)


def told_starts_and_ends(stream: Stream) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
    """The different starts and ends that were told of a session, as corrected: where they agree, one of each."""
    says = {} if is_no_show(stream) else corrections_of(stream)
    started = {_start(as_corrected(fact, says, "started_at")) for fact in starts_of(stream)}
    ended = {_end(as_corrected(fact, says, "ended_at")) for fact in ends_of(stream)}
    if verdict_of(stream) == "BILL":
        # Whatever tariffs and tokens were told: the first start's.
        started = {told[:3] for told in started}
    return started, ended


def _start(fact: Fact) -> tuple[Any, ...]:
    """All in which two reports of one start agree; ids are without case."""
    data, token = fact.data, fact.data.get("token") or {}
    ids = [data["tariff_id"], *(token.get(name, "") for name in _TOKEN)]
    return fact.at, exact(data["meter_start_wh"]), data["operator_id"], *map(str.casefold, ids)


def _end(fact: Fact) -> tuple[Any, ...]:
    return fact.at, exact(fact.data["meter_stop_wh"])


def _check_sums(session: Session, outcome: Body, tally: Tally) -> None:
    where, money = session.where, session.money
    amounts = [outcome[name] for name in _AMOUNTS]
    if outcome["state"] != RATED:
        if any(amount is not None for amount in amounts):
            tally.note(where, "no amounts", amounts, f"{where} is {outcome['state']} and has amounts")
        return
    net, vat, gross, commission, commission_vat, share = amounts
    tally.compare(where, money(gross), money(net + vat), "net and VAT together")
    owed = gross - commission - commission_vat
    if session.is_sale and session.terms is not None:
        owed = session.terms.dealing.bought(net - commission).share
    tally.compare(where, money(owed), money(share), "the operator's share")


def check_terms(session: Session, tally: Tally) -> None:
    """A rated session has the currency and the commission of the contract in effect at its start."""
    where, outcome, start = session.where, session.outcome, session.start
    if outcome is None or start is None:
        return
    ruled = _ruled(session, start)
    if not session.is_rated:
        _check_wait(session, ruled, outcome["reason"], tally)
        return
    if not session.around.catalogue.can_rate(ruled, outcome["currency"]):
        tally.note(where, SUSPENSE, RATED, f"{where} is rated and no tariff was in effect for it")
    if session.terms is None:
        tally.note(where, SUSPENSE, RATED, f"{where} is rated and its operator had no contract in effect")
        return
    tally.compare(where, session.terms.currency, outcome["currency"], "the currency")
    commission, vat = session.terms.commission(charge_of(session, start, outcome))
    tally.compare(where, session.money(commission), session.money(outcome["commission"]), "the commission")
    tally.compare(where, session.money(vat), session.money(outcome["commission_vat"]), "the VAT of the commission")


def charge_of(session: Session, start: Fact, outcome: Body) -> Charge:
    """What its commission is reckoned by."""
    channel = "ROAMING" if session.partner is not None else "CARD"
    return Charge(outcome["net"], exact(outcome["energy_wh"]), channel, str(start.data["location_id"]))


def _check_wait(session: Session, ruled: Ruled, reason: str, tally: Tally) -> None:
    """Nothing waits for an operator or a tariff that is known and in effect."""
    catalogue = session.around.catalogue
    has_come = {
        "TARIFF_UNKNOWN": catalogue.knows_tariff(ruled),
        "TARIFF_NOT_IN_EFFECT": catalogue.has_valid_tariff(ruled),
    } | dict.fromkeys(_UNKNOWN_OPERATOR, session.terms is not None)
    if has_come.get(reason):
        sentence = f"{session.where} waits with {reason} for what is known"
        tally.note(session.where, "not " + reason, reason, sentence)


def check_meter(session: Session, tally: Tally) -> None:
    """What no meter can have shown is not billed, and nothing else waits for its meter."""
    outcome, start, end = session.outcome, session.start, session.end
    if outcome is None or start is None or end is None or is_no_show(session.stream):
        return
    told = outcome["reason"] if outcome["reason"] in METER_REASONS else ""
    if not session.is_rated and not told:
        return
    if verdict_of(session.stream) == "BILL":
        if told:
            tally.note(session.where, "billed", told, f"{session.where} waits with {told} though a person said BILL")
        return
    power_w = session.around.catalogue.power_of(session.operator_id, start.data, start.at)
    readings, says = session.stream.facts.get(METERED, ()), corrections_of(session.stream)
    found = implausible(start, end, readings, says, power_w or Fraction(session.around.power_max_w))
    tally.compare(session.where, found or "plausible", told or "plausible", "what its meter showed")


def check_prices(session: Session, tally: Tally) -> None:
    """Energy is the difference of the registers as last corrected; flat tariffs are priced again, exactly.

    No tariff rates a session over a key in which a promise to drivers may hide.
    """
    outcome, start, end = session.outcome, session.start, session.end
    if outcome is None or start is None or end is None or not session.is_rated or is_no_show(session.stream):
        return
    where, shortfall = session.where, outcome["shortfall"]
    energy_wh = counted(exact(start.data["meter_start_wh"]), exact(end.data["meter_stop_wh"]))
    if verdict_of(session.stream) == "BILL":
        energy_wh = max(energy_wh, Fraction(0))
    if not shortfall:
        tally.compare(where, energy_wh, exact(outcome["energy_wh"]), "the energy in Wh")
    tariff = session.around.catalogue.tariff_of(_ruled(session, start), outcome["currency"])
    if tariff is None:
        return
    if tariff.misleading:
        sentence = f"{where} is rated by a tariff in whose {tariff.misleading} a promise to drivers may hide"
        tally.note(where, SUSPENSE, RATED, sentence)
    if tariff.prices is None:
        return
    net, gross = tariff.prices.price(energy_wh)
    gross = net if session.sells_to_partner_without_vat else gross
    told = session.money(outcome["gross"] + shortfall)
    tally.compare(where, session.money(gross), told, "gross (with what could not be charged any more)")
    if not shortfall:
        tally.compare(where, session.money(net), session.money(outcome["net"]), "net")


def _ruled(session: Session, start: Fact) -> Ruled:
    return Ruled(session.operator_id, start.data["tariff_id"], start.at, session.partner)


def check_book(session: Session, tally: Tally) -> None:
    """What was earned on the book is the outcome: J01, J02 and J59 of a driver, J13, J14 and J21 of a partner."""
    stream = session.stream
    rated = session.outcome if session.is_rated else None
    if session.partner is not None and rated is None:
        return
    if not session.is_sale:
        _check_earned(session, rated, tally)
    matured = stream.bookings("ShareMatured")
    if matured and session.partner is None:
        pending = pending_of(session)
        nothing = session.money(0)
        tally.compare(session.where, nothing, session.money(pending), "what is pending after its share matured")


def _check_earned(session: Session, rated: Body | None, tally: Tally) -> None:
    stream = session.stream
    of_driver = rated if session.partner is None else None
    billed = stream.sum("J01", f"1105/{session.session_id}") + stream.sum("J59", "2080")
    _compare_book(session, of_driver, billed, ("J02", "J59"), "4010", tally)
    if session.partner is not None and not _waits_for_its_credit(session):
        accepted = accepted_cdr(session)
        kinds = ("J13", "J18", "J19", "J20", "J21")
        receivable = sum(stream.sum(kind, code) for kind in kinds for code in ("1200", "1210", "1220"))
        _compare_book(session, accepted, receivable, ("J14", "J20", "J21"), "4020", tally)


def _waits_for_its_credit(session: Session) -> bool:
    """Whether a dispute was lost, and the clock has still to take back what is left of the CDR."""
    return session.session_id in session.around.due and bool(session.stream.bookings("CdrDisputeLost"))


def pending_of(session: Session) -> int:
    """What is pending (2011) of its operator's share, without the parts of payees; minor units."""
    payees = {f"2011/{part[0]}" for booking in session.stream.bookings("ShareSplit") for part in booking["parts"]}
    sums = session.stream.sums.items()
    return sum(amount for (_, to), amount in sums if to.startswith("2011/") and to not in payees)


def _compare_book(
    session: Session, wanted: Body | None, gross: int, kinds: tuple[str, ...], revenue: str, tally: Tally
) -> None:
    expected = [wanted[name] if wanted else 0 for name in ("gross", "commission", "commission_vat")]
    commission, vat = (-sum(session.stream.sum(kind, code) for kind in kinds) for code in (revenue, "2110"))
    side = "driver" if revenue == "4010" else "partner"
    for name, should, does in zip(
        ("gross", "commission", "VAT of the commission"), expected, (gross, commission, vat), strict=True
    ):
        what = f"{name} on the book of the {side}"
        tally.compare(session.where, session.money(should), session.money(does), what)


def accepted_cdr(session: Session) -> dict[str, Any] | None:
    """The amounts of the standing CDR if the session's partner accepted it."""
    issued, credited = session.stream.decided("CdrIssued"), session.stream.decided("CdrCredited")
    if not issued or any(body["number"] == issued[-1]["number"] for body in credited):
        return None
    answers = session.stream.facts.get("roaming.cdr_accepted", ())
    if not any(
        fact.data["cdr_id"] == issued[-1]["cdr_id"] and fact.data["partner"].upper() == session.partner
        for fact in answers
    ):
        return None
    return dict(zip(("net", "gross", "commission", "commission_vat"), issued[-1]["key"][1:], strict=True))


SESSION_CHECKS: dict[str, Callable[[Session, Tally], None]] = {
    "states": check_states,
    "terms": check_terms,
    "meters": check_meter,
    "prices": check_prices,
    "earnings": check_book,
}


def _rejected(stream: Stream) -> frozenset[tuple[str, str]]:
    """The facts that were rejected and not taken back since."""
    rejected: set[tuple[str, str]] = set()
    for _, topic, body in stream.decisions:
        if topic == "FactRejected":
            rejected.add((body["source"], body["id"]))
        elif topic == "FactReadmitted":
            rejected.discard((body["source"], body["id"]))
    return frozenset(rejected)
