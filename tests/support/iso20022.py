"""Holds messages against their schemas, as the classes that were generated of them have them."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any

from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.formats.dataclass.serializers.config import SerializerConfig

_NAME_SPACE = re.compile(rb'xmlns="urn:iso:std:iso:20022:tech:xsd:((\w+)\.[\d.]+)"')


def parsed(content: bytes) -> Any:
    """The document of a message; an AssertionError where it is none of its schema.

    Elements that are unknown or in another order, missing ones, and values that break a pattern, a length, an
    enumeration or a number of digits are found; what a schema says of choices is not known to the classes.
    """
    found = _NAME_SPACE.search(content)
    assert found, "it has no name space of ISO 20022"
    name = found[1].decode().replace(".", "_")
    module = import_module(f"pyiso20022.{found[2].decode()}.{name}.{name}")
    document = XmlParser().from_bytes(content, module.Document)
    faults = [*_faults(document, "Document")]
    assert not faults, faults
    again = XmlSerializer(config=SerializerConfig(indent="  ")).render(
        document, ns_map={None: f"urn:iso:std:iso:20022:tech:xsd:{found[1].decode()}"}
    )
    assert f"{again}\n".encode() == content, "it has its elements in another order"
    return document


def _faults(value: Any, path: str) -> Iterator[str]:
    for field in fields(value):
        held, rules = getattr(value, field.name), field.metadata
        where = f"{path}/{rules.get('name', field.name)}"
        members = held if isinstance(held, list) else [held]
        if rules.get("required") and held is None:
            yield f"{where} is missing"
        if len(members) < rules.get("min_occurs", 0):
            yield f"{where} is there {len(members)} times"
        for each in members:
            if is_dataclass(each):
                yield from _faults(each, where)
            elif each is not None:
                yield from _broken(each, rules, where)


def _broken(value: Any, rules: Any, where: str) -> Iterator[str]:
    if isinstance(value, str):
        if not rules.get("min_length", 0) <= len(value) <= rules.get("max_length", len(value)):
            yield f"{where} has {len(value)} characters"
        if "pattern" in rules and not re.fullmatch(rules["pattern"], value):
            yield f"{where} is {value!r}"
    if isinstance(value, Decimal):
        _, digits, exponent = value.as_tuple()
        assert isinstance(exponent, int)
        if -exponent > rules.get("fraction_digits", 18) or len(digits) > rules.get("total_digits", 18):
            yield f"{where} is {value}"
        if "min_inclusive" in rules and value < Decimal(rules["min_inclusive"]):
            yield f"{where} is {value}"
