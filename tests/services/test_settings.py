"""Settings: by environment variables, checked at once, and an error that names the variable and keeps secrets."""

import os
import ssl
from pathlib import Path

import pytest

from wattledger.errors import SettingsError
from wattledger.settings import default_cache_dir, load_settings
from wattledger.store import Store


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("WATTLEDGER_"):
            monkeypatch.delenv(name)


def test_with_nothing_set_the_services_are_embedded_and_the_bank_account_is_an_example() -> None:
    settings = load_settings()
    assert settings.embedded
    assert settings.data_dir == Path(".wattledger")
    assert settings.batch_max_records == 4000
    assert settings.platform_iban.startswith("DE")
    assert settings.kafka_client_options() == {"security_protocol": "PLAINTEXT"}


def test_an_option_of_the_command_line_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTLEDGER_DATA_DIR", "/var/lib/elsewhere")
    assert load_settings(data_dir=None).data_dir == Path("/var/lib/elsewhere")
    assert load_settings(data_dir=Path("here")).data_dir == Path("here")


def test_heads_are_kept_in_the_data_directory_and_never_with_the_database(tmp_path: Path) -> None:
    assert load_settings(data_dir=tmp_path).head_file_path == tmp_path / "heads.jsonl"
    with pytest.raises(SettingsError, match=r"^WATTLEDGER_HEADS_FILE is .*, in the folder of the database"):
        load_settings(data_dir=tmp_path, heads_file=tmp_path / "other" / ".." / "postgresql" / "heads.jsonl")


def test_a_variable_may_be_written_in_letters_of_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("wattledger_Group_Id", "ours")
    assert load_settings().group_id == "ours"


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", "")
    monkeypatch.setenv("WATTLEDGER_PLATFORM_IBAN", "")
    assert load_settings().embedded


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WATTLEDGER_DATABASE_URL", "mysql://somebody:hunter2@somewhere"),
        ("WATTLEDGER_KAFKA_BOOTSTRAP", "broker-without-port"),
        ("WATTLEDGER_KAFKA_BOOTSTRAP", "broker:99999"),
        ("WATTLEDGER_KAFKA_SECURITY_PROTOCOL", "TLS"),
        ("WATTLEDGER_KAFKA_SASL_MECHANISM", "GUESS"),
        ("WATTLEDGER_KAFKA_SSL_CAFILE", "/nowhere/ca.pem"),
        ("WATTLEDGER_BATCH_MAX_RECORDS", "0"),
        ("WATTLEDGER_BATCH_MAX_RECORDS", "many"),
        ("WATTLEDGER_LOG_LEVEL", "LOUD"),
        ("WATTLEDGER_METRICS_PORT", "65536"),
        ("WATTLEDGER_METRICS_PORT", "http"),
        ("WATTLEDGER_LOG_FORMAT", "xml"),
        ("WATTLEDGER_PLATFORM_IBAN", "DE89370400440532013001"),
        ("WATTLEDGER_PLATFORM_BIC", "COBA"),
        ("WATTLEDGER_PLATFORM_ACCOUNTS", "USD"),
        ("WATTLEDGER_PLATFORM_ACCOUNTS", '{"USD": {"account_number": "7001"}}'),
        ("WATTLEDGER_PLATFORM_ACCOUNTS", '{"USD": {}}'),
        ("WATTLEDGER_PLATFORM_ACCOUNTS", '{"USD": {"iban": "CH9300762011623852958"}}'),
        ("WATTLEDGER_PLATFORM_ACCOUNTS", '{"USD": {"account": "7001"}}'),
        ("WATTLEDGER_PLATFORM_ACCOUNTS", '{"USX": {"iban": "CH9300762011623852957"}}'),
        ("WATTLEDGER_PLATFORM_ACCOUNTS", '{"USD": {"account_number": "7001", "routing_code": "026009594"}}'),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_in_one_line_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"^{variable} ") as refusal:
        load_settings()
    assert "\n" not in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_a_currency_may_have_an_account_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = (
        '{"CHF": {"iban": "CH93 0076 2011 6238 5295 7"}, "USD": {"account_number": "1", "routing_code": "026009593"}}'
    )
    monkeypatch.setenv("WATTLEDGER_PLATFORM_ACCOUNTS", accounts)
    platform = Store("", {}, load_settings()).platform
    assert platform.account_for("CHF").iban == "CH9300762011623852957"
    assert platform.account_for("USD").routing_code == "026009593"
    assert platform.account_for("EUR").iban == load_settings().platform_iban


def test_sasl_needs_its_mechanism_name_and_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTLEDGER_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("WATTLEDGER_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512")
    monkeypatch.setenv("WATTLEDGER_KAFKA_SASL_USERNAME", "ledger")
    with pytest.raises(SettingsError, match="WATTLEDGER_KAFKA_SASL_PASSWORD is not set"):
        load_settings()


def test_a_cluster_with_tls_and_sasl_gets_all_that_a_client_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTLEDGER_KAFKA_BOOTSTRAP", "one.example:9093, two.example:9093")
    monkeypatch.setenv("WATTLEDGER_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("WATTLEDGER_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512")
    monkeypatch.setenv("WATTLEDGER_KAFKA_SASL_USERNAME", "ledger")
    monkeypatch.setenv("WATTLEDGER_KAFKA_SASL_PASSWORD", "hunter2")
    settings = load_settings()
    options = settings.kafka_client_options()
    context = options.pop("ssl_context")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "ledger",
        "sasl_plain_password": "hunter2",
    }
    assert settings.kafka_bootstrap == "one.example:9093,two.example:9093"
    assert "hunter2" not in repr(settings)


def test_a_certificate_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    monkeypatch.setenv("WATTLEDGER_KAFKA_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("WATTLEDGER_KAFKA_SSL_CAFILE", str(tmp_path / "ca.pem"))
    with pytest.raises(SettingsError, match="WATTLEDGER_KAFKA_SSL_CAFILE"):
        load_settings().kafka_client_options()


def test_the_cache_follows_the_conventions_of_the_desktop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "wattledger"
    monkeypatch.setenv("WATTLEDGER_CACHE_DIR", str(tmp_path / "mine"))
    assert default_cache_dir() == load_settings().cache_dir == tmp_path / "mine"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("70000", "WATTLEDGER_METRICS_PORT should be less than or equal to 65535"),
        ("abc", "WATTLEDGER_METRICS_PORT should be a valid integer, unable to parse string as an integer"),
    ],
)
def test_a_number_that_is_none_is_said_in_one_sentence(text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTLEDGER_METRICS_PORT", text)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("issuer", "client", "told"),
    [
        ("https://issuer.example", "us", None),
        ("http://127.0.0.1:9000", "us", None),
        ("http://issuer.example", "us", "WATTLEDGER_OIDC_ISSUER is not https"),
        ("https://issuer.example", "", "WATTLEDGER_OIDC_CLIENT_ID is not set"),
        ("issuer.example", "us", "WATTLEDGER_OIDC_ISSUER is no web address"),
    ],
)
def test_who_vouches_for_people_is_reached_by_tls_and_knows_us(
    monkeypatch: pytest.MonkeyPatch, issuer: str, client: str, told: str | None
) -> None:
    monkeypatch.setenv("WATTLEDGER_OIDC_ISSUER", issuer)
    monkeypatch.setenv("WATTLEDGER_OIDC_CLIENT_ID", client)
    if told is None:
        assert load_settings().oidc_issuer == issuer
    else:
        with pytest.raises(SettingsError, match=told):
            load_settings()
