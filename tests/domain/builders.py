"""Builders of worked examples: one operator, one session of 20 kWh that costs 10.00 and 20 % VAT, and its fate.

The numbers are those of a charge of G = 1200 with commission C = 100, its VAT VC = 20 and a provider's fee P = 42, so
the operator's share is 1080. Every 1 kWh costs 60 minor units with VAT.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from domain.book.bookings import Booking
from domain.book.journal import Entry
from domain.book.posting import entries_of
from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact
from domain.session.cdr_chain import cdr_id
from domain.session.decisions import Decision
from domain.session.facts import (
    Captured,
    CapturedElsewhere,
    CdrAnswered,
    CdrPaid,
    DisputeClosed,
    Disputed,
    DisputeOutcome,
    Ended,
    Failed,
    MeterCorrected,
    Metered,
    RefundBearer,
    Refunded,
    RefundFailed,
    Reviewed,
    Settled,
    Started,
    Verdict,
)
from domain.session.judging import decide
from domain.session.session import Session, session_stream

OPERATOR, SESSION, PARTNER, PSP, PAYMENT = "OP", "S-1", "DE-ABC", "psp", "P-1"
CAUSE = UUID(int=7)
# Long after everything that the examples tell.
LATE = datetime(2026, 12, 1, tzinfo=UTC)

Amounts = dict[str, int]
Line = tuple[str, str, Amounts]


def at(text: str) -> datetime:
    """`02 10:00` is that time of March 2026 in UTC; a whole date and time is taken as it is."""
    if len(text) == len("02 10:00"):
        text = f"2026-03-{text}"
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def terms(**changed: Any) -> dict[str, Any]:
    """Payout terms: midnight, no delay, no minimum, no reserve, no approval."""
    plain = {
        "cutoff_time": "00:00",
        "business_days_only": False,
        "delay_days": 0,
        "minimum": "0.00",
        "reserve_percent": "0",
        "reserve_days": 0,
        "requires_approval": False,
    }
    return plain | changed


def operator(payout: Mapping[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    """An operator in UTC and EUR with 10 % commission, 20 % VAT on it, released when rated."""
    plain = {
        "operator_id": OPERATOR,
        "name": "Operator",
        "country_code": "NL",
        "party_id": "OPR",
        "time_zone": "UTC",
        "currency": "EUR",
        "effective_from": "2026-01-01T00:00:00Z",
        "commission": {"percent": "10", "per_session": "0.00", "vat_percent": "20"},
        "psp_fee_bearer": "PLATFORM",
        "fund_release": "ON_SESSION",
        "payout": terms(**(payout or {})),
        "bank_account": {"holder": "Operator", "iban": "NL91ABNA0417164300"},
    }
    return plain | changed


def tariff(price: str = "0.50", **changed: Any) -> dict[str, Any]:
    """A tariff of one energy price with 20 % VAT."""
    document = {
        "country_code": "NL",
        "party_id": "OPR",
        "id": "T",
        "currency": "EUR",
        "elements": [{"price_components": [{"type": "ENERGY", "price": price, "vat": 20, "step_size": 1}]}],
        "last_updated": "2026-01-01T00:00:00Z",
    }
    return {"operator_id": OPERATOR, "effective_from": "2026-01-01T00:00:00Z", "tariff": document | changed}


def partner(funding: str = "ADVANCE", **changed: Any) -> dict[str, Any]:
    """A roaming partner in EUR."""
    plain = {"country_code": "DE", "party_id": "ABC", "name": "Partner", "currency": "EUR", "funding": funding}
    return plain | changed


def catalogue(
    of_operator: Mapping[str, Any] | None = None,
    of_tariff: Mapping[str, Any] | None = None,
    of_partner: Mapping[str, Any] | None = None,
) -> Catalogue:
    """What was published on New Year's Day: the operator, its tariff and, when given, a partner."""
    found = Catalogue()
    published = at("2026-01-01T00:00:00")
    found.publish("operator.registered", "b", "op", published, of_operator or operator())
    found.publish("tariff.published", "b", "t", published, of_tariff or tariff())
    if of_partner:
        found.publish("partner.registered", "b", "p", published, of_partner)
    return found


# Facts ---------------------------------------------------------------------------------------------------------


