"""What the platform sells in its own name, and the places of VAT: derived from facts and terms once more."""

from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import orjson

from ledger.audit.amounts import half_up
from ledger.audit.dealing import Bought, Dealing, place
from ledger.audit.report import Tally
from ledger.audit.sessions import Session, accepted_cdr
from ledger.audit.streams import Body

# Bookings of sales, and whether what they say of a purchase is added, or given back.
_OF_DRIVER = ("ChargeSold", "ChargeReSold", "CapturedChargeReSold")
_OF_PARTNER = ("CdrSold", "SoldCdrCredited")
_TAXED = (
    "SessionRated",
    "SessionReRated",
    "CapturedSessionReRated",
    "PaymentRefunded",
    "PaymentRefundFailed",
    "DisputeLost",
    "CdrAccepted",
    "AcceptedCdrCredited",
    "CdrDisputeLost",
)
_NOT_OF_SALES = frozenset(_TAXED)


def check_sales(session: Session, tally: Tally) -> None:
    """What the platform sells itself is sold and bought as the terms say, and VAT is where they say it is due."""
    terms = session.terms
    if terms is None or not session.is_rated:
        return
    if not terms.dealing.is_principal:
        _check_places(session, terms.dealing.commission_at(terms.vat_percent), tally)
        return
    for kind, _ in session.stream.standing.values():
        if kind in _NOT_OF_SALES:
            tally.note(session.where, "a sale", kind, f"{session.where} is sold by the platform and has a {kind}")
    if session.partner is not None:
        _check_sale(session, accepted_cdr(session), _OF_PARTNER, tally)
    else:
        _check_sale(session, session.outcome, _OF_DRIVER, tally)


def _check_places(session: Session, at: str, tally: Tally) -> None:
    where = session.where
    for kind, booking in session.stream.standing.values():
        if kind in _TAXED:
            tally.compare(where, at, booking.get("vat_at", ""), f"where the VAT of its {kind} is due")
        elif kind in (*_OF_DRIVER, *_OF_PARTNER):
            tally.note(where, "the operator's sale", kind, f"{where} is sold by its operator and has a {kind}")


def _check_sale(session: Session, wanted: Body | None, kinds: tuple[str, ...], tally: Tally) -> None:
    """Net, VAT by place, and the purchase, of all standing bookings together."""
    sold, bought = _stands(session, kinds)
    expected: Counter[str] = Counter()
    dealing, money = dealing_of(session), session.money
    buying = Bought(0, 0, "", is_reversed=False)
    if wanted is not None:
        net = wanted["net"]
        expected = Counter({"": net} | vat_by_place(session, net, wanted["gross"] - net))
        buying = dealing.bought(net - wanted["commission"])
    for at in sorted({*expected, *sold}):
        what = f"the VAT of the sale due at {at}" if at else "the net of the sale"
        tally.compare(session.where, money(expected[at]), money(sold[at]), what)
    wanted_bought = {(buying.at, buying.is_reversed): (buying.net, buying.vat)}
    rows = {row: amounts for row, amounts in wanted_bought.items() if any(amounts)}
    tally.compare(session.where, rows, bought, "what the sale was bought for, by where its VAT is due")


def _stands(session: Session, kinds: Iterable[str]) -> tuple[Counter[str], dict[tuple[str, bool], tuple[int, int]]]:
    """What stands sold, the net under "", and bought, by where its VAT is due and whether the platform owes it."""
    sold: Counter[str] = Counter()
    bought: Counter[tuple[str, bool, str]] = Counter()
    for kind, booking in session.stream.standing.values():
        if kind not in kinds:
            continue
        sign = -1 if kind == "SoldCdrCredited" else 1
        for prefix, direction in (("", sign), ("old_", -1)):
            if f"{prefix}net" not in booking:
                continue
            sold[""] += direction * booking[f"{prefix}net"]
            for at, amount in zip(booking[f"{prefix}vat_at"], booking[f"{prefix}vat"], strict=True):
                # Without terms of taxes VAT has no place, and stands beside the net.
                sold[at or "-"] += direction * amount
            terms = booking["purchase_at"], booking["is_reversed"]
            bought[*terms, "net"] += direction * booking[f"{prefix}purchase"]
            bought[*terms, "vat"] += direction * booking[f"{prefix}purchase_vat"]
    rows = {(at, is_reversed) for at, is_reversed, _ in bought}
    amounts = {row: (bought[*row, "net"], bought[*row, "vat"]) for row in rows}
    return sold, {row: found for row, found in amounts.items() if any(found)}


def dealing_of(session: Session) -> Dealing:
    """The terms of who sells it; LookupError where its operator has none in effect."""
    if session.terms is None:
        raise LookupError(f"{session.where} has no terms in effect")
    return session.terms.dealing


def vat_by_place(session: Session, net: int, vat: int) -> dict[str, int]:
    """The VAT of a sale by where it is due: of several rates by largest remainder of what its prices bear.

    Read from the lines of its last rating.
    """
    dealing = dealing_of(session)
    if not vat:
        return {}
    if dealing.identity is None:
        return {"-": vat}
    country = session.charger_country or dealing.identity.country
    by_rate = _by_rate(session)
    rates = sorted(by_rate)
    whole = sum(by_rate.values())
    if len(rates) == 1:
        return {place(country, rates[0]): vat}
    if not rates or whole <= 0 or min(by_rate.values()) < 0:
        return {place(country, Fraction(half_up(Fraction(vat * 10_000, net)), 100) if net else Fraction(0)): vat}
    return _split(vat, {place(country, rate): by_rate[rate] / whole for rate in rates})


def _split(vat: int, shares: Mapping[str, Fraction]) -> dict[str, int]:
    found = {at: (vat * share).__floor__() for at, share in shares.items()}
    rest = sorted(shares, key=lambda at: found[at] - vat * shares[at])
    for at in rest[: vat - sum(found.values())]:
        found[at] += 1
    return {at: amount for at, amount in found.items() if amount}


def _rating(session: Session) -> Mapping[str, Any]:
    ratings = session.outcome["ratings"] if session.outcome else ()
    found: Mapping[str, Any] = orjson.loads(ratings[-1]) if ratings else {"lines": []}
    return found


def _by_rate(session: Session) -> dict[Fraction, Fraction]:
    found: dict[Fraction, Fraction] = {}
    for line in _rating(session)["lines"]:
        rate = Fraction(line.get("vat", 0))
        if rate:
            found[rate] = found.get(rate, Fraction(0)) + Fraction(line["excl_vat"]) * rate / 100
    return found
