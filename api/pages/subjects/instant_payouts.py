"""An operator paid at once: what it can be paid, what that costs, and the form that asks for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup
from starlette.responses import Response

from api.access.roles import Right
from api.actions.bodies import InstantPayout
from api.call import tag_of
from api.pages.forms import Sent, form
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.subjects.operators import desk_of, known_operator
from api.pages.table import Column, Table
from api.pages.view import View
from api.v1.operator_actions import pay_at_once
from api.v1.operators import one_operator
from domain.errors import AmountError
from domain.money import format_minor, parse_minor, plain
from projections.decisions import Decision, decisions_of_operator
from projections.instant_offer import Offer, instant_offer
from projections.operators import OperatorTerms, zone_name
from projections.reading import Snapshot

_TYPE: Final = "payout.instant_requested"
_ASKED_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class _Found:
    terms: OperatorTerms
    document: Mapping[str, Any]
    offer: Offer
    asked: Sequence[Decision]


@page("/operators/{operator_id}/instant-payout", Right.BOOK, "amount")
async def instant_payout(call: PageCall) -> Response:
    """What can be paid, of what is known now; with an amount, what that costs, and the form."""
    written = call.complaint.fields.get("amount") if call.complaint else call.query.get("amount")

    def ask(snapshot: Snapshot) -> _Found:
        terms = known_operator(snapshot, call.path["operator_id"])
        offer = instant_offer(snapshot.cursor, desk_of(snapshot, terms.operator_id))
        asked = decisions_of_operator(snapshot.cursor, terms.operator_id, [_TYPE])
        return _Found(terms, one_operator(snapshot, terms), offer, asked[::-1][:_ASKED_SHOWN])

    def present(view: View, found: _Found) -> Response:
        offer = found.offer
        amount, wrong = _amount(view, offer, written)
        return render(
            "instant_payout.html",
            view,
            operator=found.document,
            offer=offer,
            facts=_facts(view, offer),
            closed=_closed(view, offer),
            written=written if written is not None else _text(offer, offer.most),
            wrong=wrong,
            price=None if amount is None else _price(view, offer, amount),
            amount=None if amount is None else _text(offer, amount),
            asked=_asked(view, found.asked),
            tag=tag_of(found.document),
        )

    return await call.show(ask, present, lambda found: zone_name(found.terms))


def _text(offer: Offer, amount: int) -> str:
    return format_minor(amount, offer.currency)


def _money(view: View, offer: Offer, amount: int, field: str) -> Markup:
    return view.reader.amount(_text(offer, amount), offer.currency, field, with_currency=True)


def _amount(view: View, offer: Offer, written: str | None) -> tuple[int | None, str | None]:
    """The amount that is asked about, or what is wrong with it."""
    if not written or not written.strip() or offer.fee is None:
        return None, None
    try:
        amount = parse_minor(written.strip(), offer.currency)
    except AmountError:
        return None, f"Write it with the decimals of {offer.currency}, such as {_text(offer, 1250)}."
    why_not = offer.why_not(amount)
    if why_not is None:
        return amount, None
    most, least = (view.reader.money_text(_text(offer, each), offer.currency) for each in (offer.most, offer.minimum))
    return None, {"TOO_MUCH": f"It is more than nothing, and no more than {most}."}.get(
        why_not, f"The operator’s terms pay nothing below {least}."
    )


def _facts(view: View, offer: Offer) -> list[tuple[str, Any]]:
    number, fee = view.reader.number_text, offer.fee
    if fee is None:
        return []
    fixed = view.reader.money_text(_text(offer, fee.fixed), offer.currency)
    limit = None if offer.limit is None else _money(view, offer, offer.limit, "limit")
    return [
        ("Business date", view.reader.date(offer.business_date)),
        ("Due, after what is kept back", _money(view, offer, offer.at_hand, "at_hand")),
        ("Fee", f"{number(plain(fee.percent))} % and {fixed}, and {number(plain(fee.vat_percent))} % VAT on both"),
        ("Limit of a date", limit or "none"),
        ("Paid at once of it so far", _money(view, offer, offer.paid, "paid_at_once")),
        ("At most now", _money(view, offer, offer.most, "most")),
    ]


def _closed(view: View, offer: Offer) -> str | None:
    """Why nobody can be paid at once here, whatever the amount."""
    if offer.fee is None:
        return "The operator’s terms have no instant payouts: its payouts go with its runs."
    if offer.is_held:
        return "Its payouts are held: nothing is paid, at once or by a run."
    if offer.most <= 0:
        return "Nothing can be paid at once now: nothing is left that is due, or within the limit."
    return None if view.may(Right.PROPOSE) else f"Finance asks for instant payouts; your role is {view.role}."


def _price(view: View, offer: Offer, amount: int) -> list[tuple[str, Any]]:
    """What an amount costs, and what is left of what is due."""
    assert offer.fee is not None
    fee, vat = offer.fee.of(amount)
    return [
        ("It is paid", _money(view, offer, amount, "amount")),
        ("Fee", _money(view, offer, fee, "fee")),
        ("VAT on the fee", _money(view, offer, vat, "fee_vat")),
        ("Stays for the run", _money(view, offer, offer.at_hand - amount - fee - vat, "stays")),
    ]


def _asked(view: View, found: Sequence[Decision]) -> Table:
    rows = [
        {"id": each.id, "at": each.acts_at, "by": each.decided_by, "reason": each.reason, "sentence": each.sentence}
        | {"state": each.state}
        for each in found
    ]
    columns = [
        Column("at", "Asked at", "time"),
        Column("by", "By"),
        Column("reason", "Why"),
        Column("state", "State", "badge"),
        Column("sentence", "What was said"),
    ]
    return Table(columns, rows, "Newest first", empty="Nobody has asked for one yet.")


@form("/operators/{operator_id}/instant-payout/ask", Right.PROPOSE, instant_payout, "instant")
async def ask_for_one(call: PageCall, sent: Sent) -> Response:
    """Just the amount whose fee was shown."""
    body = sent.body(
        InstantPayout, currency=sent.text("currency"), amount=sent.text("amount"), reason=sent.text("reason")
    )
    return await pay_at_once(call.path["operator_id"], body, call, sent.asked)


ROUTES = (instant_payout, ask_for_one)