def started(when: str = "02 10:00", register_wh: int | str = 0, roams: bool = False, source: str = "g") -> Started:
    """The session starts on Monday 2 March; a roaming one with a token of the partner."""
    token = {"country_code": "DE", "party_id": "ABC", "uid": "U", "type": "RFID", "contract_id": "C"}
    return Started(
        at=at(when),
        source=source,
        id="start",
        operator_id=OPERATOR,
        location_id="L",
        evse_uid="E",
        connector_id="1",
        register_wh=Fraction(register_wh),
        tariff_id="T",
        auth_method="COMMAND",
        token=token if roams else None,
        partner=PARTNER if roams else None,
        reserved_from=None,
    )


def ended(when: str = "02 11:00", register_wh: int | str = 20_000, id_: str = "end") -> Ended:
    return Ended(at=at(when), source="g", id=id_, register_wh=Fraction(register_wh))


def charged(roams: bool = False) -> list[Fact]:
    """A session of 20 kWh, from 10:00 to 11:00 on 2 March."""
    return [started(roams=roams), ended()]


def corrected(
    when: str,
    stop_wh: int | None = None,
    start_wh: int | None = None,
    started_at: str | None = None,
    ended_at: str | None = None,
) -> MeterCorrected:
    return MeterCorrected(
        at=at(when),
        source="g",
        id=f"corrected {when}",
        start_wh=None if start_wh is None else Fraction(start_wh),
        stop_wh=None if stop_wh is None else Fraction(stop_wh),
        started_at=at(started_at) if started_at else None,
        ended_at=at(ended_at) if ended_at else None,
    )


def read(when: str, register_wh: int | str, id_: str | None = None, power_w: int | None = None) -> Metered:
    """A reading of the register, and perhaps of the power, during the session."""
    return Metered(
        at=at(when),
        source="g",
        id=id_ or f"read {when}",
        register_wh=Fraction(register_wh),
        power_w=power_w,
        current_a=None,
        signed_value=None,
    )


def captured(
    when: str = "02 11:01",
    amount: int = 1200,
    fee: int = 0,
    payment: str = PAYMENT,
    currency: str = "EUR",
    capture_id: str | None = None,
) -> Captured:
    return Captured(
        at=at(when),
        source="p",
        id=f"captured {payment} {when} {capture_id or ''}".rstrip(),
        payment_id=payment,
        provider=PSP,
        currency=currency,
        amount=amount,
        fee=fee,
        capture_id=capture_id,
    )


def failed(when: str = "02 11:01", payment: str = PAYMENT) -> Failed:
    return Failed(at=at(when), source="p", id=f"failed {payment} {when}", payment_id=payment)


def settled(
    when: str = "03 06:00",
    fee: int = 0,
    payment: str = PAYMENT,
    gross: int | None = None,
    provider: str = PSP,
    number: int = 1,
    currency: str = "EUR",
    **about: Any,
) -> Settled:
    """A line of a settlement; without `gross` as it was stored before that was read."""
    return Settled(
        at=at(when),
        source="p",
        id=f"settled {provider} {payment} {when}#{number}",
        settlement_id=f"ST {when}",
        item=number,
        provider=provider,
        payment_id=payment,
        currency=currency,
        fee=fee,
        gross=gross,
        **about,
    )


def elsewhere(capture: Captured, id_: str = "elsewhere") -> CapturedElsewhere:
    """A capture as the other sessions of its payment know it."""
    return CapturedElsewhere(**{each.name: getattr(capture, each.name) for each in fields(Captured)} | {"id": id_})


def refunded(
    when: str, amount: int, borne_by: str = "OPERATOR", refund: str = "R-1", payment: str = PAYMENT
) -> Refunded:
    return Refunded(
        at=at(when),
        source="p",
        id=f"refunded {refund}",
        refund_id=refund,
        payment_id=payment,
        currency="EUR",
        amount=amount,
        borne_by=RefundBearer(borne_by),
    )


def refund_failed(when: str, refund: str = "R-1", payment: str = PAYMENT) -> RefundFailed:
    return RefundFailed(
        at=at(when), source="p", id=f"refund failed {refund} {when}", refund_id=refund, payment_id=payment
    )


def reviewed(when: str, verdict: str) -> Reviewed:
    return Reviewed(at=at(when), source="office", id=f"reviewed {when}", verdict=Verdict(verdict))


