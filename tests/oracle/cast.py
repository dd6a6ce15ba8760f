"""Operators, tariffs and partners of generated networks, and how their events are written."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.exact import decimals, text_of

Json = dict[str, Any]

# Country, party, zone, currency; among the zones are ones whose midnight is skipped and one that moves half an hour.
OPERATORS = (
    ("NL", "GRS", "Europe/Amsterdam", "EUR"),
    ("FI", "REV", "Europe/Helsinki", "EUR"),
    ("US", "ARC", "America/Los_Angeles", "USD"),
    ("IN", "MVP", "Asia/Kolkata", "INR"),
    ("JP", "DEN", "Asia/Tokyo", "JPY"),
    ("KW", "SHM", "Asia/Kuwait", "KWD"),
    ("LB", "ARZ", "Asia/Beirut", "USD"),
    ("AU", "LHI", "Australia/Lord_Howe", "AUD"),
    ("CL", "AND", "America/Santiago", "USD"),
    ("GB", "THM", "Europe/London", "GBP"),
)
# The Mondays before changes of the clocks, and one without.
BEGINNINGS = ("2026-03-02", "2026-03-16", "2026-10-12", "2025-10-20", "2026-03-26", "2026-01-05")
# What a minor unit is worth about, so that prices look alike in every currency.
WORTH = {"JPY": 150.0, "INR": 80.0, "KWD": 0.3}


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(kind: str, subject: str, at: datetime, data: Json, key: str = "") -> Json:
    """An event whose envelope is of the time of what it tells."""
    return {
        "specversion": "1.0",
        "id": f"{kind}:{key or subject}",
        "source": "urn:oracle",
        "type": kind,
        "subject": subject,
        "time": iso(at),
        "data": data,
    }


def money(amount: int, currency: str) -> Json:
    return {"amount": text_of(amount, currency), "currency": currency}


def local_noon(day: datetime, zone: str) -> datetime:
    return datetime.combine(day.date(), time(12), ZoneInfo(zone)).astimezone(UTC)


def operator_terms(random: Random, index: int, since: datetime) -> Json:
    """A registered operator with terms drawn at random."""
    country, party, zone, currency = OPERATORS[index % len(OPERATORS)]
    per_session = random.choice((0, 0, 10, 35)) * (1 if decimals(currency) else 0)
    return {
        "operator_id": f"OP-{index}",
        "name": f"Operator {index}",
        "country_code": country,
        "party_id": party,
        "time_zone": zone,
        "currency": currency,
        "effective_from": iso(since),
        "commission": {
            "percent": random.choice(("0", "5", "7.5", "8.25", "12")),
            "per_session": text_of(per_session, currency),
            "vat_percent": random.choice(("0", "19", "21", "5.5")),
        },
        "psp_fee_bearer": random.choice(("PLATFORM", "PLATFORM", "OPERATOR")),
        "fund_release": random.choice(("ON_SESSION", "ON_CAPTURE", "ON_CAPTURE", "ON_SETTLEMENT")),
        "payout": {
            "cutoff_time": random.choice(("00:00", "00:00", "02:30", "03:00", "07:00", "15:30", "23:30")),
            "business_days_only": random.random() < 0.4,
            "delay_days": random.choice((0, 0, 1, 1, 2, 3)),
            "minimum": text_of(random.choice((0, 1, 1000, 2500)), currency),
            "reserve_percent": random.choice(("0", "0", "0", "5", "7.5", "10")),
            "reserve_days": random.choice((1, 3, 7, 30)),
            "requires_approval": random.random() < 0.1,
        },
        "cdr_delay_minutes": random.choice((0, 15, 15, 60)),
        "bank_account": bank_account(index, 0),
    }


def bank_account(index: int, version: int) -> Json:
    currency = OPERATORS[index % len(OPERATORS)][3]
    if currency == "EUR":
        ibans = ("NL91ABNA0417164300", "DE89370400440532013000", "FI2112345600000785")
        return {"holder": f"Operator {index}", "iban": ibans[version % len(ibans)]}
    codes = {"INR": ("HDFC0000123", "NEFT")}
    code, scheme = codes.get(currency, ("021000021", "ACH"))
    number = f"{index:04d}{version:04d}"
    return {"holder": f"Operator {index}", "account_number": number, "routing_code": code, "scheme": scheme}


def tariff(random: Random, operator: Mapping[str, Any], name: str) -> Json:
    """An unrestricted tariff of one of several shapes."""
    currency = operator["currency"]
    vat = random.choice((None, 0, 5.2, 18, 21.0))
    worth = WORTH.get(currency, 1.0)

    def component(kind: str, price: float, step: int) -> Json:
        digits = random.choice((2, 3, 4))
        rate = vat if random.random() < 0.9 else random.choice((7, 19.0))
        made = {"type": kind, "price": round(price * worth, digits), "step_size": step}
        return made if rate is None else {**made, "vat": rate}

    energy = component("ENERGY", random.uniform(0.2, 0.8), random.choice((1, 1, 1, 100, 500)))
    time_ = component("TIME", random.uniform(0.5, 3), random.choice((1, 60, 300)))
    parking = component("PARKING_TIME", random.uniform(1, 6), random.choice((1, 60, 900)))
    flat = component("FLAT", random.uniform(0.1, 1.5), 1)
    shapes = ([energy], [energy], [energy, flat], [energy, parking], [time_, parking], [energy, time_], [time_, flat])
    chosen = random.choice(shapes)
    elements = [{"price_components": chosen}]
    if random.random() < 0.2:
        elements = [{"price_components": [part]} for part in chosen] + [{"price_components": [flat]}]
    made: Json = {
        "country_code": operator["country_code"],
        "party_id": operator["party_id"],
        "id": name,
        "currency": currency,
        "elements": elements,
        "last_updated": operator["effective_from"],
    }
    if random.random() < 0.15:
        made["min_price"] = {"excl_vat": round(1 * worth, 2), "incl_vat": round(1.2 * worth, 2)}
    if random.random() < 0.15:
        made["max_price"] = {"excl_vat": round(9 * worth, 2), "incl_vat": round(10 * worth, 2)}
    return made


def free_tariff(operator: Mapping[str, Any], name: str) -> Json:
    return {
        **{key: operator[key] for key in ("country_code", "party_id", "currency")},
        "id": name,
        "elements": [{"price_components": [{"type": "FLAT", "price": 0.0, "step_size": 1}]}],
        "last_updated": operator["effective_from"],
    }


def location_event(operator: Mapping[str, Any], since: datetime) -> Json:
    """A location without chargers, in a zone of its own."""
    location = {
        "country_code": operator["country_code"],
        "party_id": operator["party_id"],
        "id": "LOC-1",
        "publish": True,
        "address": "Street 1",
        "city": "Town",
        "country": "NLD",
        "coordinates": {"latitude": "52.379189", "longitude": "4.886010"},
        "time_zone": "Europe/Lisbon",
        "last_updated": iso(since),
    }
    data = {"operator_id": operator["operator_id"], "location": location}
    return event("location.published", operator["operator_id"], since, data)


def tariff_event(operator_id: str, made: Json, effective: datetime, at: datetime, key: str) -> Json:
    data = {"operator_id": operator_id, "effective_from": iso(effective), "tariff": made}
    return event("tariff.published", made["id"], at, data, key)


def partner_event(random: Random, party: str, currency: str, since: datetime) -> Json:
    data = {
        "country_code": "DE",
        "party_id": party,
        "name": f"Partner {party}",
        "currency": currency,
        "fee": {"percent": "2.5", "per_session": "0"},
        "payment_terms_days": 14,
        "funding": random.choice(("ADVANCE", "PAY_WHEN_PAID")),
    }
    return event("partner.registered", f"DE-{party}", since, data)


def days(count: float) -> timedelta:
    return timedelta(days=count)
