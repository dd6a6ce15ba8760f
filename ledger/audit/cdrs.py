"""CDRs: each session's chain from number 1 with its credit CDRs, whose last one says what the session cost."""

from fractions import Fraction
from uuid import NAMESPACE_URL, uuid5

from ledger.audit.amounts import Money, exact, minor
from ledger.audit.report import Tally
from ledger.audit.sessions import Session
from ledger.audit.streams import Body

_TIMES = ("TIME", "PARKING_TIME", "RESERVATION_TIME")
# OCPI numbers have four decimals (OCPI types, number).
_IN_KEY = ("", "net", "gross", "the commission", "the VAT of the commission")
_HALF_A_DIGIT = Fraction(1, 20_000)


def check_chain(session: Session, tally: Tally) -> None:
    """CDRs are numbered from 1, one stands at a time, and each is credited at most once, as a whole."""
    where = session.where
    standing: Body | None = None
    credited: Body | None = None
    last = 0
    for _, topic, body in session.stream.decisions:
        if topic == "CdrIssued":
            tally.compare(where, last + 1, body["number"], "the number of the next CDR")
            if standing is not None:
                sentence = f"{where}: CDR {body['number']} was issued while another stands"
                tally.note(where, "no standing CDR", standing["cdr_id"], sentence)
            _check_issued(session, body, tally)
            _check_links(session, body, credited, tally)
            standing, last = body, body["number"]
        elif topic == "CdrCredited":
            if standing is None or standing["number"] != body["number"]:
                sentence = f"{where}: CDR {body['number']} was credited and does not stand"
                tally.note(where, "a standing CDR", body["cdr_id"], sentence)
            else:
                _check_credit(session, standing, body, tally)
            standing, credited = None, standing
    if session.session_id not in session.around.due:
        _check_last(session, standing, last, tally)


def _check_issued(session: Session, issued: Body, tally: Tally) -> None:
    where, document = session.where, issued["document"]
    wanted = str(uuid5(NAMESPACE_URL, f"wattledger:cdr:{session.session_id}:{issued['number']}"))
    tally.compare(where, wanted, issued["cdr_id"], f"the id of CDR {issued['number']}")
    tally.compare(where, wanted, document["id"], f"the id in CDR {issued['number']}")
    billed = tuple(Money(amount, document["currency"]) for amount in issued["key"][1:3])
    tally.compare(where, billed, _cost(document), f"total_cost of CDR {issued['number']}")
    _check_periods(session, issued, tally)


def _check_links(session: Session, issued: Body, credited: Body | None, tally: Tally) -> None:
    """The CDR names a version of a tariff that was published or ordered, and the CDR whose place it takes.

    Those from before versions were pinned name none.
    """
    where, number, pin = session.where, issued["number"], issued.get("tariff_hash")
    if pin is None:
        return
    if pin not in session.around.catalogue.pins:
        tally.note(where, "a known version", pin, f"{where}: CDR {number} names a tariff that was never published")
    replaced = credited["cdr_id"] if credited else None
    tally.compare(where, replaced, issued.get("replaces"), f"the CDR that CDR {number} replaces")
    for named in filter(None, (pin, replaced)):
        if named not in issued["document"]["remark"]:
            tally.note(
                where, named, issued["document"]["remark"], f"{where}: the remark of CDR {number} names another"
            )


_NOT_REPEATED = frozenset({"id", "total_cost", "credit", "credit_reference_id", "last_updated"})


def _repeated(document: Body) -> Body:
    return {name: value for name, value in document.items() if name not in _NOT_REPEATED}


def _check_periods(session: Session, issued: Body, tally: Tally) -> None:
    """The volumes of the charging periods add up to the totals, and these are the energy that was billed."""
    where, document, number = session.where, issued["document"], issued["number"]
    sums: dict[str, Fraction] = {}
    for period in document["charging_periods"]:
        for dimension in period["dimensions"]:
            volume = exact(dimension["volume"])
            sums[dimension["type"]] = sums.get(dimension["type"], Fraction(0)) + volume
    energy_kwh, parking = sums.get("ENERGY", Fraction(0)), sums.get("PARKING_TIME", Fraction(0))
    total_kwh, billed_kwh = exact(document["total_energy"]), exact(issued["key"][0]) / 1000
    tally.compare(where, total_kwh, energy_kwh, f"the energy of the periods of CDR {number}")
    if abs(total_kwh - billed_kwh) > _HALF_A_DIGIT:
        tally.note(where, billed_kwh, total_kwh, f"{where}: total_energy of CDR {number} is not what was billed")
    tally.compare(
        where,
        exact(document.get("total_parking_time", 0)),
        parking,
        f"the parking time of the periods of CDR {number}",
    )
    hours = sum((sums.get(kind, Fraction(0)) for kind in _TIMES), Fraction(0))
    tally.compare(where, exact(document["total_time"]), hours, f"the time of the periods of CDR {number}")


def _check_credit(session: Session, issued: Body, credited: Body, tally: Tally) -> None:
    where, document = session.where, credited["document"]
    number = credited["number"]
    for name, expected, actual in (
        ("the id of the credit CDR", f"{issued['cdr_id']}-C", credited["cdr_id"]),
        ("the id in the credit CDR", f"{issued['cdr_id']}-C", document["id"]),
        ("credit_reference_id", issued["cdr_id"], document.get("credit_reference_id")),
        ("credit", True, document.get("credit")),
        (
            "total_cost of the credit CDR",
            tuple(Money(-part.minor, part.currency) for part in _cost(issued["document"])),
            _cost(document),
        ),
    ):
        tally.compare(where, expected, actual, f"{name} of CDR {number}")
    if _repeated(issued["document"]) != _repeated(document):
        tally.note(where, "all but total_cost as it was", "otherwise", f"{where}: the credit of CDR {number} differs")


def _check_last(session: Session, standing: Body | None, last: int, tally: Tally) -> None:
    """The standing CDR is the outcome; there is none where there is no outcome, or where its partner refused it."""
    where, outcome = session.where, session.outcome
    if outcome is None or not session.is_rated:
        if standing is not None:
            tally.note(where, "no standing CDR", standing["cdr_id"], f"{where} has a CDR and is not rated")
        return
    if _is_disputed_away(session):
        return
    if standing is None:
        refused = session.stream.facts.get("roaming.cdr_rejected", ())
        last_id = str(uuid5(NAMESPACE_URL, f"wattledger:cdr:{session.session_id}:{last}"))
        if not any(fact.data["cdr_id"] == last_id for fact in refused):
            tally.note(where, "a standing CDR", "none", f"{where} is rated and has no CDR that stands")
        return
    wanted = [outcome[name] for name in ("energy_wh", "net", "gross", "commission", "commission_vat")]
    for name, should, does in zip(_IN_KEY, wanted, standing["key"], strict=True):
        if name:
            tally.compare(where, session.money(should), session.money(does), f"{name} of its standing CDR")
        else:
            tally.compare(where, should, does, "the energy in Wh of its standing CDR")
    tally.compare(where, outcome["currency"], standing["document"]["currency"], "the currency of its standing CDR")


def _is_disputed_away(session: Session) -> bool:
    """Whether disputes were decided against what was billed: what is billed then is compared with the book alone."""
    return any(
        fact.data["outcome"] == "LOST" and fact.data["partner"].upper() == session.partner
        for fact in session.stream.facts.get("roaming.dispute_closed.item", ())
    )


def _cost(document: Body) -> tuple[Money, Money]:
    cost, currency = document["total_cost"], document["currency"]
    return Money(minor(cost["excl_vat"], currency), currency), Money(minor(cost["incl_vat"], currency), currency)
