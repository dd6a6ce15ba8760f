"""FastStream's form of the options by which an aiokafka client is let in."""

from collections.abc import Mapping
from typing import Any

from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

_SASL: Mapping[str, type[SASLPlaintext | SASLScram256 | SASLScram512]] = {
    "PLAIN": SASLPlaintext,
    "SCRAM-SHA-256": SASLScram256,
    "SCRAM-SHA-512": SASLScram512,
}


def security_of(client_options: Mapping[str, Any]) -> BaseSecurity:
    """The security of `security_protocol`, `ssl_context` and `sasl_*` options.

    Raises KeyError for a SASL mechanism that is not PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    """
    protocol = str(client_options.get("security_protocol", "PLAINTEXT"))
    context, encrypted = client_options.get("ssl_context"), protocol.endswith("SSL")
    if not protocol.startswith("SASL"):
        return BaseSecurity(context, encrypted)
    form = _SASL[client_options["sasl_mechanism"]]
    user, password = client_options["sasl_plain_username"], client_options["sasl_plain_password"]
    return form(user, password, context, encrypted)
