"""Fees of hubs: what a partner's hub asks of each CDR that was accepted, made out again from the terms (J15)."""

from typing import Any

from ledger.audit.amounts import half_up, instant, microseconds
from ledger.audit.catalogue import HubTerms
from ledger.audit.report import Tally
from ledger.audit.sessions import Session


def check_hub_fees(session: Session, tally: Tally) -> None:
    """J15 stands once for each CDR that its partner accepted before it was credited, by the terms at the start."""
    partner, start = session.partner, session.start
    booked = {
        key: (booking["hub_id"], booking["vat_code"], booking["fee"], booking["fee_vat"], booking["effective_at"])
        for key, (type_, booking) in session.stream.standing.items()
        if type_ == "HubFeeAccrued"
    }
    hub = session.around.catalogue.hubs[partner].at(start.at) if partner and start else None
    wanted = _wanted(session, hub) if hub else {}
    found = {key: (*says[:4], microseconds(instant(says[4]))) for key, says in booked.items()}
    for key in sorted(wanted.keys() | found.keys()):
        what = f"the fee of the hub under {key} (hub, VAT, minor units of fee and VAT, microseconds)"
        tally.compare(session.where, wanted.get(key), found.get(key), what)


def _wanted(session: Session, hub: HubTerms) -> dict[str, tuple[Any, ...]]:
    stream = session.stream
    credited = {body["number"]: instant(body["credited_at"]) for body in stream.decided("CdrCredited")}
    wanted = {}
    for body in stream.decided("CdrIssued"):
        times = [
            fact.at
            for fact in stream.facts.get("roaming.cdr_accepted", ())
            if fact.data["cdr_id"] == body["cdr_id"] and fact.data["partner"].upper() == session.partner
        ]
        until = credited.get(body["number"])
        accepted_at = min(times, default=None)
        if accepted_at is None or (until is not None and until <= accepted_at) or not body["key"][2]:
            continue
        fee = half_up(hub.percent * body["key"][1] / 100) + hub.per_session
        if fee:
            says = (hub.hub_id, _code(hub), fee, half_up(hub.vat_percent * fee / 100))
            wanted[f"hub:{body['number']}"] = (*says, microseconds(accepted_at))
    return wanted


def _code(hub: HubTerms) -> str:
    """Jurisdiction and rate, the rate as its shortest decimal text."""
    whole, rest = divmod(hub.vat_percent, 1)
    digits = f"{rest.numerator * 10**9 // rest.denominator:09d}".rstrip("0")
    return f"{hub.jurisdiction}-{whole}" + (f".{digits}" if digits else "")
