"""Costs, demand charges and margins as documents: amounts and quantities are decimal texts."""

from collections.abc import Mapping
from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor, plain
from domain.network.demand import Method
from domain.network.ladder import OTHER_LOAD, Player
from domain.network.margin import Margin
from domain.network.moments import quarter_start
from domain.network.shared_charge import Rung, SharedCharge
from projections.documents.decimals import decimal
from projections.network.declared import DeclaredCost
from projections.network.margins import MarginSum, SessionMargin
from projections.network.margins_if import MarginsIf
from projections.network.site_month import SiteMonth

# Why there is no margin, in words.
MISSING = {
    "ENERGY": "no price of energy is declared",
    "DEMAND": "no price of demand is declared",
    "LOAD": "it is not known when the energy flowed",
}


def cost_document(found: DeclaredCost) -> dict[str, Any]:
    """A version as it was declared; `price` is a kWh of ENERGY, a kW and month of DEMAND; others have an `amount`."""
    price, amount = None, None
    if found.price is not None:
        price = {"amount": plain(found.price), "currency": found.currency}
    if found.amount is not None:
        amount = {"amount": format_minor(found.amount, found.currency), "currency": found.currency}
    return {
        "operator_id": found.operator_id,
        "cost_id": found.cost_id,
        "kind": found.kind,
        "location_id": found.location_id,
        "effective_from": utc_text(found.effective_from),
        "effective_to": None if found.effective_to is None else utc_text(found.effective_to),
        "price": price,
        "minimum_kw": None if found.minimum_kw is None else plain(found.minimum_kw),
        "average_months": found.average_months,
        "amount": amount,
        "every": found.every,
        "due_day": found.due_day,
        "declared_at": utc_text(found.told_at),
    }


def demand_document(found: SiteMonth) -> dict[str, Any]:
    """A month's charge: what it is for, what other load bears of it, and what changed since the month closed.

    `charge` and what follows of it are null where no price is in effect when the peak begins.
    """
    shared, closed = found.shared, found.closed
    return {
        "operator_id": found.site.operator_id,
        "location_id": found.site.location_id,
        "month": str(found.month),
        "currency": found.currency,
        "peak_at": utc_text(quarter_start(shared.peak.quarter)) if shared else None,
        "peak_kw": decimal(shared.peak.kw) if shared else None,
        "billed_kw": decimal(shared.charge.billed_kw) if shared else None,
        "months": shared.charge.months if shared else None,
        "average_months": shared.charge.average_months if shared else None,
        "charge": _charge(shared, found.currency),
        "sessions": len(found.loads.keys() - {OTHER_LOAD}),
        "other_load": _shares(shared, OTHER_LOAD, found.currency),
        "closes_at": utc_text(found.closes_at),
        "is_closed": found.is_closed,
        "closed_charge": _charge(closed, found.currency),
        "difference": _difference(shared, closed, found.currency) if found.is_closed else None,
    }


def _charge(shared: SharedCharge | None, currency: str) -> str | None:
    return None if shared is None else format_minor(shared.charge.amount, currency)


def _difference(shared: SharedCharge | None, closed: SharedCharge | None, currency: str) -> str:
    now, then = (each.charge.amount if each else 0 for each in (shared, closed))
    return format_minor(now - then, currency)


def _shares(shared: SharedCharge | None, player: Player, currency: str) -> dict[str, str] | None:
    if shared is None:
        return None
    return {method.value: format_minor(of.get(player, 0), currency) for method, of in shared.shares.items()}


def share_documents(found: SiteMonth) -> list[dict[str, Any]]:
    """What each session of a month bears by each method, by id; with the ladder's share as the month closed."""
    now, then = _of_ladder(found.shared), _of_ladder(found.closed)
    rows = []
    for player in sorted({*found.loads, *then} - {OTHER_LOAD}, key=str):
        of_session = _shares(found.shared, player, found.currency) or dict.fromkeys(Method)
        closed = then.get(player, 0) if found.closed is not None else None
        rows.append(
            {
                "location_id": found.site.location_id,
                "month": str(found.month),
                "session_id": player,
                **{method.value: of_session[method] for method in Method},
                "currency": found.currency,
                "energy_wh": decimal(sum(energy for _, energy in found.loads.get(player, ()))),
                "closed_ladder": None if closed is None else format_minor(closed, found.currency),
                "difference": format_minor(now.get(player, 0) - (closed or 0), found.currency)
                if found.is_closed
                else None,
            }
        )
    return rows


def _of_ladder(shared: SharedCharge | None) -> Mapping[Player, int]:
    return {} if shared is None else shared.shares[Method.LADDER]


def rung_document(rung: Rung) -> dict[str, Any]:
    """A step of the ladder."""
    return {
        "from_kw": decimal(rung.from_kw),
        "to_kw": decimal(rung.to_kw),
        "quarters": rung.quarters,
        "cost": decimal(rung.cost),
        "cost_a_quarter": decimal(rung.cost_a_quarter),
    }


def margin_document(found: SessionMargin) -> dict[str, Any]:
    """A session's margin with its parts, and what is missing where there is none."""
    return {
        "session_id": found.session_id,
        "operator_id": found.operator_id,
        "location_id": found.location_id,
        "evse_uid": found.evse_uid,
        **margin_parts(found.margin),
    }


def margin_parts(margin: Margin) -> dict[str, Any]:
    """The parts of a margin, in its currency; null where a cost is not known."""
    left, currency = margin.margin, margin.currency
    return {
        "currency": currency,
        "net": format_minor(margin.net, currency),
        "commission": format_minor(margin.commission, currency),
        "provider_fee": format_minor(margin.provider_fee, currency),
        "energy_cost": None if margin.energy_cost is None else decimal(margin.energy_cost),
        "demand_share": None if margin.demand_share is None else format_minor(margin.demand_share, currency),
        "margin": None if left is None else decimal(left),
        "missing": [each.value for each in margin.missing],
    }


def margin_sum_document(found: MarginSum) -> dict[str, Any]:
    """Sums of the sessions that have a margin; how many have none, their net, and what of them is missing."""
    currency = found.currency
    return {
        **found.key,
        "currency": currency,
        "sessions": found.sessions,
        "net": format_minor(found.net, currency),
        "commission": format_minor(found.commission, currency),
        "provider_fee": format_minor(found.provider_fee, currency),
        "energy_cost": decimal(found.energy_cost),
        "demand_share": format_minor(found.demand_share, currency),
        "margin": decimal(found.margin) if found.sessions else None,
        "without_margin": found.without,
        "net_without_margin": format_minor(found.net_without, currency),
        "missing": sorted(each.value for each in found.missing),
    }


def margins_if_document(found: MarginsIf, currency: str) -> dict[str, Any]:
    """What another tariff does to margins and to days to cash, with use held constant; times are whole seconds."""
    has_margins = found.sessions > 0
    lasted = {name: getattr(found, name) for name in ("median_s", "mean_s", "median_s_under", "mean_s_under")}
    times = {name: None if value is None else int(value) for name, value in lasted.items()}
    return {
        "currency": currency,
        "sessions": found.sessions,
        "margin": decimal(found.margin) if has_margins else None,
        "margin_under": decimal(found.margin_under) if has_margins else None,
        "difference": decimal(found.margin_under - found.margin) if has_margins else None,
        "without_margin": found.without,
        "missing": sorted(each.value for each in found.missing),
        "days_to_cash": {"paid": found.paid, **times},
    }