def disputed(
    when: str, amount: int = 1200, fee: int = 1500, dispute: str = "D-1", payment: str = PAYMENT
) -> Disputed:
    return Disputed(
        at=at(when),
        source="p",
        id=f"disputed {dispute}",
        dispute_id=dispute,
        payment_id=payment,
        currency="EUR",
        amount=amount,
        fee=fee,
    )


def closed(when: str, outcome: str, dispute: str = "D-1", payment: str = PAYMENT) -> DisputeClosed:
    return DisputeClosed(
        at=at(when),
        source="p",
        id=f"closed {dispute} {when}",
        dispute_id=dispute,
        payment_id=payment,
        outcome=DisputeOutcome(outcome),
    )


def answered(when: str, accepted: bool = True, number: int = 1, by: str = PARTNER) -> CdrAnswered:
    word = "accepted" if accepted else "rejected"
    return CdrAnswered(
        at=at(when), source="r", id=f"{word} {when}", cdr_id=cdr_id(SESSION, number), partner=by, accepted=accepted
    )


def invoice_paid(when: str, number: int = 1) -> CdrPaid:
    return CdrPaid(
        at=at(when), source="r", id=f"paid {when}", cdr_id=cdr_id(SESSION, number), partner=PARTNER, invoice_id="I-1"
    )


# Decisions -----------------------------------------------------------------------------------------------------


def decided(facts: Iterable[Fact], known: Catalogue | None = None, clock: datetime | None = LATE) -> Session:
    """The session after it learned all facts at once and decided."""
    session = Session(SESSION)
    for fact in facts:
        session.learn(fact)
    decide_until(session, known or catalogue(), clock)
    return session


def decide_until(session: Session, known: Catalogue, clock: datetime | None) -> list[Decision]:
    """Decide until nothing is due any more: after a CDR goes to a partner, the session takes another look."""
    made: list[Decision] = []
    while True:
        judgement = decide(session, known, clock)
        made += judgement.decisions
        if clock is None or judgement.due_at is None or judgement.due_at > clock:
            return made


def told(
    steps: Iterable[tuple[Fact, datetime | None]], known: Catalogue | None = None
) -> tuple[Session, list[Decision]]:
    """The session after it learned facts one by one and decided after each, by the clock given with it."""
    session, made = Session(SESSION), list[Decision]()
    for fact, clock in steps:
        session.learn(fact)
        made += decide_until(session, known or catalogue(), clock)
    return session, made


def amounts(entry: Entry) -> Amounts:
    """What an entry adds to each account."""
    found: Amounts = {}
    for posting in entry.postings:
        found[posting.account] = found.get(posting.account, 0) + posting.amount_minor
    return {account: amount for account, amount in found.items() if amount}


def entries_for(booking: Booking) -> list[tuple[str, Amounts]]:
    """Kind and amounts of the entries that a booking gives."""
    return [(entry.kind, amounts(entry)) for entry in entries_of(booking, UUID(int=1), 1, CAUSE)]


def on_the_book(session: Session, *kinds: str) -> list[Line]:
    """(kind, when, amounts) of what stands, of the kinds named or of all, by time and then as booked."""
    stream_id = session_stream(session.session_id)
    entries = [
        entry
        for booked in session.standing
        for entry in entries_of(booked.booking, stream_id, booked.revision, CAUSE)
    ]
    entries.sort(key=lambda entry: entry.effective_at)
    wanted = [entry for entry in entries if not kinds or entry.kind in kinds]
    return [(entry.kind, f"{entry.effective_at:%d %H:%M}", amounts(entry)) for entry in wanted]


def kinds_on_the_book(session: Session) -> list[str]:
    return [kind for kind, _, _ in on_the_book(session)]


def balance(session: Session, account: str) -> int:
    """Debit-positive balance of an account after all that stands."""
    return sum(found.get(account, 0) for _, _, found in on_the_book(session))


def released(session: Session, share: str = "session") -> tuple[str, str] | None:
    """When a share was released and from which business date it may be paid; None when it was not."""
    release = session.releases.get(share)
    if release is None or release.released_at is None:
        return None
    return f"{release.released_at:%d %H:%M}", f"{release.available_on:%d}"
