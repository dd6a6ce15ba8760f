"""The linter of tariffs: reads files of tariffs or events and tells what would be refused or warned about."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from contracts.decode import Message, decode_event
from contracts.tariff_check import TARIFF_TYPES, event_faults, tariff_faults
from domain.calendar import instant
from domain.tariff.lint import lint
from domain.tariff.published import taxes_of
from wattledger.given_file import given_or_input

ERROR, WARNING = "error", "warning"


class Remark(NamedTuple):
    """One line of the linter: which file, which document in it, which tariff, and what is to be said where."""

    file: str
    document: int
    tariff: str | None
    level: str
    code: str
    path: str
    sentence: str

    def __str__(self) -> str:
        which = f"{self.file}:{self.document}" + (f" ({self.tariff})" if self.tariff else "")
        return f"{which}: {self.level}: {self.path}: {self.sentence} [{self.code}]"


def check_files(files: Sequence[str]) -> tuple[int, list[Remark]]:
    """How many tariffs files hold, and the remarks about them; raises ApplicationError for an unreadable file."""
    remarks: list[Remark] = []
    tariffs = 0
    for file in files:
        for number, document in _documents(file):
            if isinstance(document, Remark):
                remarks.append(document)
            elif _brings_a_tariff(document):
                tariffs += 1
                remarks += _remarks(file, number, document)
    return tariffs, remarks


# Reading -----------------------------------------------------------------------------------------------------------


def _documents(file: str) -> Iterator[tuple[int, Any]]:
    """What a file holds, counted from 1: one document, those of a list, or those of its lines.

    A line or file that is no JSON comes as the remark about it.
    """
    value = given_or_input(file)
    try:
        whole = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        lines = [
            (number, _line(file, number, line)) for number, line in enumerate(value.split(b"\n"), 1) if line.strip()
        ]
        if any(_is_event(document) for _, document in lines):
            yield from lines
        else:
            yield 1, _not_json(file, 1, error)
        return
    yield from enumerate(whole if isinstance(whole, list) else [whole], 1)


def _line(file: str, number: int, line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return _not_json(file, number, error)


def _not_json(file: str, number: int, error: Exception) -> Remark:
    sentence = f"not JSON ({error}); send one OCPI tariff, a list of them, or one event a line"
    return Remark(file, number, None, ERROR, "NOT_JSON", "$", sentence)


# Checking ----------------------------------------------------------------------------------------------------------


def _brings_a_tariff(document: Any) -> bool:
    """Whether a document is to be checked; events of other kinds may stand beside those of tariffs."""
    return not _is_event(document) or document.get("type") in TARIFF_TYPES


def _is_event(document: Any) -> bool:
    return isinstance(document, dict) and "specversion" in document


def _remarks(file: str, number: int, document: Any) -> list[Remark]:
    """The errors of a document or, when it has none, its warnings."""
    is_event = _is_event(document)
    tariff_id = _id_of(document.get("data") if is_event else document)
    faults = event_faults(document) if is_event else tariff_faults(document)
    if faults:
        return [
            Remark(file, number, tariff_id, ERROR, each.code, each.path, f"{each.excerpt} {each.problem}".strip())
            for each in faults
        ]
    message = decode_event(document) if is_event else None
    data = message.data if isinstance(message, Message) else {"tariff": document}
    prefix = "data.tariff" if is_event else ""
    # An order has no such field: what it holds under that name was not checked, and means nothing.
    has_date = isinstance(message, Message) and message.type == "tariff.published"
    effective_from = instant(data["effective_from"]) if has_date else None
    return [
        Remark(file, number, tariff_id, WARNING, each.code, _below(prefix, each.path), each.sentence)
        for each in lint(data["tariff"], taxes_of(data.get("taxes")), effective_from)
    ]


def _id_of(data: Any) -> str | None:
    tariff = data.get("tariff", data) if isinstance(data, dict) else None
    found = tariff.get("id") if isinstance(tariff, dict) else None
    return found[:64] if isinstance(found, str) else None


def _below(prefix: str, path: str) -> str:
    return f"{prefix}.{path}".removesuffix(".$").strip(".") or "$"
