"""Discounts of sessions: what somebody else than the driver owes of each (J01d)."""

from ledger.audit.amounts import exact
from ledger.audit.discount_terms import OF_OPERATOR, DiscountTerms, off_in_all
from ledger.audit.report import Tally
from ledger.audit.sessions import Session, discounts_of

_FUNDED_BY_PLATFORM = "PLATFORM"


def funded_of(session: Session) -> int:
    """What somebody else owes of the price that a session has, in minor units."""
    outcome, found = session.outcome, discounts_of(session)
    if outcome is None or not session.is_rated or not found or found[0].funder == OF_OPERATOR:
        return 0
    return off_in_all(found, outcome["gross"], exact(outcome["energy_wh"]), session.currency)


def check_discounts(session: Session, tally: Tally) -> None:
    """J01d is what the discounts of a session take off its price, at the cost of whom they name."""
    stream = session.stream
    booked = -stream.sum("J01d", f"1105/{session.session_id}") - stream.sum("J01d", "2080")
    wanted = funded_of(session)
    tally.compare(session.where, session.money(wanted), session.money(booked), "what is funded of its price (J01d)")
    found = discounts_of(session)
    if wanted and booked:
        _check_funder(session, found[0], booked, tally)


def _check_funder(session: Session, first: DiscountTerms, booked: int, tally: Tally) -> None:
    stream = session.stream
    is_platform = first.funder == _FUNDED_BY_PLATFORM
    accounts = ["5065"] if is_platform else [f"{code}/{first.funder}" for code in ("2010", "2011")]
    borne = sum(stream.sum("J01d", account) for account in accounts)
    what = f"what {first.funder} bears of its price"
    tally.compare(session.where, session.money(booked), session.money(borne), what)
