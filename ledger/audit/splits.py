"""Splits once more: what each payee should have of a session at each moment, and what is booked that it has (J07).

Read from the rules and not from the engine: sums and percents of gross or net first, as listed and each at most what
is left; percents of the share by largest remainder over the operator's own part and theirs. What is taken back is
borne by the same parts, on sums.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import floor
from typing import Any

from ledger.audit.amounts import exact, half_up, instant
from ledger.audit.commissions import rate_of
from ledger.audit.posting_table import journals_of
from ledger.audit.report import Tally
from ledger.audit.sessions import Session
from ledger.audit.streams import Body

_APART = ("PspFeeRecharged", "DisputeFeeRecharged", "ShareMatured", "ShareSplit")
_BILLS = ("SessionRated", "SessionReRated", "CdrAccepted", "ChargeSold", "ChargeReSold", "CdrSold")
_SPLIT = "split:"


@dataclass(frozen=True, slots=True)
class Bill:
    """What a session was billed: minor units and Wh."""

    net: int
    gross: int
    energy_wh: Fraction
    share: int


def check_splits(session: Session, tally: Tally) -> None:
    """Each payee has its part of what the operator has had of the session, at the end and, of percents, always."""
    booked = session.stream.bookings("ShareSplit")
    splits = _splits_of(session)
    if not splits or session.start is None or session.terms is None:
        if booked:
            tally.note(session.where, "no J07", len(booked), f"{session.where} is split and no terms say so")
        return
    moments = sorted({instant(booking["effective_at"]) for _, booking in session.stream.standing.values()})
    simple = all("percent" in each and (each.get("base") or "SHARE") == "SHARE" for each in map(_told, splits))
    for moment in moments if simple else moments[-1:]:
        wanted = _wanted(session, splits, moment, is_last=moment == moments[-1])
        if wanted is None:
            continue
        has: Counter[str] = Counter()
        for booking in booked:
            if instant(booking["effective_at"]) <= moment:
                has.update({payee: amount for payee, amount, _, _ in booking["parts"]})
        for payee in sorted({*wanted, *has}):
            what = f"what {payee} has of it at {moment.isoformat()} (J07)"
            tally.compare(session.where, session.money(wanted.get(payee, 0)), session.money(has[payee]), what)
    _check_releases(session, tally)


def _told(split: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in split.items() if value is not None}


def _splits_of(session: Session) -> list[Mapping[str, Any]]:
    if session.terms is None or session.start is None:
        return []
    place = str(session.start.data["location_id"]).casefold()
    return [
        each
        for each in session.terms.splits
        if not each.get("locations") or place in {name.casefold() for name in each["locations"]}
    ]


def _wanted(
    session: Session, splits: Sequence[Mapping[str, Any]], moment: datetime, *, is_last: bool
) -> dict[str, int] | None:
    """What each payee should have by a moment; None where the audit cannot tell."""
    bill = _bill(session)
    terms = session.terms
    if terms is None:
        return None
    standing = [
        (kind, booking)
        for kind, booking in session.stream.standing.values()
        if kind not in _APART and booking["share"] and instant(booking["effective_at"]) <= moment
    ]
    if terms.splits_losses:
        level = sum(_gain(session, kind, booking) for kind, booking in standing)
    else:
        bills = [booking for kind, booking in standing if kind in _BILLS]
        bills.sort(key=lambda booking: instant(booking["effective_at"]))
        last = bills[-1] if bills else None
        level = _share_billed(last) if last else 0
        if any(kind in ("CapturedSessionReRated", "CapturedChargeReSold") for kind, _ in standing):
            return None
    if not any(kind in _BILLS for kind, _ in standing):
        # What came before it was billed is nobody's part.
        return dict.fromkeys((each["operator_id"] for each in splits), 0)
    if bill is None:
        return dict.fromkeys((each["operator_id"] for each in splits), 0) if level == 0 else None
    return parts_of(splits, bill, level, terms.currency)


def _share_billed(booking: Body) -> int:
    """The operator's of what a booking says was billed."""
    share: int
    if "purchase" in booking:
        share = booking["purchase"] if booking["is_reversed"] else booking["purchase"] + booking["purchase_vat"]
    else:
        share = booking["gross"] - booking["commission"] - booking["commission_vat"]
    return share


