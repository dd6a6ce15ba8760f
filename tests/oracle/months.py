"""Seven months of charging sessions at five operators, with all that happens to their money and nobody decides.

The sessions are those of ACN-Data (Caltech) where the set is there: every so many of October 2019 to February 2020,
and January's once more eleven weeks later, so that both changes of the clocks, Christmas and Easter lie within. Where
it is not, sessions of the same lengths and energies are drawn.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.support import aftermath
from tests.support.bank_lines import bank_line
from tests.support.events import TOKEN, captured, ended, event, metered, money, operator, partner, started, tariff

Event = dict[str, Any]
FIRST, LAST = datetime(2019, 10, 9, 9, tzinfo=UTC), datetime(2020, 4, 30, 9, tzinfo=UTC)
SINCE = "2019-10-01T00:00:00Z"
EVERY = 14
CENT = Decimal("0.01")
CURRENCY = {"OP-A": "EUR", "OP-B": "USD", "OP-C": "INR", "OP-D": "EUR", "OP-E": "EUR"}
PRICES = {"EUR": 0.49, "USD": 0.41, "INR": 18.5}
# Whose share of the sessions is how large: of the second EUR operators there are few, so that they stay below zero.
_SHARES = ("OP-A", "OP-B", "OP-C", "OP-D", "OP-A", "OP-B", "OP-C", "OP-A", "OP-B", "OP-E")


class Session(NamedTuple):
    """A session: who, from when to when, and how much."""

    session_id: str
    operator_id: str
    start: datetime
    end: datetime
    wh: int
    is_roaming: bool

    @property
    def gross(self) -> str:
        """What it costs, by an operator's tariff and 20 % VAT."""
        exact = Decimal(self.wh) / 1000 * Decimal(str(PRICES[CURRENCY[self.operator_id]])) * Decimal("1.2")
        return str(exact.quantize(CENT, ROUND_HALF_UP))


def stamp(moment: datetime) -> str:
    """A moment as it is on the wire."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sessions(data: Path) -> list[Session]:
    """Every so many of the set's, or as many of its kind."""
    rows = list(_read(data)) if data.is_file() else list(_drawn(Random(2019)))
    again = [
        (start + timedelta(days=77), end + timedelta(days=77), wh) for start, end, wh in rows if start.month == 1
    ]
    made = []
    for number, (start, end, wh) in enumerate([*rows, *again]):
        operator_id = _SHARES[number % len(_SHARES)]
        made.append(Session(f"S-{number}", operator_id, start, end, wh, operator_id == "OP-D" and number % 3 == 0))
    return made


def _read(data: Path) -> Iterator[tuple[datetime, datetime, int]]:
    with data.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if number % EVERY == 0:
                start, end = (
                    datetime.fromisoformat(row[name]).replace(tzinfo=UTC)
                    for name in ("connectionTime", "disconnectTime")
                )
                yield start, end, int(Decimal(row["kWhDelivered"]) * 1000)


