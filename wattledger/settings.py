"""Settings by WATTLEDGER_* environment variables, checked before anything starts."""

import os
import ssl
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeAlias
from urllib.parse import urlsplit

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
from wattledger.mail_settings import checked_mail_server, checked_sender
from wattledger.ocpi_settings import checked_business, party_of

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


class KafkaLogin(NamedTuple):
    """Who one is to an embedded Kafka, which asks for it in clear text within this machine (SASL_PLAINTEXT)."""

    username: str
    password: str
    mechanism: str = "SCRAM-SHA-256"


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


def _time_zone(text: str) -> str:
    from contracts.values import is_time_zone  # Imported here: most commands need none.

    if not is_time_zone(text):
        raise ValueError("is not an IANA time zone, such as Europe/Berlin")
    return text


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


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("is no web address: write it as https://HOST or https://HOST/PATH")
    return text.rstrip("/")


def _is_private_way(address: str) -> bool:
    """Whether nobody else is on the way to an address: by TLS, or within this machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1", "::1")


def _from_json(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return orjson.loads(given)
    except orjson.JSONDecodeError:
        raise ValueError('is not JSON such as {"USD": {"account_number": "...", "routing_code": "..."}}') from None


_Tiers: TypeAlias = dict[str, list[dict[str, str | int]]]


def _tiers(told: _Tiers) -> _Tiers:
    from domain.catalogue.tiers import tiers_of

    try:
        found = tiers_of(told)
    except (LookupError, TypeError, ValueError, ArithmeticError):
        found = {}
    if len(found) != len(told) or any(people < 1 for tiers in found.values() for _, people in tiers):
        raise ValueError(
            'is not JSON such as {"EUR": [{"from": "0", "approvals": 1}, {"from": "10000", "approvals": 2}]}'
        )
    return told


def _profiles(told: dict[str, str]) -> dict[str, str]:
    if not told:
        return told
    from domain.payout.bank_profiles import EVERY_BANK, PROFILES  # Imported here: most stores name none.

    for place, name in told.items():
        if name not in PROFILES and name != EVERY_BANK:
            known = ", ".join(sorted({*PROFILES, EVERY_BANK} - {""}))
            raise ValueError(f"names {name!r} for {place}, which is no profile of bank files: they are {known}")
    return told


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
    # Where the pages and resources are served; 0 is any port that is free, and nowhere for a whole live system.
    port: int = Field(default=8080, ge=0, le=65_535)
    # How people reach them, where that is by another address: a proxy's, with TLS.
    public_url: Annotated[str, AfterValidator(_web_address)] | None = None
    # Who vouches for people (OpenID Connect), and in which claims it says their role and operators.
    oidc_issuer: Annotated[str, AfterValidator(_web_address)] | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_role_claim: str = Field(default="role", min_length=1)
    oidc_operator_claim: str = Field(default="operators", min_length=1)
    # What seals the secrets of webhooks at rest; a file in the data directory where nothing is said.
    webhook_key: SecretStr | None = None
    # Where mail is handed in, and as whose; without it nobody is told anything by mail.
    smtp_url: Annotated[SecretStr, AfterValidator(checked_mail_server)] | None = None
    mail_from: Annotated[str, AfterValidator(checked_sender)] | None = None
    # What seals the tokens that roaming partners gave us; a file in the data directory where nothing is said.
    secret_key: SecretStr | None = None
    # How many requests a minute a roaming partner may make.
    ocpi_rate_per_minute: int = Field(default=3_000, ge=1, le=1_000_000)
    # How long lies at least between two pushes of a session that runs on.
    ocpi_session_push_s: float = Field(default=60, ge=0, le=86_400)
    # The party that the platform itself is, which stands for all operators where partners send to it.
    ocpi_own_party: Annotated[str, AfterValidator(party_of)] | None = None
    # What credentials say of operators beside their names: website and logo, by operator, or of all by "".
    ocpi_business: Annotated[
        dict[str, dict[str, str]], BeforeValidator(_from_json), AfterValidator(checked_business)
    ] = Field(default_factory=dict)
    # Whether webhooks and requests to partners may go into private networks, and without TLS: for tests.
    allow_private_targets: bool = False
    log_format: Annotated[Literal["text", "json"], BeforeValidator(_log_format)] = "text"
    # What a process calls itself in its logs; its command where nothing is said.
    piece: str | None = Field(default=None, max_length=64)

    holiday_file: Path | None = None
    # What no connector gives, where none is published: more energy than that is not billed.
    power_max_kw: int = Field(default=1_000, ge=1, le=100_000)
    # What becomes of a run that takes client money below zero: it is made and told, or it waits.
    cover: Literal["WARN", "STOP"] = "WARN"
    # By currency, from which amount on how many people approve a payout that waits for it, where terms say nothing.
    approvals: Annotated[
        dict[str, list[dict[str, str | int]]], BeforeValidator(_from_json), AfterValidator(_tiers)
    ] = Field(default_factory=dict)
    account_cooling_off_hours: int = Field(default=24, ge=0, le=720)
    # Where heads of the chain over stored events are kept, out of the database's reach, and after how many events at
    # the latest another one is; `heads.jsonl` in the data directory where nothing is said.
    heads_file: Path | None = None
    heads_every: int = Field(default=10_000, ge=1)
    # Where anchors of the book are kept, out of the database's reach, how long there may be entries in none, and the
    # private key that signs them; `anchors.jsonl` and `anchor-keys/signing.pem` in the data directory otherwise.
    anchors_file: Path | None = None
    anchors_every_s: float = Field(default=600, ge=1, le=86_400)
    anchor_key: Path | None = None
    # A hold that keeps money of an operator for longer is told.
    hold_max_age_days: int = Field(default=180, ge=1, le=3650)

    # Where months of the book end, by its IANA name; fixed by the first close.
    book_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"

    # Whose decisions count: the public keys (a JSON Web Key Set, or the path of one), and the private one that signs
    # here. Both are kept below the data directory where nothing is said.
    decision_keys: str | None = None
    decision_signing_key: Path | None = None

    platform_name: str = Field(default="WattLedger Demo Platform", min_length=1, max_length=70)
    platform_iban: Annotated[str, AfterValidator(_well_formed_iban)] = _EXAMPLE_IBAN
    platform_bic: Annotated[str, AfterValidator(_well_formed_bic)] = _EXAMPLE_BIC
    platform_account_number: str = Field(default="000123456789", min_length=1, max_length=34)
    platform_routing_code: str = Field(default="021000021", min_length=1, max_length=35)
    # By what the ACH knows the platform: a digit and nine more, most often of its tax number.
    platform_company_id: str = Field(default="1234567890", pattern=r"^[0-9A-Z]{10}$")
    # How banks take orders, by country of the operator or by currency, where terms say nothing.
    bank_profiles: Annotated[dict[str, str], BeforeValidator(_from_json), AfterValidator(_profiles)] = Field(
        default_factory=dict
    )
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
    def _issuer_is_whole(self) -> Self:
        if self.oidc_issuer is not None and self.oidc_client_id is None:
            raise ValueError(f"{ENV_PREFIX}OIDC_CLIENT_ID is not set and {ENV_PREFIX}OIDC_ISSUER needs it")
        if self.oidc_issuer is not None and not _is_private_way(self.oidc_issuer):
            raise ValueError(f"{ENV_PREFIX}OIDC_ISSUER is not https, so that anybody on the way could vouch")
        return self

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        for name in ("mail_from", "public_url") if self.smtp_url is not None else ():
            if getattr(self, name) is None:
                raise ValueError(
                    f"{ENV_PREFIX}{name.upper()} is not set and {ENV_PREFIX}SMTP_URL needs it: mail says who sends "
                    "it, and has a link that ends it"
                )
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
    def _heads_are_elsewhere(self) -> Self:
        for name, path in (("heads", self.head_file_path), ("anchors", self.anchor_file_path)):
            if path.resolve().is_relative_to((self.data_dir / "postgresql").resolve()):
                raise ValueError(
                    f"{ENV_PREFIX}{name.upper()}_FILE is {path}, in the folder of the database: whoever changes that "
                    f"would change the {name} with it; name a file elsewhere"
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
    def head_file_path(self) -> Path:
        """The file that heads of the chain are kept in."""
        return self.heads_file or self.data_dir / "heads.jsonl"

    @property
    def anchor_file_path(self) -> Path:
        """The file that anchors of the book are kept in."""
        return self.anchors_file or self.data_dir / "anchors.jsonl"

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

    def let_in(self, login: KafkaLogin) -> Self:
        """These settings with the login of an embedded Kafka, whatever was set for other brokers."""
        return self.model_copy(
            update={
                "kafka_security_protocol": SecurityProtocol.SASL_PLAINTEXT,
                "kafka_sasl_mechanism": login.mechanism,
                "kafka_sasl_username": login.username,
                "kafka_sasl_password": SecretStr(login.password),
            }
        )

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