def _gain(session: Session, kind: str, booking: Body) -> int:
    accounts = (f"2010/{session.operator_id}", f"2011/{session.operator_id}")
    return -sum(
        amount for _, _, legs in journals_of(kind, booking, 1) for account, amount in legs if account in accounts
    )


def _bill(session: Session) -> Bill | None:
    """The bill that rules parts in the end: the accepted CDR's of a partner, the rating of a driver."""
    if session.partner is not None:
        accepted = {booking["cdr_id"] for booking in session.stream.bookings("CdrAccepted", "CdrSold")}
        sent = [body["key"] for body in session.stream.decided("CdrIssued") if body["cdr_id"] in accepted]
        if not sent:
            return None
        energy_wh, net, gross, commission, vat = sent[-1]
        share = gross - commission - vat
        if session.is_sale and session.terms is not None:
            share = session.terms.dealing.bought(net - commission).share
        return Bill(net, gross, exact(energy_wh), share)
    outcomes = [body for body in session.stream.decided("SessionAssessed") if body["state"] == "RATED"]
    if not outcomes:
        return None
    last = outcomes[-1]
    return Bill(last["net"], last["gross"], exact(last["energy_wh"]), last["operator_share"])


def parts_of(splits: Sequence[Mapping[str, Any]], bill: Bill, amount: int, currency: str) -> dict[str, int]:
    """What each payee has of an amount by the parts of a bill, in minor units."""
    quotas = list(_quotas(splits, bill, currency))
    whole = Fraction(bill.share) if bill.share > 0 else Fraction(1)
    # The operator's own part comes first, and is first where remainders are equal.
    exactly = [abs(amount) * part / whole for part in (whole - sum(quotas), *quotas)]
    found = [floor(each) for each in exactly]
    by_rest = sorted(range(len(exactly)), key=lambda place: (found[place] - exactly[place], place))
    for place in by_rest[: abs(amount) - sum(found)]:
        found[place] += 1
    parts: dict[str, int] = defaultdict(int)
    for split, part in zip(splits, found[1:], strict=True):
        parts[split["operator_id"]] += part if amount >= 0 else -part
    return parts


def _quotas(splits: Sequence[Mapping[str, Any]], bill: Bill, currency: str) -> Iterator[Fraction]:
    firsts: dict[int, int] = {}
    left = max(0, bill.share)
    for place, split in enumerate(splits):
        if split.get("percent") is None or (split.get("base") or "SHARE") != "SHARE":
            of = bill.gross if split.get("base") == "GROSS" else bill.net
            firsts[place] = min(left, half_up(rate_of(split, currency, of, bill.energy_wh, 1)))
            left -= firsts[place]
    rest = left if bill.share > 0 else 1
    for place, split in enumerate(splits):
        yield Fraction(firsts[place]) if place in firsts else rest * exact(split["percent"]) / 100


def _check_releases(session: Session, tally: Tally) -> None:
    """A part is released with the share that it is of, once its payee has terms; one of nobody's is not."""
    last = {body["share"]: body for body in session.stream.decided("ShareReleased")}
    for share, body in last.items():
        payee = body["operator_id"]
        if not share.startswith(_SPLIT) or body["released_at"] is None:
            continue
        terms = session.around.catalogue.terms_at(payee, instant(body["released_at"]))
        if terms is None or terms.currency != session.currency:
            sentence = f"{session.where}: the part of {payee} is released, and it has no terms in {session.currency}"
            tally.note(session.where, "not released", body["released_at"], sentence)
        base = last.get(share.removeprefix(f"{_SPLIT}{payee}:"))
        if base is not None and base["released_at"] is not None:
            due = max(instant(base["released_at"]), _first_terms(session, payee))
            tally.compare(session.where, due, instant(body["released_at"]), f"when the part of {payee} is released")


def _first_terms(session: Session, payee: str) -> datetime:
    versions = session.around.catalogue.operators[payee].versions
    first = min(versions, key=lambda each: each[:3])
    return first[3]
