"""CDRs: each session's chain from number 1 with its credit CDRs, whose last one says what the session cost."""

from uuid import NAMESPACE_URL, uuid5

from ledger.audit.amounts import minor
from ledger.audit.report import Tally
from ledger.audit.sessions import Session
from ledger.audit.streams import Body


def check_chain(session: Session, tally: Tally) -> None:
    """CDRs are numbered from 1, one stands at a time, and each is credited at most once, as a whole."""
    where = session.where
    standing: Body | None = None
    last = 0
    for _, topic, body in session.stream.decisions:
        if topic == "CdrIssued":
            tally.compare(where, last + 1, body["number"], "the number of the next CDR")
            if standing is not None:
                sentence = f"{where}: CDR {body['number']} was issued while another stands"
                tally.note(where, "no standing CDR", standing["cdr_id"], sentence)
            _check_issued(session, body, tally)
            standing, last = body, body["number"]
        elif topic == "CdrCredited":
            if standing is None or standing["number"] != body["number"]:
                sentence = f"{where}: CDR {body['number']} was credited and does not stand"
                tally.note(where, "a standing CDR", body["cdr_id"], sentence)
            else:
                _check_credit(session, standing, body, tally)
            standing = None
    if session.is_settled and session.session_id not in session.around.due:
        _check_last(session, standing, last, tally)


def _check_issued(session: Session, issued: Body, tally: Tally) -> None:
    where, document = session.where, issued["document"]
    wanted = str(uuid5(NAMESPACE_URL, f"wattledger:cdr:{session.session_id}:{issued['number']}"))
    tally.compare(where, wanted, issued["cdr_id"], f"the id of CDR {issued['number']}")
    tally.compare(where, wanted, document["id"], f"the id in CDR {issued['number']}")
    tally.compare(where, tuple(issued["key"][1:3]), _cost(document), f"total_cost of CDR {issued['number']}")


def _check_credit(session: Session, issued: Body, credited: Body, tally: Tally) -> None:
    where, document = session.where, credited["document"]
    number = credited["number"]
    for name, expected, actual in (
        ("the id of the credit CDR", f"{issued['cdr_id']}-C", credited["cdr_id"]),
        ("the id in the credit CDR", f"{issued['cdr_id']}-C", document["id"]),
        ("credit_reference_id", issued["cdr_id"], document.get("credit_reference_id")),
        ("credit", True, document.get("credit")),
        ("total_cost of the credit CDR", tuple(-part for part in _cost(issued["document"])), _cost(document)),
    ):
        tally.compare(where, expected, actual, f"{name} of CDR {number}")


def _check_last(session: Session, standing: Body | None, last: int, tally: Tally) -> None:
    """The standing CDR is the outcome; there is none where there is no outcome, or where its partner refused it."""
    where, outcome = session.where, session.outcome
    if outcome is None or not session.is_rated:
        if standing is not None:
            tally.note(where, "no standing CDR", standing["cdr_id"], f"{where} has a CDR and is not rated")
        return
    if standing is None:
        refused = session.stream.facts.get("roaming.cdr_rejected", ())
        last_id = str(uuid5(NAMESPACE_URL, f"wattledger:cdr:{session.session_id}:{last}"))
        if not any(fact.data["cdr_id"] == last_id for fact in refused):
            tally.note(where, "a standing CDR", "none", f"{where} is rated and has no CDR that stands")
        return
    wanted = [outcome[name] for name in ("energy_wh", "net", "gross", "commission", "commission_vat")]
    tally.compare(where, wanted, standing["key"], "energy and amounts of its standing CDR")
    tally.compare(where, outcome["currency"], standing["document"]["currency"], "the currency of its standing CDR")


def _cost(document: Body) -> tuple[int, int]:
    cost, currency = document["total_cost"], document["currency"]
    return minor(cost["excl_vat"], currency), minor(cost["incl_vat"], currency)
