"""How clients are let in at a broker of the tests, in the words of other clients than aiokafka."""

from collections.abc import Mapping
from typing import Any

_LIBRDKAFKA = {
    "bootstrap_servers": "bootstrap.servers",
    "security_protocol": "security.protocol",
    "sasl_mechanism": "sasl.mechanisms",
    "sasl_plain_username": "sasl.username",
    "sasl_plain_password": "sasl.password",
}
_VARIABLES = {
    "bootstrap_servers": "KAFKA_BOOTSTRAP",
    "security_protocol": "KAFKA_SECURITY_PROTOCOL",
    "sasl_mechanism": "KAFKA_SASL_MECHANISM",
    "sasl_plain_username": "KAFKA_SASL_USERNAME",
    "sasl_plain_password": "KAFKA_SASL_PASSWORD",
}


def librdkafka(options: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """aiokafka's options as those of confluent_kafka; `more` have `_` for `.` in their names."""
    return {_LIBRDKAFKA[name]: value for name, value in options.items()} | {
        name.replace("_", "."): value for name, value in more.items()
    }


def variables(options: Mapping[str, Any]) -> dict[str, str]:
    """aiokafka's options as settings of ours, by the names of their variables without the prefix."""
    return {_VARIABLES[name]: str(value) for name, value in options.items()}


def from_variables(given: Mapping[str, str]) -> dict[str, str]:
    """The same back, of settings among which others may be."""
    return {name: given[variable] for name, variable in _VARIABLES.items() if variable in given}