def _drawn(random: Random) -> Iterator[tuple[datetime, datetime, int]]:
    for _ in range(3000 // EVERY):
        start = FIRST + timedelta(days=random.randrange(120), minutes=random.randrange(1440))
        yield start, start + timedelta(minutes=random.randrange(40, 700)), random.randrange(400, 30_000)


def catalogue() -> list[Event]:
    """Five operators with all terms there are, their tariffs, and a roaming partner."""
    sepa = {"holder": "Grachtenlader BV", "iban": "NL91ABNA0417164300", "bic": "ABNANL2A"}
    ach = {"holder": "Arroyo LLC", "account_number": "000123456789", "routing_code": "021000021", "scheme": "ACH"}
    neft = {"holder": "Marina Ltd", "account_number": "000123456789", "routing_code": "HDFC0000123", "scheme": "NEFT"}
    fee = {"percent": "1", "fixed": "0.50", "vat_percent": "21"}
    taxes = [
        {"regime": "IN-194O", "percent": "0.1", "base": "GROSS", "threshold_year": "2000.00", "year_start": "04-01"},
        {"regime": "IN-GST-TCS", "percent": "0.5", "base": "SHARE"},
    ]
    terms: dict[str, Event] = {
        "OP-A": {
            "payout_cutoff_time": "03:00", "payout_business_days_only": True, "payout_delay_days": 2,
            "payout_minimum": "25.00", "payout_reserve_percent": "5", "payout_reserve_days": 10,
            "payout_requires_approval": True,
            "approvals": [{"from": "0", "approvals": 1}, {"from": "12", "approvals": 2}],
            "retain": "4.00", "max_carry_days": 4, "account_change": "CONFIRM", "funding_delays": {"CARD": 1},
            "fund_release": "ON_SETTLEMENT",
        },
        "OP-B": {
            "limits": {"payout": "14.00", "day": "9.00", "instant": "12.00"}, "anomaly_factor": 2, "instant_fee": fee,
            "psp_fee_bearer": "OPERATOR", "time_zone": "America/Los_Angeles", "country_code": "US",
        },
        "OP-C": {
            "withholding": taxes, "fund_release": "ON_SESSION", "time_zone": "Asia/Kolkata", "country_code": "IN",
            "payout_minimum": "100.00",
        },
        "OP-D": {
            "negative": {"warn_days": 5, "write_off_days": 300}, "time_zone": "Europe/Helsinki", "country_code": "FI",
        },
        "OP-E": {"negative": {"warn_days": 3, "write_off_days": 20}, "max_carry_days": 30, "payout_minimum": "5.00"},
    }  # fmt: skip
    accounts = {"EUR": sepa, "USD": ach, "INR": neft}
    made = [partner("ADVANCE", SINCE)]
    for operator_id, currency in CURRENCY.items():
        own: Event = {"currency": currency, "bank_account": accounts[currency], "party_id": f"P{operator_id[-1]}1"}
        made.append(operator(operator_id, time=SINCE, **own | terms[operator_id]))
        place = {"country_code": terms[operator_id].get("country_code", "NL"), "party_id": own["party_id"]}
        made.append(
            tariff(
                operator_id,
                f"T-{operator_id}",
                time=SINCE,
                price=PRICES[currency],
                vat=20,
                currency=currency,
                **place,
            )
        )
    return made


def of_sessions(every: list[Session]) -> Iterator[Event]:
    """Each session, paid by card or accepted by the partner; refunds and charge-backs long after payout."""
    for number, each in enumerate(every):
        cost, end = money(each.gross, CURRENCY[each.operator_id]), each.end
        place: Event = {"operator_id": each.operator_id, "tariff_id": f"T-{each.operator_id}"}
        paid_at = stamp(end + timedelta(minutes=1))
        if each.is_roaming:
            place["token"] = TOKEN
            place["auth_method"] = "AUTH_REQUEST"
        yield started(each.session_id, stamp(each.start), **place)
        yield metered(each.session_id, stamp(each.start + (end - each.start) / 2), each.wh // 2)
        yield ended(each.session_id, stamp(end), each.wh)
        if each.is_roaming:
            cdr = aftermath.cdr_id(each.session_id)
            yield aftermath.cdr_answer("accepted", "DE-ABC", cdr, stamp(end + timedelta(hours=2)))
            if number % 2:
                paid = stamp(end + timedelta(days=30))
                yield aftermath.invoice_paid(f"I-{number}", "DE-ABC", paid, [cdr], cost)
            continue
        yield captured(each.session_id, paid_at, each.gross, "0.10", currency=cost["currency"])
        if number % 17 == 3:
            bearer = ("OPERATOR", "PLATFORM", "SHARED")[number % 3]
            part = money(str((Decimal(each.gross) / 2).quantize(CENT)), cost["currency"])
            if Decimal(part["amount"]):
                at = stamp(end + timedelta(days=20))
                yield aftermath.refunded(f"R-{number}", each.session_id, at, part, bearer)
        elif number % 19 == 4:
            opened = end + timedelta(days=15)
            fee = money("3.00", cost["currency"])
            yield aftermath.disputed(f"D-{number}", each.session_id, stamp(opened), cost, fee)
            outcome = "WON" if number % 2 else "LOST"
            at = stamp(opened + timedelta(days=25))
            yield aftermath.dispute_closed(f"D-{number}", each.session_id, at, outcome)


def settlements(events: list[Event]) -> Iterator[Event]:
    """The provider settles each day's captures of a currency the next morning."""
    days = defaultdict(list)
    for each in events:
        if each["type"] == "payment.captured":
            days[each["time"][:10], each["data"]["amount"]["currency"]].append(each["data"])
    for (day, currency), captures in days.items():
        at = datetime.fromisoformat(f"{day}T06:00:00+00:00") + timedelta(days=1)
        yield aftermath.settled(f"X-{day}-{currency}", stamp(at), "acme-psp", captures)


def bank_lines() -> Iterator[Event]:
    """What the bank takes for itself each month, and money that nobody knows."""
    for number in range(6):
        at = stamp(datetime(2019, 11, 1, tzinfo=UTC) + timedelta(days=30 * number))
        yield bank_line(f"CH-{number}", "4.50", "DEBIT", purpose="CHARGE", at=at)
        yield bank_line(f"UN-{number}", "77.00", at=at)


def invoices() -> Iterator[Event]:
    """The billing system invoices a month at a time, and has it netted."""
    for month in ("2019-11", "2019-12", "2020-02"):
        data: Event = {
            "invoice_id": f"SI-{month}", "operator_id": "OP-C", "net": money("120.00", "INR"),
            "vat": money("21.60", "INR"), "period_from": f"{month}-01", "period_to": f"{month}-28",
            "invoiced_at": f"{month}-03T08:00:00Z", "netting": True,
        }  # fmt: skip
        yield event("saas.invoiced", data["invoice_id"], data["invoiced_at"], data)


def undecided(data: Path) -> list[Event]:
    """All that comes by itself, in the order of time."""
    made = list(of_sessions(sessions(data)))
    made += [*settlements(made), *bank_lines(), *invoices()]
    return sorted(made, key=lambda each: (each["time"], each["id"]))
