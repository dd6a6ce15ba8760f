"""Uptime of EVSEs as documents: whole seconds, times in UTC, shares and percents as decimal texts."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from domain.calendar import utc_text
from domain.network.moments import US_PER_SECOND, moment_of
from domain.network.uptime import Outage, Uptime
from projections.documents.decimals import decimal, decimal_or_none
from projections.network.uptime import EvseUptime

# What the rule wants of a year: more than so many percent (23 CFR 680.116(b)).
NEVI_PERCENT = 97
SECONDS = ("in_service_s", "blocked_s", "outage_s", "excluded_s")


def seconds(us: int) -> int:
    """Whole seconds of so many microseconds."""
    return us // US_PER_SECOND


def time_text(us: int) -> str:
    """A moment as it is written."""
    return utc_text(moment_of(us))


def figures(found: Uptime) -> dict[str, Any]:
    """The figures of a window, seconds cut to whole ones.

    `uptime` is (in service - (outage - excluded)) / in service, null where it was not in service; `uptime_nevi` is in
    percent, of the last 365 days of the window, and null where the window has fewer.
    """
    return {
        "in_service_s": seconds(found.in_service_us),
        "outage_s": seconds(found.outage_us),
        "excluded_s": seconds(found.excluded_us),
        "excluded_by_cause_s": {cause: seconds(us) for cause, us in found.excluded_by_cause_us.items()},
        "outages": len(found.outages),
        "uptime": decimal_or_none(found.uptime),
        "uptime_nevi": decimal_or_none(found.nevi),
    }


def exact_figures(found: Uptime) -> dict[str, Any]:
    """The same with seconds to the microsecond, as decimal texts: what files have."""
    by_cause = {cause: decimal(Fraction(us, US_PER_SECOND)) for cause, us in found.excluded_by_cause_us.items()}
    return figures(found) | {
        "in_service_s": decimal(Fraction(found.in_service_us, US_PER_SECOND)),
        "outage_s": decimal(Fraction(found.outage_us, US_PER_SECOND)),
        "excluded_s": decimal(Fraction(found.excluded_us, US_PER_SECOND)),
        "excluded_by_cause_s": by_cause,
    }


def uptime_document(found: EvseUptime) -> dict[str, Any]:
    """An EVSE with its window, its newest status, since when it is silent (null: it is not), and its figures."""
    silent_since = found.life.silent_since
    return {
        "operator_id": found.operator_id,
        "location_id": found.location_id,
        "evse_uid": found.evse_uid,
        "from": time_text(found.uptime.begin),
        "to": time_text(found.uptime.end),
        "status": found.status,
        "silent_since": None if silent_since is None else time_text(silent_since),
        "blocked_s": seconds(found.uptime.blocked_us),
        **figures(found.uptime),
    }


def outage_documents(found: EvseUptime) -> Iterator[dict[str, Any]]:
    """The outages of an EVSE in its window, one after the other."""
    for outage in found.uptime.outages:
        yield {
            "operator_id": found.operator_id,
            "location_id": found.location_id,
            "evse_uid": found.evse_uid,
            **_outage(outage, found),
        }


def _outage(outage: Outage, found: EvseUptime) -> dict[str, Any]:
    told = found.status_at(outage.begin)
    return {
        "from": time_text(outage.begin),
        "to": None if outage.goes_on else time_text(outage.end),
        "outage_s": seconds(outage.end - outage.begin),
        "silent_s": seconds(outage.silent_us),
        "excluded_s": seconds(outage.excluded_us),
        "status": told.status if told is not None else None,
        "error_code": told.error_code if told is not None else None,
        "explained": [
            {
                "from": time_text(part.begin),
                "to": time_text(part.end),
                "cause": part.cause,
                "evidence": part.evidence,
            }
            for part in outage.excluded
        ],
    }


def by_evse(found: Iterable[EvseUptime]) -> dict[str, dict[str, Any]]:
    """Exact figures by EVSE, in the order of their uids; of one uid that operators share, under `OPERATOR/UID`."""
    listed = list(found)
    named = [each.evse_uid for each in listed]
    shared = {uid for uid in named if named.count(uid) > 1} if len(set(named)) < len(named) else set()
    documents = {
        f"{each.operator_id}/{each.evse_uid}" if each.evse_uid in shared else each.evse_uid: exact_figures(
            each.uptime
        )
        for each in listed
    }
    return dict(sorted(documents.items()))


def sum_documents(found: Iterable[EvseUptime], *, by_site: bool) -> Iterator[dict[str, Any]]:
    """The figures of the EVSEs of each operator together, or of each of its sites.

    Seconds are sums, and so `uptime` is that of all seconds in service. The rule knows no figure of several ports:
    `of_365_days` is of how many EVSEs `uptime_nevi` is known, `not_above_97` of how many it is 97 percent or less.
    """
    sums: dict[tuple[str, str], list[EvseUptime]] = {}
    for each in found:
        sums.setdefault((each.operator_id, each.location_id if by_site else ""), []).append(each)
    for (operator_id, location_id), evses in sorted(sums.items()):
        in_service, outage, excluded = (
            sum(getattr(each.uptime, name) for each in evses)
            for name in ("in_service_us", "outage_us", "excluded_us")
        )
        nevi = [each.uptime.nevi for each in evses if each.uptime.nevi is not None]
        yield {
            "operator_id": operator_id,
            **({"location_id": location_id} if by_site else {}),
            "evses": len(evses),
            "in_service_s": seconds(in_service),
            "blocked_s": seconds(sum(each.uptime.blocked_us for each in evses)),
            "outage_s": seconds(outage),
            "excluded_s": seconds(excluded),
            "outages": sum(len(each.uptime.outages) for each in evses),
            "uptime": decimal_or_none(Fraction(in_service - outage + excluded, in_service) if in_service else None),
            "of_365_days": len(nevi),
            "not_above_97": sum(each <= NEVI_PERCENT for each in nevi),
        }
