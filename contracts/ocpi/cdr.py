"""The OCPI 2.2.1 CDR as we emit it, with every field, length and enum (mod_cdrs), and what 2.3.0 shares with it.

Stricter than what we read: unknown fields are refused, numbers are JSON numbers, times are UTC with `Z` in at most 25
characters. `#NA` stands for what a session lacks (mod_cdrs, CdrLocation; here also for the connector's enums).
"""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Literal

import pycountry
from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.config import JsonDict

from contracts.amounts import Currency, parse_number
from contracts.ocpi.tariff import Tariff
from contracts.ocpi.values import GeoLocation, OcpiId, OcpiText, json_number, parse_date_time
from contracts.sessions import AuthMethod, TokenType
from contracts.values import AtLeastOne, Country, Many, PartyId, Wire, bad_value, format_time, wrong_type

MAX_DATE_TIME_CHARS = 25
MAX_NORMAL_ID_CHARS = 36
NOT_AVAILABLE = "#NA"

CdrDimensionType = Literal[
    "ENERGY",
    "MAX_CURRENT",
    "MIN_CURRENT",
    "MAX_POWER",
    "MIN_POWER",
    "PARKING_TIME",
    "RESERVATION_TIME",
    "TIME",
]
ConnectorFormat = Literal["SOCKET", "CABLE", "#NA"]
PowerType = Literal["AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC", "#NA"]
# fmt: off
CONNECTOR_TYPES = frozenset({
    "CHADEMO", "CHAOJI", "DOMESTIC_A", "DOMESTIC_B", "DOMESTIC_C", "DOMESTIC_D", "DOMESTIC_E", "DOMESTIC_F",
    "DOMESTIC_G", "DOMESTIC_H", "DOMESTIC_I", "DOMESTIC_J", "DOMESTIC_K", "DOMESTIC_L", "DOMESTIC_M",
    "DOMESTIC_N", "DOMESTIC_O", "GBT_AC", "GBT_DC", "IEC_60309_2_single_16", "IEC_60309_2_three_16",
    "IEC_60309_2_three_32", "IEC_60309_2_three_64", "IEC_62196_T1", "IEC_62196_T1_COMBO", "IEC_62196_T2",
    "IEC_62196_T2_COMBO", "IEC_62196_T3A", "IEC_62196_T3C", "NEMA_5_20", "NEMA_6_30", "NEMA_6_50", "NEMA_10_30",
    "NEMA_10_50", "NEMA_14_30", "NEMA_14_50", "PANTOGRAPH_BOTTOM_UP", "PANTOGRAPH_TOP_DOWN", "TESLA_R",
    "TESLA_S",
})
# fmt: on


def _json_number_only(value: object) -> Decimal:
    if type(value) is str:
        raise wrong_type("must be a JSON number")
    return parse_number(value)


def _parse_short_utc(value: object) -> datetime:
    if not isinstance(value, str) or not value.endswith("Z") or len(value) > MAX_DATE_TIME_CHARS:
        raise bad_value(f"must be UTC with Z, in at most {MAX_DATE_TIME_CHARS} characters")
    return parse_date_time(value)


def _known_standard(value: str) -> str:
    if value != NOT_AVAILABLE and value not in CONNECTOR_TYPES:
        raise bad_value("is not an OCPI 2.2.1 ConnectorType")
    return value


@lru_cache(maxsize=512)
def _is_country(code: str) -> bool:
    return pycountry.countries.get(alpha_3=code) is not None


def _known_country(code: str) -> str:
    if not _is_country(code):
        raise bad_value("is not an ISO 3166 alpha-3 country code")
    return code


CdrNumber = Annotated[
    Decimal,
    PlainValidator(_json_number_only, json_schema_input_type=int | float),
    PlainSerializer(json_number, return_type=int | float, when_used="json"),
]
UtcDateTime = Annotated[
    datetime,
    PlainValidator(_parse_short_utc),
    PlainSerializer(format_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": "Z$", "maxLength": MAX_DATE_TIME_CHARS}),
]
CdrId = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7E]{1,39}$")]
EvseId = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7E]{1,48}$")]
Text45 = Annotated[str, StringConstraints(max_length=45)]
ConnectorType = Annotated[
    str,
    AfterValidator(_known_standard),
    Field(json_schema_extra={"enum": [*sorted(CONNECTOR_TYPES), NOT_AVAILABLE]}),
]
CountryAlpha3 = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), AfterValidator(_known_country)]


class Exact(Wire):
    """An object that has its known fields and no other."""

    model_config = ConfigDict(extra="forbid")


class CdrPrice(Exact):
    """A cost in major units; negative in a credit CDR's total (OCPI types, Price)."""

    excl_vat: CdrNumber
    incl_vat: CdrNumber | None = None


class CdrToken(Exact):
    """The token that started the session."""

    country_code: Country
    party_id: PartyId
    uid: OcpiId
    type: TokenType
    contract_id: OcpiId


