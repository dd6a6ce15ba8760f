"""Why something cannot be decided as things stand, told to who decides before anything is published.

The command and HTTP ask here alike. The domain looks at it again from events alone, in any order of arrival: there a
decision about something unknown waits until that comes, which helps nobody who has mistyped an id.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import instant, utc_text
from domain.matter.judgement import MatterKind
from domain.money import parse_minor
from projections.bank_entries import unallocated_of
from projections.matters import find_matter
from projections.operators import OperatorTerms, operator
from projections.partners import is_partner
from projections.payout_list import shown_payout
from projections.write_offs import why_too_much

Data: TypeAlias = Mapping[str, Any]


class Objection(NamedTuple):
    """Why not: `code` as HTTP has it (`unknown`, `other_state`, `other_content`, `refused`), and a sentence.

    `field` is the field of the decision that is wrong, where one is.
    """

    code: str
    sentence: str
    field: str = ""


def objection(cursor: Cursor[TupleRow], type_: str, data: Data) -> Objection | None:
    """Why a decision of a type cannot be made by its data; None where nothing that is known speaks against it."""
    found = operator(cursor, data["operator_id"]) if "operator_id" in data else None
    if found is None and "operator_id" in data:
        return _unknown("operator", data["operator_id"], "operator_id")
    if type_ in _OF_PAYOUT:
        payout = shown_payout(cursor, data["payout_id"])
        if payout is None:
            return _unknown("payout", data["payout_id"], "payout_id")
        return payout_objection(type_, payout.status, payout.content_hash, data)
    if type_ in _OF_MATTER:
        return _of_matter(cursor, type_, data)
    if type_ == "write_off.proposed":
        currency = data["amount"]["currency"]
        return _too_much(cursor, data["account"], currency, parse_minor(data["amount"]["amount"], currency))
    if type_ == "payout.instant_requested" and found is not None:
        return instant_objection(found, data["currency"])
    if type_ == "reserve.held":
        return until_objection(data.get("until"), instant(data["at"]))
    if type_ == "bank.receipt_allocated":
        return _of_bank_entry(cursor, data)
    return None


def payout_objection(type_: str, status: str, content_hash: str, data: Data) -> Objection | None:
    """Why nothing is decided of a payout that is there: it is in another state, or has another content."""
    id_, (states, why) = data["payout_id"], _OF_PAYOUT[type_]
    if status not in states:
        return Objection("other_state", f"payout {id_} is {status}: {why}")
    if data.get("content_hash", content_hash) != content_hash:
        return Objection(
            "other_content",
            f"payout {id_} has another content than content_hash names; read it again, and decide on what it is now",
            "content_hash",
        )
    return None


def matter_objection(what: str, id_: str, state: str) -> Objection | None:
    """Why nothing is decided of a proposal that is there: somebody has decided it."""
    if state == "PROPOSED":
        return None
    return Objection("other_state", f"{what} {id_} is {state}: nothing is to be decided of it")


def instant_objection(found: OperatorTerms, currency: str) -> Objection | None:
    """Why an operator is paid nothing at once in a currency, by its terms now (rule P24)."""
    contract = found.in_effect().contract()
    if contract.runs.instant_fee is None:
        return Objection("other_state", f"the terms of {found.operator_id} have no instant payouts")
    if currency != contract.currency:
        sentence = f"{found.operator_id} is paid at once in {contract.currency}, and in no other currency"
        return Objection("refused", sentence, "currency")
    return None


def until_objection(until: str | None, at: datetime) -> Objection | None:
    """Why nothing is held until a moment: it is over, so that all would be released at once."""
    if until is None or instant(until) > at:
        return None
    return Objection("refused", f"{utc_text(instant(until))} is over: name a time to come", "until")


def _of_matter(cursor: Cursor[TupleRow], type_: str, data: Data) -> Objection | None:
    kind, field, what = _OF_MATTER[type_]
    found = find_matter(cursor, kind, data[field])
    if found is None:
        return _unknown(what, data[field], field)
    against = matter_objection(what, data[field], found.state)
    if against is None and type_ == "write_off.approved":
        return _too_much(cursor, found.details["account"], found.currency, found.amount)
    return against


def _too_much(cursor: Cursor[TupleRow], account: str, currency: str, amount: int) -> Objection | None:
    why = why_too_much(cursor, account, currency, amount)
    return None if why is None else Objection("refused", why, "amount")


def _of_bank_entry(cursor: Cursor[TupleRow], data: Data) -> Objection | None:
    if not unallocated_of(cursor, data["entry_reference"]):
        return _unknown("unallocated line of the bank", data["entry_reference"], "entry_reference")
    return partner_objection(cursor, data["partner"])


def partner_objection(cursor: Cursor[TupleRow], partner: str) -> Objection | None:
    """Why a partner pays nothing: nobody registered it."""
    if is_partner(cursor, partner):
        return None
    return Objection("refused", f"no partner {partner!r} is registered; /v1/partners has all", "partner")


def _unknown(what: str, id_: str, field: str) -> Objection:
    return Objection("unknown", f"no {what} {id_[:64]!r} is known", field)


# In which states of a payout it is decided, and what is said of it in all others.
_WAITS = (frozenset({"AWAITING_APPROVAL"}), "nothing is to be decided about it")
_OF_PAYOUT: Final = {
    "payout.approved": _WAITS,
    "payout.rejected": _WAITS,
    "payout.retried": (frozenset({"FAILED", "RETURNED"}), "only one that failed or came back is sent again"),
}
_OF_MATTER: Final = {
    f"{name}.{verdict}": (kind, f"{name}_id", what)
    for kind, name, what in (
        (MatterKind.ADJUSTMENT, "adjustment", "adjustment"),
        (MatterKind.WRITE_OFF, "write_off", "write-off"),
    )
    for verdict in ("approved", "rejected")
}
