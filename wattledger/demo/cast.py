"""Who takes part in the demo: seven operators in seven countries and two roaming partners, all of them invented."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from domain.calendar import zone
from wattledger.demo.messages import stamp

AC_CAR_W = (3_700, 7_400, 7_400, 11_000, 11_000, 11_000)
AC, DC = "AC", "DC"


@dataclass(frozen=True, slots=True)
class Site:
    """A location: `kind` AC or DC, the power of each of its connectors, and the tariff that hangs out there."""

    location_id: str
    name: str
    address: str
    city: str
    postal_code: str
    latitude: str
    longitude: str
    kind: str
    power_w: int
    tariff_id: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A payment provider and its fee: a percentage in hundredths, and minor units for each payment."""

    name: str
    fee_hundredths: int
    fee_each: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """An operator as it signs on; `traffic` is its part of a hundred sessions, `partner` who roams there."""

    operator_id: str
    name: str
    country: str
    country3: str
    party: str
    time_zone: str
    currency: str
    vat: int
    commission: Mapping[str, str]
    bearer: str
    release: str
    payout: Mapping[str, Any]
    bank_account: Mapping[str, str]
    provider: Provider
    sites: tuple[Site, ...]
    traffic: int
    partner: str | None = None
    orphan_hours: int | None = None

    @property
    def zone(self) -> ZoneInfo:
        """Where its business dates are counted."""
        return zone(self.time_zone)

    def registration(self, effective_from: Any, **changed: Any) -> dict[str, Any]:
        """The data of `operator.registered`, or of `operator.changed` with what changed."""
        data: dict[str, Any] = {
            "operator_id": self.operator_id,
            "name": self.name,
            "country_code": self.country,
            "party_id": self.party,
            "time_zone": self.time_zone,
            "currency": self.currency,
            "effective_from": stamp(effective_from),
            "commission": dict(self.commission),
            "psp_fee_bearer": self.bearer,
            "fund_release": self.release,
            "payout": dict(self.payout),
            "bank_account": dict(self.bank_account),
        }
        if self.orphan_hours is not None:
            data["orphan_hours"] = self.orphan_hours
        return data | changed


@dataclass(frozen=True, slots=True)
class Roamer:
    """A roaming partner; its drivers pay it, and it pays the platform."""

    country: str
    party: str
    name: str
    currency: str
    funding: str
    fee: Mapping[str, str] = field(default_factory=lambda: {"percent": "3", "per_session": "0.00"})

    @property
    def partner(self) -> str:
        """As it is written everywhere: `DE-RHV`."""
        return f"{self.country}-{self.party}"


def _terms(cutoff: str, delay_days: int, minimum: str, **others: Any) -> dict[str, Any]:
    terms = {
        "cutoff_time": cutoff,
        "business_days_only": False,
        "delay_days": delay_days,
        "minimum": minimum,
        "reserve_percent": "0",
        "reserve_days": 0,
        "requires_approval": False,
    }
    return terms | others


def _commission(percent: str, per_session: str, vat_percent: str) -> dict[str, str]:
    return {"percent": percent, "per_session": per_session, "vat_percent": vat_percent}


_EURO_PROVIDER = Provider("lowlands-pay", 140, 10)