class CdrPlace(Exact):
    """Where the session was, as it was when it began; all but the connector's standard."""

    id: OcpiId
    name: OcpiText | None = None
    address: Text45
    city: Text45
    postal_code: Annotated[str, StringConstraints(max_length=10)] | None = None
    state: Annotated[str, StringConstraints(max_length=20)] | None = None
    country: CountryAlpha3
    coordinates: GeoLocation
    evse_uid: OcpiId
    evse_id: EvseId
    connector_id: OcpiId
    connector_format: ConnectorFormat
    connector_power_type: PowerType


class CdrLocation(CdrPlace):
    """Where the session was, with a connector that OCPI 2.2.1 knows."""

    connector_standard: ConnectorType


class CdrDimension(Exact):
    """A volume: kWh, hours, kW or A, by its type."""

    type: CdrDimensionType
    volume: CdrNumber


class CdrPeriod(Exact):
    """What was consumed until the next period starts, or the session ends."""

    start_date_time: UtcDateTime
    dimensions: AtLeastOne[CdrDimension]
    tariff_id: OcpiId | None = None


class SignedValue(Exact):
    """One signed meter value."""

    nature: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    plain_data: Annotated[str, StringConstraints(max_length=5000)]
    signed_data: Annotated[str, StringConstraints(max_length=5000)]


class SignedData(Exact):
    """Signed meter values of the session (calibration law)."""

    encoding_method: OcpiId
    encoding_method_version: int | None = None
    public_key: Annotated[str, StringConstraints(max_length=512)] | None = None
    signed_values: AtLeastOne[SignedValue]
    url: Annotated[str, StringConstraints(max_length=512)] | None = None


# A credit CDR names the CDR that it takes back, and no other does; its id has room for what is put behind that one's.
_CREDIT_RULES: JsonDict = {
    "if": {"properties": {"credit": {"const": True}}, "required": ["credit"]},
    "then": {"properties": {"credit_reference_id": {"type": "string"}}, "required": ["credit_reference_id"]},
    "else": {
        "properties": {"credit_reference_id": {"type": "null"}, "id": {"maxLength": MAX_NORMAL_ID_CHARS}},
    },
}


class CdrTerms(Exact):
    """The fields that CDRs of OCPI 2.2.1 and 2.3.0 share: all but prices, tariffs and the place."""

    model_config = ConfigDict(json_schema_extra=_CREDIT_RULES)

    country_code: Country
    party_id: PartyId
    id: CdrId
    start_date_time: UtcDateTime
    end_date_time: UtcDateTime
    session_id: OcpiId | None = None
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: OcpiId | None = None
    meter_id: OcpiText | None = None
    currency: Currency
    charging_periods: AtLeastOne[CdrPeriod]
    signed_data: SignedData | None = None
    total_energy: CdrNumber
    total_time: CdrNumber
    total_parking_time: CdrNumber | None = None
    remark: OcpiText | None = None
    invoice_reference_id: CdrId | None = None
    credit: bool | None = None
    credit_reference_id: CdrId | None = None
    home_charging_compensation: bool | None = None
    last_updated: UtcDateTime

    @model_validator(mode="after")
    def _credit_names_what_it_takes_back(self) -> "CdrTerms":
        if self.credit and self.credit_reference_id is None:
            raise bad_value("is missing in a credit CDR", "credit_reference_id")
        if not self.credit and self.credit_reference_id is not None:
            raise bad_value("stands in a CDR that is no credit", "credit_reference_id")
        if not self.credit and len(self.id) > MAX_NORMAL_ID_CHARS:
            raise bad_value(f"has more than {MAX_NORMAL_ID_CHARS} characters in a CDR that is no credit", "id")
        return self

    @model_validator(mode="after")
    def _periods_follow_each_other_within_the_session(self) -> "CdrTerms":
        starts = [period.start_date_time for period in self.charging_periods]
        if starts != sorted(starts):
            raise bad_value("are not in order of time", "charging_periods")
        if not self.start_date_time <= starts[0] or not starts[-1] <= self.end_date_time:
            raise bad_value("start outside the session", "charging_periods")
        return self


class Cdr(CdrTerms):
    """A charge detail record; with `credit`, the record that takes another one back whole."""

    cdr_location: CdrLocation
    tariffs: Many[Tariff] | None = None
    total_cost: CdrPrice
    total_fixed_cost: CdrPrice | None = None
    total_energy_cost: CdrPrice | None = None
    total_time_cost: CdrPrice | None = None
    total_parking_cost: CdrPrice | None = None
    total_reservation_cost: CdrPrice | None = None

    @model_validator(mode="after")
    def _credit_is_not_above_zero(self) -> "Cdr":
        if self.credit and self.total_cost.excl_vat > 0:
            raise bad_value("is above zero in a credit CDR", "total_cost.excl_vat")
        return self
