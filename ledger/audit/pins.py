"""The hash that pins a tariff's version, computed by the audit itself."""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson


def pin_of(data: Mapping[str, Any]) -> str:
    """SHA-256 in hex of a published tariff, with its configured taxes where there are some.

    The text that is hashed is JSON with sorted names and without spaces, a number in it its shortest decimal text.
    """
    content: Any = data["tariff"]
    if data.get("taxes"):
        content = {"tariff": content, "taxes": [_tax(each) for each in data["taxes"]]}
    return hashlib.sha256(_written(content)).hexdigest()


def _tax(given: Mapping[str, Any]) -> dict[str, Any]:
    percent = _digits(Decimal(str(given["percent"])))
    return {"account_number": given.get("account_number"), "name": given["name"], "percent": percent}


def _written(value: Any) -> bytes:
    if isinstance(value, dict):
        return b"{%s}" % b",".join(_written(name) + b":" + _written(value[name]) for name in sorted(value))
    if isinstance(value, list):
        return b"[%s]" % b",".join(map(_written, value))
    if isinstance(value, float) or type(value) is int:
        return _digits(Decimal(str(value))).encode()
    return orjson.dumps(value)


def _digits(number: Decimal) -> str:
    if not number:
        return "0"
    whole, _, part = f"{number:f}".partition(".")
    return f"{whole}.{part.rstrip('0')}".rstrip(".")