WADDEN = Player(
    operator_id="OP-NL",
    name="Waddenstroom Laden BV",
    country="NL",
    country3="NLD",
    party="WDN",
    time_zone="Europe/Amsterdam",
    currency="EUR",
    vat=21,
    commission=_commission("7.5", "0.10", "21"),
    bearer="PLATFORM",
    release="ON_SETTLEMENT",
    payout=_terms("03:00", 1, "25.00"),
    bank_account={"holder": "Waddenstroom Laden BV", "iban": "NL34WDDN0417164301", "bic": "WDDNNL2A"},
    provider=_EURO_PROVIDER,
    sites=(
        Site("NL-HAVEN", "Havenkade", "Havenkade 12", "Harlingen", "8861 XA", "53.1746", "5.4125", AC, 22_000, "DAY"),
        Site(
            "NL-A7", "Afsluitdijk", "Rijksweg A7 4", "Den Oever", "1779 GS", "52.9345", "5.0312", DC, 150_000, "FAST"
        ),
    ),
    traffic=27,
    partner="DE-RHV",
    orphan_hours=36,
)
NECKAR = Player(
    operator_id="OP-DE",
    name="Neckarlicht Ladeparks GmbH",
    country="DE",
    country3="DEU",
    party="NKL",
    time_zone="Europe/Berlin",
    currency="EUR",
    vat=19,
    commission=_commission("6", "0.15", "19"),
    bearer="OPERATOR",
    release="ON_CAPTURE",
    payout=_terms("00:00", 1, "50.00", business_days_only=True, reserve_percent="5", reserve_days=7),
    bank_account={"holder": "Neckarlicht Ladeparks GmbH", "iban": "DE03999301004711081500", "bic": "NKLBDES1"},
    provider=_EURO_PROVIDER,
    sites=(
        Site(
            "DE-MARKT", "Marktgarage", "Marktplatz 3", "Esslingen", "73728", "48.7420", "9.3050", AC, 11_000, "CITY"
        ),
        Site(
            "DE-A81", "Raststatt A81", "An der A81 1", "Weinsberg", "74189", "49.1520", "9.2880", DC, 150_000, "FAST"
        ),
    ),
    traffic=22,
    partner="DE-RHV",
)
SKARGARD = Player(
    operator_id="OP-SE",
    name="Skärgårdsladd AB",
    country="SE",
    country3="SWE",
    party="SKL",
    time_zone="Europe/Stockholm",
    currency="SEK",
    vat=25,
    commission=_commission("8", "1.00", "25"),
    bearer="PLATFORM",
    release="ON_SESSION",
    payout=_terms("02:30", 1, "250.00"),
    bank_account={"holder": "Skärgårdsladd AB", "iban": "SE2799900005812345678906", "bic": "SKLBSESS"},
    provider=Provider("nordlys-pay", 150, 100),
    sites=(
        Site("SE-BRYGGA", "Bryggan", "Sjögatan 7", "Nynäshamn", "149 30", "58.9034", "17.9479", AC, 22_000, "BOAT"),
        Site("SE-E4", "Rasta E4", "Motorvägen 2", "Nyköping", "611 38", "58.7530", "17.0086", DC, 150_000, "FAST"),
    ),
    traffic=16,
    partner="SE-NRD",
)
PENNINE = Player(
    operator_id="OP-GB",
    name="Pennine Charge Ltd",
    country="GB",
    country3="GBR",
    party="PNC",
    time_zone="Europe/London",
    currency="GBP",
    vat=20,
    commission=_commission("9", "0.00", "20"),
    bearer="OPERATOR",
    release="ON_CAPTURE",
    payout=_terms("02:00", 0, "20.00"),
    bank_account={
        "holder": "Pennine Charge Ltd",
        "account_number": "31926819",
        "routing_code": "991234",
        "scheme": "FPS",
    },
    provider=Provider("albion-pay", 150, 10),
    sites=(
        Site(
            "GB-M62",
            "Moorside Hub",
            "Moor Lane 1",
            "Saddleworth",
            "OL3 5LR",
            "53.5480",
            "-2.0050",
            DC,
            100_000,
            "HUB",
        ),
    ),
    traffic=14,
)
MESA = Player(
    operator_id="OP-US",
    name="Mesa Alta Charging LLC",
    country="US",
    country3="USA",
    party="MSA",
    time_zone="America/Denver",
    currency="USD",
    vat=0,
    commission=_commission("8", "0.15", "0"),
    bearer="PLATFORM",
    release="ON_SETTLEMENT",
    payout=_terms("00:00", 0, "75.00", reserve_percent="10", reserve_days=5),
    bank_account={
        "holder": "Mesa Alta Charging LLC",
        "account_number": "000987654321",
        "routing_code": "990000990",
        "scheme": "ACH",
    },
    provider=Provider("rockies-pay", 290, 30),
    sites=(
        Site(
            "US-MAIN", "Main St Garage", "410 Main St", "Durango", "81301", "37.2753", "-107.8801", AC, 11_000, "FLEX"
        ),
        Site("US-550", "Highway 550", "22 Hwy 550", "Ridgway", "81432", "38.1525", "-107.7562", DC, 150_000, "FAST"),
    ),
    traffic=12,
)
KAVERI = Player(
    operator_id="OP-IN",
    name="Kaveri Volt Pvt Ltd",
    country="IN",
    country3="IND",
    party="KVV",
    time_zone="Asia/Kolkata",
    currency="INR",
    vat=18,
    commission=_commission("10", "2.00", "18"),
    bearer="PLATFORM",
    release="ON_SESSION",
    payout=_terms("04:30", 0, "500.00"),
    bank_account={
        "holder": "Kaveri Volt Pvt Ltd",
        "account_number": "00110022003300",
        "routing_code": "KVVB0000123",
        "scheme": "NEFT",
    },
    provider=Provider("indus-pay", 200, 0),
    sites=(
        Site(
            "IN-ORR",
            "Ring Road Plaza",
            "Outer Ring Rd 88",
            "Bengaluru",
            "560103",
            "12.9352",
            "77.6970",
            DC,
            60_000,
            "CITY",
        ),
    ),
    traffic=6,
)
SAGAMI = Player(
    operator_id="OP-JP",
    name="Sagami Juden KK",
    country="JP",
    country3="JPN",
    party="SGJ",
    time_zone="Asia/Tokyo",
    currency="JPY",
    vat=10,
    commission=_commission("12", "20", "10"),
    bearer="OPERATOR",
    release="ON_CAPTURE",
    payout=_terms("00:00", 2, "1500"),
    bank_account={
        "holder": "Sagami Juden KK",
        "account_number": "1234567",
        "routing_code": "9991001",
        "scheme": "ZENGIN",
    },
    provider=Provider("sakura-pay", 325, 0),
    sites=(
        Site(
            "JP-STN", "Station East", "Ekimae 2-1", "Odawara", "250-0045", "35.2560", "139.1550", DC, 50_000, "FAST"
        ),
    ),
    traffic=3,
)
PLAYERS = (WADDEN, NECKAR, SKARGARD, PENNINE, MESA, KAVERI, SAGAMI)

ROAMERS = (
    Roamer("DE", "RHV", "Rheinvolt Mobility GmbH", "EUR", "ADVANCE"),
    Roamer("SE", "NRD", "Norrdrive AB", "SEK", "PAY_WHEN_PAID"),
)
