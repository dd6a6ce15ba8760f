"""Commands about tariffs: check them before they are published, and list what was."""

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from wattledger.errors import ApplicationError
from wattledger.given_file import read_given
from wattledger.views.terminal import print_json, set_up_logging

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


def tariff_lint(files: Sequence[str], *, json: bool, debug: bool) -> None:
    """`wattledger tariff lint`."""
    set_up_logging("DEBUG" if debug else "WARNING")
    remarks: list[Remark] = []
    tariffs = 0
    for file in files:
        for number, document in _documents(file):
            if isinstance(document, Remark):
                remarks.append(document)
            elif _brings_a_tariff(document):
                tariffs += 1
                remarks += _remarks(file, number, document)
    errors = sum(remark.level == ERROR for remark in remarks)
    warnings = len(remarks) - errors
    if json:
        found = [remark._asdict() for remark in remarks]
        print_json({"tariffs": tariffs, "errors": errors, "warnings": warnings, "findings": found})
    else:
        for remark in remarks:
            sys.stdout.write(" ".join(str(remark).split()) + "\n")
        sys.stderr.write(f"tariffs: {tariffs}, errors: {errors}, warnings: {warnings}\n")
    if errors:
        sys.exit(1)
    if not tariffs:
        raise ApplicationError(f"{', '.join(files)}: no tariff in it; name files with OCPI tariffs or events")


def tariff_list(data_dir: Path | None, operator: str | None, *, json: bool, debug: bool) -> None:
    """`wattledger tariff list`."""
    from contracts.values import format_time
    from ledger.intake.tariff_versions import tariff_versions
    from wattledger.commands.common import read, show_rows, the_store

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, lambda cursor: tariff_versions(cursor, operator))
    rows = [
        {
            "operator_id": version.operator_id,
            "tariff_id": version.tariff_id,
            "partner": version.partner,
            "effective_from": format_time(version.effective_from),
            "published": format_time(version.published_at),
            "hash": version.hash,
            "warnings": [dict(finding) for finding in version.findings],
        }
        for version in found
    ]
    if not json:
        # The beginning of a hash is enough for people to tell versions apart.
        rows = [
            row
            | {"hash": str(row["hash"])[:12], "warnings": "\n".join(_short(finding) for finding in row["warnings"])}
            for row in rows
        ]
    show_rows("Tariffs", rows, (), json=json, whole=("tariff_id", "hash"))


def _short(finding: Any) -> str:
    return f"{finding['code']} {finding['path']}"


# Reading -----------------------------------------------------------------------------------------------------------


def _documents(file: str) -> Iterator[tuple[int, Any]]:
    """What a file holds, counted from 1: one document, those of a list, or those of its lines.

    A line or file that is no JSON comes as the remark about it.
    """
    value = _bytes(file)
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


def _bytes(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    return read_given(file)


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
    from contracts.tariff_check import TARIFF_TYPES

    return not _is_event(document) or document.get("type") in TARIFF_TYPES


def _is_event(document: Any) -> bool:
    return isinstance(document, dict) and "specversion" in document


def _remarks(file: str, number: int, document: Any) -> list[Remark]:
    """The errors of a document or, when it has none, its warnings."""
    from contracts.tariff_check import event_faults, tariff_faults

    is_event = _is_event(document)
    tariff_id = _id_of(document.get("data") if is_event else document)
    faults = event_faults(document) if is_event else tariff_faults(document)
    if faults:
        return [
            Remark(file, number, tariff_id, ERROR, each.code, each.path, f"{each.excerpt} {each.problem}".strip())
            for each in faults
        ]
    data = document["data"] if is_event else {"tariff": document}
    prefix = "data.tariff" if is_event else ""
    return [
        Remark(file, number, tariff_id, WARNING, each.code, _below(prefix, each.path), each.sentence)
        for each in warnings_of(data)
    ]


def warnings_of(data: dict[str, Any]) -> Sequence[Any]:
    """The warnings about the tariff in the data of an event that was accepted."""
    from domain.calendar import instant
    from domain.tariff.lint import lint
    from domain.tariff.published import taxes_of

    effective_from: datetime | None = instant(data["effective_from"]) if data.get("effective_from") else None
    return lint(data["tariff"], taxes_of(data.get("taxes")), effective_from)


def _id_of(data: Any) -> str | None:
    tariff = data.get("tariff", data) if isinstance(data, dict) else None
    found = tariff.get("id") if isinstance(tariff, dict) else None
    return found[:64] if isinstance(found, str) else None


def _below(prefix: str, path: str) -> str:
    return f"{prefix}.{path}".removesuffix(".$").strip(".") or "$"
