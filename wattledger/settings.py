"""Settings by WATTLEDGER_* environment variables, checked before anything starts."""

import os
import ssl
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from wattledger.errors import SettingsError

ENV_PREFIX = "WATTLEDGER_"

# The example account of the IBAN registry's documentation: well-formed, and nobody's.
_EXAMPLE_IBAN = "DE89370400440532013000"
_EXAMPLE_BIC = "COBADEFFXXX"

# Events are appended by one transaction at a time, so that more processes than this wait for each other.
_PROCESSES_MAX = 4


class SecurityProtocol(StrEnum):
    """How clients talk to the brokers, by Kafka's own names."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def encrypted(self) -> bool:
        """Whether the connection is TLS."""
        return self in (SecurityProtocol.SSL, SecurityProtocol.SASL_SSL)

    @property
    def authenticated(self) -> bool:
        """Whether the client names itself by SASL."""
        return self in (SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL)


def default_cache_dir() -> Path:
    """Where downloaded jars are kept: `$XDG_CACHE_HOME/wattledger`, by default `~/.cache/wattledger`."""
    chosen = os.environ.get(f"{ENV_PREFIX}CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wattledger"


def _well_formed_iban(text: str) -> str:
    compact = text.replace(" ", "").upper()
    if compact != _EXAMPLE_IBAN:
        from schwifty import IBAN  # Imported here: it loads every country's banks.

        if not IBAN(compact, allow_invalid=True).is_valid:
            raise ValueError("is not a valid IBAN; check its length and check digits")
    return compact


def _well_formed_bic(text: str) -> str:
    compact = text.replace(" ", "").upper()
    if compact != _EXAMPLE_BIC:
        from schwifty import BIC

        if not BIC(compact, allow_invalid=True).is_valid:
            raise ValueError("is not a valid BIC; it has 8 or 11 characters")
    return compact


def _postgres_url(text: str) -> str:
    if not text.startswith(("postgresql://", "postgres://")) and "=" not in text:
        raise ValueError("is neither postgresql://USER:PASSWORD@HOST:PORT/DATABASE nor libpq's key=value form")
    return text


def _broker_addresses(text: str) -> str:
    for address in text.split(","):
        host, _, port = address.strip().rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise ValueError("is a list of HOST:PORT separated by commas")
    return text.replace(" ", "")


def _from_json(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return orjson.loads(given)
    except orjson.JSONDecodeError:
        raise ValueError('is not JSON such as {"USD": {"account_number": "...", "routing_code": "..."}}') from None


def _log_format(given: Any) -> Any:
    if given not in ("text", "json"):
        raise ValueError(f"is {given!r}: set it to text or json")
    return given


class CurrencyAccount(BaseModel):
    """The platform's account for one currency: `iban` (and `bic`), `account_number` with `routing_code`, or both."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    iban: Annotated[str, AfterValidator(_well_formed_iban)] | None = None
    bic: Annotated[str, AfterValidator(_well_formed_bic)] | None = None
    account_number: str | None = Field(default=None, min_length=1, max_length=34)
    routing_code: str | None = Field(default=None, min_length=1, max_length=35)

    @model_validator(mode="after")
    def _is_an_account(self) -> Self:
        if (self.account_number is None) != (self.routing_code is None):
            raise ValueError("needs account_number and routing_code together")
        if self.iban is None and self.account_number is None:
            raise ValueError("names no account: give iban, or account_number and routing_code")
        return self


