"""A limit tried on the sessions of a file: read, played through by each policy, and put into a document."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from contracts.decode import decode_event
from contracts.errors import ContractError
from contracts.refusal import Refusal
from contracts.stays import StayGiven, read_stay
from domain.exact import Exact, whole
from domain.load.back_test import QUARTER_S, Outcome, back_test
from domain.load.policies import POLICIES
from domain.load.stays import TENTHS_AN_AMPERE, Stay, Trial
from projections.documents.decimals import decimal
from projections.network.stays import SessionEvents, Wiring
from wattledger.errors import ApplicationError
from wattledger.optimum import has_highs, optimum

RULE, UNMANAGED = "the rule", "unmanaged"
_PERCENT, _KILO, _PERCENT_PLACES, _KW_PLACES = 100, 1_000, 1, 2


@dataclass(slots=True)
class Sessions:
    """The stays of a file by site; why sessions were left out; lines that told of something else."""

    stays: dict[str, list[Stay]]
    left_out: dict[str, str] = field(default_factory=dict)
    other_lines: int = 0


def read_sessions(lines: Iterable[bytes], name: str, wiring: Wiring) -> Sessions:
    """The sessions of JSON lines: stays, or events of sessions. Raises ApplicationError for what is neither."""
    events, stays, others = SessionEvents(), defaultdict[str, list[Stay]](list), 0
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            document = _read(line)
            if "specversion" in document:
                others += not _took(events, document)
                continue
            given = read_stay(document)
            if given.session_id in seen:
                raise ContractError(f"session_id {given.session_id} is there twice")
        except ContractError as error:
            raise ApplicationError(f"{name}, line {number}: {error}") from error
        seen.add(given.session_id)
        stays[given.location_id].append(_stay(given))
    found = events.found(wiring)
    for site, of_site in found.stays.items():
        stays[site] += of_site
    return Sessions(stays, dict(found.left_out), others)


def _read(line: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ContractError(f"$ is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise ContractError("$ must be an object: a stay, or an event of a session")
    return document


def _took(events: SessionEvents, document: dict[str, Any]) -> bool:
    message = decode_event(document)
    if isinstance(message, Refusal):
        raise ContractError(message.sentence)
    return events.take(message.type, message.source, message.id, message.data)


def _stay(given: StayGiven) -> Stay:
    connected_at = int(given.connected_at.timestamp())
    return Stay(
        session_id=given.session_id,
        connected_at=connected_at,
        departs_at=max(int(given.departs_at.timestamp()), connected_at + 1),
        need_wh=whole(Fraction(given.need_wh)),
        max_a=tenths_up(given.max_a),
        phases=given.phases,
    )


def tenths_up(amperes: Decimal) -> int:
    """Amperes in tenths, the rest of one up."""
    return int((amperes * TENTHS_AN_AMPERE).to_integral_value(ROUND_CEILING))


def within(stays: Iterable[Stay], since: datetime | None, until: datetime | None) -> list[Stay]:
    """Those that began from a moment on and before another."""
    first = since.timestamp() if since is not None else float("-inf")
    last = until.timestamp() if until is not None else float("inf")
    return [stay for stay in stays if first <= stay.connected_at < last]


def plan(
    stays: Sequence[Stay],
    trial: Trial,
    *,
    price: Exact | None,
    time_zone: ZoneInfo,
) -> dict[str, Any]:
    """What a limit would have done at a site, by policy; `price` is that of a demand charge for a kW and month."""
    outcomes = {name: back_test(stays, trial, policy) for name, policy in POLICIES.items()}
    most = optimum(stays, trial) if has_highs() else None
    demand = _demand(outcomes, time_zone, price)
    document: dict[str, Any] = {
        "sessions": len(stays),
        "need_wh": decimal(sum((stay.need_wh for stay in stays), Fraction(0))),
        "limit_kw": decimal(Fraction(trial.limit_w) / _KILO),
        "declared": trial.is_declared,
        "policies": [_row(name, outcome) for name, outcome in outcomes.items()],
        "optimum_percent": None if most is None else decimal(Fraction(most) * _PERCENT, _PERCENT_PLACES),
        "demand": demand,
    }
    if price is not None:
        saved = sum((Fraction(row["saved"]) for row in demand), Fraction(0))
        document |= {"demand_price": decimal(price), "saved": decimal(saved, 2)}
    return document


def _row(name: str, outcome: Outcome) -> dict[str, str]:
    return {
        "policy": name,
        "delivered_percent": decimal(outcome.delivered * _PERCENT, _PERCENT_PLACES),
        "full_percent": decimal(outcome.full * _PERCENT, _PERCENT_PLACES),
        "worst_tenth_percent": decimal(outcome.worst_tenth * _PERCENT, _PERCENT_PLACES),
        "peak_kw": decimal(outcome.peak_w / Fraction(_KILO), _KW_PLACES),
    }


def _demand(outcomes: Mapping[str, Outcome], time_zone: ZoneInfo, price: Exact | None) -> list[dict[str, str]]:
    """By month the highest quarter hour without and with the limit, and what the difference costs."""
    unmanaged, managed = (_peaks(outcomes[name], time_zone) for name in (UNMANAGED, RULE))
    rows = []
    for month, peak_kw in sorted(unmanaged.items()):
        with_limit = managed.get(month, Fraction(0))
        row = {
            "month": month,
            "unmanaged_kw": decimal(peak_kw, _KW_PLACES),
            "managed_kw": decimal(with_limit, _KW_PLACES),
            "saved_kw": decimal(peak_kw - with_limit, _KW_PLACES),
        }
        rows.append(row if price is None else row | {"saved": decimal((peak_kw - with_limit) * price, 2)})
    return rows


def _peaks(outcome: Outcome, time_zone: ZoneInfo) -> dict[str, Exact]:
    """Of each month the mean power of its highest quarter hour in kW, as demand charges are measured."""
    peaks: dict[str, Exact] = {}
    quarters_an_hour = 3_600 // QUARTER_S
    for quarter, energy_wh in outcome.quarters_wh.items():
        month = datetime.fromtimestamp(quarter * QUARTER_S, UTC).astimezone(time_zone).strftime("%Y-%m")
        peaks[month] = max(peaks.get(month, Fraction(0)), energy_wh * Fraction(quarters_an_hour, _KILO))
    return peaks
