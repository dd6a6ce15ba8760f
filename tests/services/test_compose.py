"""compose.yaml: valid by the Compose specification, whole in itself, and safe by default."""

import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.services.observing import PROJECT_ROOT
from wattledger.embedded.jars import KAFKA_VERSION
from wattledger.settings import ENV_PREFIX, Settings

FILE = PROJECT_ROOT / "compose.yaml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
# What a container has no use for: folders and services of a machine, how its processors are shared, another name.
NOT_PASSED = {
    f"{ENV_PREFIX}{name}"
    for name in ("DATA_DIR", "CACHE_DIR", "BATCH_MAX_RECORDS", "PROCESSES", "BACKLOG_PER_PROCESS", "PIECE", "PORT")
}
ENGINE = {name: service for name, service in SERVICES.items() if "build" in service}


def test_it_is_valid_by_the_schema_of_the_compose_specification() -> None:
    arguments = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    checked = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_runs_the_same_versions_as_the_embedded_services() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert SERVICES["postgres"]["image"].startswith("postgres:18.")


def test_every_long_running_service_has_a_health_check_and_comes_back() -> None:
    for name, service in SERVICES.items():
        if name != "migrate":
            assert service["healthcheck"]["test"][0] == "CMD", name
            assert service["restart"] == "unless-stopped", name


def test_the_engine_waits_for_healthy_services_and_for_the_schema() -> None:
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in SERVICES, name
            is_one_off = needed == "migrate"
            assert how["condition"] == ("service_completed_successfully" if is_one_off else "service_healthy")
    assert set(ENGINE) == {"migrate", "consume", "project", "payouts", "load", "serve", "webhooks"}


def test_ports_are_open_to_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_variable_it_sets_is_a_setting_of_the_engine() -> None:
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for service in ENGINE.values():
        assert set(service["environment"]) <= known
    assert known - set(ENGINE["consume"]["environment"]) == NOT_PASSED
    tls_and_sasl = {name for name in known if "_SASL_" in name or "_SSL_" in name}
    assert tls_and_sasl <= set(ENGINE["consume"]["environment"])


@pytest.mark.parametrize("name", sorted(ENGINE))
def test_its_commands_are_commands_of_the_engine(name: str) -> None:
    program, *words = ENGINE[name]["command"]
    assert program == "wattledger"
    script = "import sys; from wattledger.cli import main; sys.exit(main())"
    asked = subprocess.run(
        [sys.executable, "-c", script, *words, "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_ROOT,
    )
    assert asked.returncode == 0, asked.stderr