def _processors() -> int:
    """As many as this process may use, but no more than one committing writer of events keeps busy."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(usable or 1, _PROCESSES_MAX)


class Settings(BaseModel):
    """Everything that can be set; each field is the variable of that name behind `WATTLEDGER_`."""

    model_config = ConfigDict(extra="ignore", frozen=True, validate_default=True)

    database_url: Annotated[str, AfterValidator(_postgres_url)] | None = None
    kafka_bootstrap: Annotated[str, AfterValidator(_broker_addresses)] | None = None

    kafka_security_protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_cafile: Path | None = None
    kafka_ssl_certfile: Path | None = None
    kafka_ssl_keyfile: Path | None = None

    group_id: str = Field(default="wattledger", min_length=1, max_length=249)
    data_dir: Path = Path(".wattledger")
    cache_dir: Path = Field(default_factory=default_cache_dir)
    batch_max_records: int = Field(default=4000, ge=1, le=100_000)
    processes: int = Field(default_factory=_processors, ge=1, le=64)
    # A process of its own takes most of a second to start, which is worth it for this many records.
    backlog_per_process: int = Field(default=10_000, ge=1)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # Where pieces answer probes and Prometheus: nowhere unless set, 0 being any port that is free.
    metrics_port: int | None = Field(default=None, ge=0, le=65_535)
    metrics_host: str = Field(default="127.0.0.1", min_length=1)
    log_format: Annotated[Literal["text", "json"], BeforeValidator(_log_format)] = "text"
    # What a process calls itself in its logs; its command where nothing is said.
    piece: str | None = Field(default=None, max_length=64)

    holiday_file: Path | None = None
    # What no connector gives, where none is published: more energy than that is not billed.
    power_max_kw: int = Field(default=1_000, ge=1, le=100_000)
    # What becomes of a run that takes client money below zero: it is made and told, or it waits.
    cover: Literal["WARN", "STOP"] = "WARN"

    platform_name: str = Field(default="WattLedger Demo Platform", min_length=1, max_length=70)
    platform_iban: Annotated[str, AfterValidator(_well_formed_iban)] = _EXAMPLE_IBAN
    platform_bic: Annotated[str, AfterValidator(_well_formed_bic)] = _EXAMPLE_BIC
    platform_account_number: str = Field(default="000123456789", min_length=1, max_length=34)
    platform_routing_code: str = Field(default="021000021", min_length=1, max_length=35)
    platform_accounts: Annotated[dict[str, CurrencyAccount], BeforeValidator(_from_json)] = Field(
        default_factory=dict
    )

    @model_validator(mode="before")
    @classmethod
    def _read_environment(cls, given: dict[str, Any]) -> dict[str, Any]:
        """What is not given comes from its variable, in letters of any case; an empty one counts as not set."""
        variables = {name.lower(): text for name, text in os.environ.items() if text}
        named = {field: f"{ENV_PREFIX}{field}".lower() for field in cls.model_fields}
        return {field: variables[name] for field, name in named.items() if name in variables} | given

    @model_validator(mode="after")
    def _sasl_is_whole(self) -> Self:
        if self.kafka_security_protocol.authenticated:
            for name in ("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password"):
                if getattr(self, name) is None:
                    protocol = self.kafka_security_protocol.value
                    raise ValueError(f"{ENV_PREFIX}{name.upper()} is not set and {protocol} needs it")
        return self

    @model_validator(mode="after")
    def _accounts_are_of_currencies(self) -> Self:
        if not self.platform_accounts:
            return self
        from contracts.currencies import EXPONENT_OF  # Imported here: most stores have one account.
        from contracts.routing_numbers import is_routing_number

        for currency, account in self.platform_accounts.items():
            if currency not in EXPONENT_OF:
                raise ValueError(f"{ENV_PREFIX}PLATFORM_ACCOUNTS names {currency}, which is no ISO 4217 currency")
            if currency == "USD" and account.routing_code and not is_routing_number(account.routing_code):
                raise ValueError(
                    f"{ENV_PREFIX}PLATFORM_ACCOUNTS has {account.routing_code} for USD, which is no routing number"
                )
        return self

    @model_validator(mode="after")
    def _tls_files_exist(self) -> Self:
        for name in ("kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile"):
            path = getattr(self, name)
            if path is not None and not path.is_file():
                raise ValueError(f"{ENV_PREFIX}{name.upper()} names {path}, which is no file")
        return self

    @property
    def embedded(self) -> bool:
        """Whether any service is started by us because no other is configured."""
        return self.database_url is None or self.kafka_bootstrap is None

    def kafka_client_options(self) -> dict[str, Any]:
        """The keyword arguments that any aiokafka client needs to be let in; the addresses are not among them.

        Raises:
            SettingsError: a certificate or key cannot be read.
        """
        options: dict[str, Any] = {"security_protocol": self.kafka_security_protocol.value}
        if self.kafka_security_protocol.encrypted:
            options["ssl_context"] = self.kafka_ssl_context()
        if self.kafka_security_protocol.authenticated and self.kafka_sasl_password is not None:
            options["sasl_mechanism"] = self.kafka_sasl_mechanism
            options["sasl_plain_username"] = self.kafka_sasl_username
            options["sasl_plain_password"] = self.kafka_sasl_password.get_secret_value()
        return options

    def kafka_ssl_context(self) -> ssl.SSLContext:
        """TLS that checks the brokers' names, with the configured authority and client certificate if any.

        Raises:
            SettingsError: a certificate or key cannot be read.
        """
        try:
            context = ssl.create_default_context(cafile=self.kafka_ssl_cafile)
            if self.kafka_ssl_certfile is not None:
                context.load_cert_chain(self.kafka_ssl_certfile, self.kafka_ssl_keyfile)
        except (OSError, ssl.SSLError) as error:
            names = f"{ENV_PREFIX}KAFKA_SSL_CAFILE, _CERTFILE or _KEYFILE"
            raise SettingsError(
                f"{names}: not PEM, or key and certificate do not belong together: {error}"
            ) from error
        return context


def load_settings(**overrides: Any) -> Settings:
    """Reads the environment; `overrides` (from command-line options) come first, None meaning not given.

    Raises:
        SettingsError: a variable cannot be used; the message names it and never shows a password.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None


def _one_line(error: ValidationError) -> str:
    problems = []
    for problem in error.errors(include_input=False, include_url=False):
        sentence = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        variable = f"{ENV_PREFIX}{str(problem['loc'][0]).upper()}" if problem["loc"] else ""
        problems.append(f"{variable} {sentence}".strip())
    return "; ".join(problems)
