"""Use of EVSEs as documents: seconds are whole, shares and energy decimal texts of at most six places."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from domain.money import currency_exponent, format_minor
from domain.network.moments import US_PER_SECOND
from domain.network.use import Use
from projections.documents.decimals import decimal, decimal_or_none
from projections.network.use import By, UseFound

SECONDS = ("in_service_s", "occupied_s", "charging_s", "idle_s")
UTILISATIONS = ("time_utilisation", "charging_utilisation", "energy_utilisation")
MONEY = ("currency", "net", "share", "net_per_service_hour", "net_per_occupied_hour")
DIRECT = "direct"


def in_major_units(minor: Fraction | None, currency: str) -> str | None:
    """An exact amount in minor units as decimal text in major ones, half up to six places."""
    return None if minor is None else decimal(minor / 10 ** currency_exponent(currency))


def use_document(found: UseFound, by: frozenset[By]) -> dict[str, Any]:
    """Whose use it is, and its figures, each null where it has no base; money by currency.

    `time_utilisation` is occupied / in service, `charging_utilisation` charging / in service, `energy_utilisation`
    what was delivered of what the published power could in that time.
    """
    return key_document(found, by) | figures_document(found)


def key_document(found: UseFound, by: frozenset[By]) -> dict[str, Any]:
    """The fields that say whose use it is: always the operator, else what it is by."""
    key = found.key
    named: dict[str, Any] = {"operator_id": key.operator_id}
    if by & {By.SITE, By.EVSE}:
        named["location_id"] = found.location_id
    if By.EVSE in by:
        named["evse_uid"] = found.evse_uid
    if By.CHANNEL in by:
        named["channel"] = key.channel or DIRECT
    if By.DAY in by:
        named["date"] = key.time
    elif By.MONTH in by:
        named["month"] = key.time
    return named


def figures_document(found: UseFound) -> dict[str, Any]:
    """The figures of a use; those of MONEY stand beside `money` where its sessions are of one currency, else null."""
    use = found.use
    money = money_documents(use)
    return {
        "evses": found.evses,
        **{name: getattr(use, name) for name in SECONDS},
        "energy_wh": decimal(use.energy_wh),
        "sessions": use.sessions,
        **{name: decimal_or_none(getattr(use, name)) for name in UTILISATIONS},
        "idle_share": decimal_or_none(use.idle_share),
        "at_once": found.at_once,
        "peak_use": decimal_or_none(found.peak_use),
        **{name: money[0][name] if len(money) == 1 else None for name in MONEY},
        "money": money,
    }


def money_documents(use: Use) -> list[dict[str, Any]]:
    """By currency what the sessions came to that ended: how many, their net, what of their gross is the operator's
    after commission, and their net for each hour in service and each hour occupied.
    """
    money: Mapping[str, tuple[int, int, int]] = use.money
    return [
        {
            "currency": currency,
            "ended": sessions,
            "net": format_minor(net, currency),
            "share": format_minor(share, currency),
            "net_per_service_hour": in_major_units(use.per_service_hour(net), currency),
            "net_per_occupied_hour": in_major_units(use.per_occupied_hour(net), currency),
        }
        for currency, (sessions, net, share) in sorted(money.items())
    ]


def use_line(found: UseFound) -> dict[str, Any]:
    """A line of `use.jsonl`: one EVSE on one local date, seconds to the microsecond as decimal texts."""
    use, key = found.use, found.key
    idle_us = use.occupied_us - use.charging_us
    seconds = (use.in_service_us, use.occupied_us, use.charging_us, idle_us)
    return {
        "operator_id": key.operator_id,
        "location_id": found.location_id,
        "evse_uid": found.evse_uid,
        "date": key.time,
        **{name: decimal(Fraction(us, US_PER_SECOND)) for name, us in zip(SECONDS, seconds, strict=True)},
        "energy_wh": decimal(use.energy_wh),
        "sessions": use.sessions,
    }
