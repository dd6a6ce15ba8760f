"""What being seen by partners goes along with, as documents."""

from fractions import Fraction
from typing import Any

from domain.money import format_minor, to_minor_half_up
from domain.network.use import Use
from domain.network.visibility import NO_CAUSE, SENTENCES
from projections.documents.decimals import decimal, decimal_or_none
from projections.documents.use import DIRECT, in_major_units, money_documents
from projections.network.visibility import ChannelFound, UnseenEvse

_DAY_US = 86_400_000_000


def channel_document(found: ChannelFound) -> dict[str, Any]:
    """A channel's sessions, energy and money; `new_driver_share` is of the sessions whose driver is known.

    `margin` is null where a cost of one of its sessions is not declared. `days_to_cash` is the median from plug-out
    to the bank, by amount; both are null where there are several currencies.
    """
    use, key = found.use.use, found.use.key
    money = money_documents(use)
    share = Fraction(found.new_drivers, found.known_drivers) if found.known_drivers else None
    return {
        "operator_id": key.operator_id,
        "channel": key.channel or DIRECT,
        "sessions": use.sessions,
        "energy_wh": decimal(use.energy_wh),
        "currency": money[0]["currency"] if len(money) == 1 else None,
        "net": money[0]["net"] if len(money) == 1 else None,
        "margin": _margin(found),
        "days_to_cash": _days(found),
        "sessions_of_known_drivers": found.known_drivers,
        "new_drivers": found.new_drivers,
        "new_driver_share": decimal_or_none(share),
        "money": money,
    }


def _margin(found: ChannelFound) -> str | None:
    if len(found.margins) != 1:
        return None
    ((currency, margin),) = found.margins.items()
    return None if margin.without else format_minor(to_minor_half_up(margin.margin, currency), currency)


def _days(found: ChannelFound) -> str | None:
    paid = [each.paid for each in found.to_cash]
    if len(paid) != 1 or paid[0] is None:
        return None
    return decimal(Fraction(paid[0].median_us, _DAY_US), 2)


def unseen_document(found: UnseenEvse) -> dict[str, Any]:
    """An EVSE that no partner sees, with its own use and that of comparable ones, and how many those are."""
    own, comparable = found.use, found.comparable
    return {
        "operator_id": found.operator_id,
        "location_id": found.location_id,
        "evse_uid": found.evse_uid,
        "reason": str(found.reason),
        "sentence": found.withheld or SENTENCES[found.reason],
        "power_class": found.power_class,
        "in_service_s": own.in_service_s if own else 0,
        "sessions": own.sessions if own else 0,
        "energy_wh": decimal(own.energy_wh) if own else "0",
        **_earned("", own),
        "comparable_evses": comparable.evses if comparable else 0,
        "comparable_sessions": comparable.use.sessions if comparable else 0,
        "comparable_in_service_s": comparable.use.in_service_s if comparable else 0,
        **_earned("comparable_", comparable.use if comparable else None),
        "note": NO_CAUSE,
    }


def _earned(prefix: str, use: Use | None) -> dict[str, Any]:
    """Net and net an hour in service of a use in one currency, else null."""
    empty = dict.fromkeys((f"{prefix}currency", f"{prefix}net", f"{prefix}net_per_service_hour"))
    if use is None or len(use.money) != 1:
        return empty
    ((currency, (_, net, _)),) = use.money.items()
    return {
        f"{prefix}currency": currency,
        f"{prefix}net": in_major_units(Fraction(net), currency),
        f"{prefix}net_per_service_hour": in_major_units(use.per_service_hour(net), currency),
    }
