"""The front doors, given whatever: files and topics into the intake, `price`, `tariff lint`, files of banks.

Each door takes inputs of a fuzzer and answers with a sentence for each that it met by anything else than an answer or
a refusal in words, and for each that is counted nowhere.
"""

import contextlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import orjson

from consumers.files import EventFiles, TooLarge
from contracts.bank.values import BankFileRefused
from contracts.decode import decode_question
from contracts.headers import ORIGIN_HEADER
from engine.ports import Record
from tests.bank.files import ach, balance, camt, detail, entry, pain002, returned, status
from tests.bank.files import told as told_by
from tests.contracts.builders import golden_files, inbound_golden
from tests.rating.rating_builders import component, document, element
from tests.support.engine import Engine
from tests.support.fuzzing import Event, Fuzzer
from tests.support.generated import told
from wattledger.commands import prices, tariffs
from wattledger.failures import report

Door: TypeAlias = Callable[[int, int, Path], list[str]]
_SHOWN_BYTES = 400
_BATCH = 500


def messages(seed: int) -> list[Event]:
    """What the fuzzers of messages start from: every released example, and a history in which they make sense."""
    return [*(golden.event for golden in inbound_golden()), *told("invented, as told", seed)]


def into_the_store(engine: Engine, seed: int, count: int, folder: Path) -> list[str]:
    """So many lines of a file, read, published and taken in: what raised, and what is not counted."""
    fuzzer, random = Fuzzer(seed, messages(seed)), Random(f"records {seed}")
    file, wrong = folder / f"{seed}.jsonl", list[str]()
    lines = [fuzzer.line() for _ in range(count)]
    file.write_bytes(b"\n".join(lines))
    too_large: list[TooLarge] = []
    read = EventFiles([file], too_large.append)
    published, before = 0, engine.offset - sum(engine.tally())
    records = iter(read)
    while batch := list(islice(records, _BATCH)):
        published += len(batch)
        made = [
            _received(random, Record(engine.topic, 0, engine.offset + at, each.key, each.value, each.headers))
            for at, each in enumerate(batch)
        ]
        engine.offset += len(batch)
        wrong += _taken_in(engine, made)
        wrong += [f"a question: {fault}" for each in made if (fault := _asked(each))]
    not_blank = sum(1 for line in file.read_bytes().split(b"\n") if line.strip())
    if not not_blank == read.lines == published + len(too_large):
        wrong.append(f"{not_blank} lines, of which {read.lines} are counted, {published} sent, {len(too_large)} long")
    if (missing := engine.offset - sum(engine.tally()) - before) != 0:
        wrong.append(f"{missing} of {published} records are counted as nothing: {engine.tally()}")
    return wrong


def _received(random: Random, record: Record) -> Record:
    """As the broker gives it: now and then in the binary binding, with headers and keys such as anybody may set."""
    value, headers = record.value, list(record.headers)
    event = _parsed(value)
    if event and random.randrange(4) == 0:
        # What nests deeper than writers of JSON go stays in the structured binding.
        with contextlib.suppress(RecursionError):
            attributes = [_as_header(name, each) for name, each in event.items() if name != "data"]
            value = json.dumps(event.get("data")).encode()
            headers += attributes
    if random.randrange(4) == 0:
        headers.insert(random.randrange(len(headers) + 1), random.choice(_HEADERS))
    if headers and random.randrange(10) == 0:
        headers[random.randrange(len(headers))] = random.choice(_HEADERS)
    key = random.choice(_KEYS) if random.randrange(4) == 0 else record.key
    value = random.choice((None, b"")) if random.randrange(200) == 0 else value
    return record._replace(key=key, value=value, headers=tuple(headers))


def _as_header(name: str, value: Any) -> tuple[str, bytes]:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"ce_{name}".encode("utf-8", "replace").decode(), text.encode("utf-8", "surrogatepass")


_HEADERS: tuple[tuple[str, Any], ...] = (
    ("ce_id", b""), ("ce_id", b"\xff\xfe"), ("ce_id", b"x" * 70_000), ("ce_type", b"payment.captured"),
    ("a\x00b", b"x"), ("CE_ID", b"upper"), ("ce_", b"none"), ("", b""), ("\x00", b""),
    ("ce_time", b"9999-12-31T23:59:59Z"), ("ce_data", b"{}"), ("ce_specversion", b"1.0"),
    ("ce_specversion", b"0.3"), ("ce_source", b"\x00"), ("x", b"\x00"),
    ("content-type", b"application/cloudevents+json"), ("content-type", b"text/plain; charset=\xff"),
    ("ce_dataschema", b"v999"), ("ce_signature", b"e30.e30.e30"), ("traceparent", b"00-zz"),
    (ORIGIN_HEADER, b"\xff\xfe"), (ORIGIN_HEADER, b""),
    (ORIGIN_HEADER, b"a\x00b"), ("ce_type", b"\x00"), ("x" * 70_000, b"x"), ("ce_time", b"\xff"),
)  # fmt: skip
_KEYS: tuple[bytes | None, ...] = (None, b"", b"\x00", b"\xff\xfe", b"x" * 70_000, b"S-0", b"*", "é".encode())


def _parsed(value: bytes | None) -> Event | None:
    try:
        event = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def _taken_in(engine: Engine, records: Sequence[Record]) -> list[str]:
    """Take records in; those that raise are halved out, told, and set aside as a consumer does."""
    wrong, parts = list[str](), [records]
    while parts:
        part = parts.pop()
        try:
            engine.intake.process(part, engine.epochs)
        except Exception as error:
            if len(part) > 1:
                parts += [part[len(part) // 2 :], part[: len(part) // 2]]
                continue
            wrong.append(f"the intake: {_said(error)} at {_shown(part[0].value)} with {part[0].headers!r:.300}")
            engine.intake.quarantine(part[0], error, engine.epochs)
    return wrong


def _asked(record: Record) -> str:
    try:
        decode_question(record.value, record.headers)
    except Exception as error:
        return f"{_said(error)} at {_shown(record.value)}"
    return ""


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error!s:.200}"


def _shown(value: bytes | None) -> str:
    return repr(value if value is None or len(value) <= _SHOWN_BYTES else value[:_SHOWN_BYTES])


def _by_command(command: Callable[[], None], raw: bytes) -> str:
    """What is wrong with how a command answered; empty when it did so in words. Its options are parsed elsewhere."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            command()
        except SystemExit:
            pass
        except Exception as error:
            report(error, debug=False)
    said = err.getvalue()
    return f"{said[-300:]!r} at {_shown(raw)}" if "unexpected " in said or "Traceback" in said else ""


def _partners_cdrs() -> list[Event]:
    energy = document(element(component("ENERGY", 0.5, vat=20)))
    timed = document(
        element(
            component("TIME", 2, step=300), component("FLAT", 1), start_time="08:00", end_time="20:00", max_kwh=4
        ),
        element(component("ENERGY", 0.3, vat=7), component("PARKING_TIME", 5, step=60), day_of_week=["MONDAY"]),
        id="TIMED",
    )
    dimensions = [{"type": kind, "volume": volume} for kind, volume in (("ENERGY", 10), ("TIME", 2))]
    made = {
        "start_date_time": "2024-03-05T09:00:00Z",
        "end_date_time": "2024-03-05T11:00:00Z",
        "currency": "EUR",
        "charging_periods": [{"start_date_time": "2024-03-05T09:00:00Z", "dimensions": dimensions}],
        "last_updated": "2024-03-05T12:00:00Z",
    }
    issued = [each.event["data"] for each in golden_files() if each.type == "settlement.cdr.issued"]
    return [
        made | {"tariffs": [energy]},
        made | {"tariffs": [timed, energy]},
        *(each.get("cdr", each) for each in issued),
    ]


_OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"explain": True, "json": True},
    {"ocpi": "2.3.0"},
    {"time_zone": "Asia/Kolkata"},
)


def price(seed: int, count: int, folder: Path) -> list[str]:
    """CDRs of partners, and of some a tariff beside it."""
    fuzzer, random = Fuzzer(seed, _partners_cdrs()), Random(f"price {seed}")
    file, wrong = folder / "cdr.json", list[str]()
    for _ in range(count):
        raw = fuzzer.line()
        file.write_bytes(raw)
        options = random.choice(_OPTIONS)
        wrong += filter(None, [_by_command(partial(prices.price, file, **options), raw)])
    return wrong


def lint(seed: int, count: int, folder: Path) -> list[str]:
    """Tariffs, lists of them and events."""
    published = [each.event for each in inbound_golden() if each.type.startswith("tariff.")]
    published += [each for each in messages(seed) if each["type"] == "tariff.published"]
    bare = [each["data"]["tariff"] for each in published if "tariff" in each["data"]]
    fuzzer = Fuzzer(seed, [*published, *bare, *({"list": [each]} for each in bare[:2])])
    file, wrong = folder / "tariff.json", list[str]()
    for _ in range(count):
        raw = fuzzer.line()
        file.write_bytes(raw)
        wrong += filter(None, [_by_command(partial(tariffs.lint, [str(file)], json=True), raw)])
    return wrong


def _bank_files() -> list[bytes]:
    lines = [entry("100.00", "CRDT", detail("60.00"), ref="R-1"), entry("4.50", "DBIT", ref="R-2", code="MDOP.CHRG")]
    made = [
        *(
            camt(*lines, message=message, bals=balance("OPBD", "0.00") + balance("CLBD", "95.50"))
            for message in ("053", "052", "054")
        ),
        pain002(status("RJCT", reason="AC04"), status("ACSC"), block="<PmtInfSts>PART</PmtInfSts>"),
        ach(returned("R01", "ONE"), returned("R03", "TWO")),
    ]
    return [each.encode() for each in made]


def bank_files(seed: int, count: int, folder: Path) -> list[str]:
    """Files of banks with bytes, digits, names and whole elements changed."""
    random, good = Random(f"bank {seed}"), _bank_files()
    file, wrong = folder / "bank", list[str]()
    for _ in range(count):
        raw = random.choice(good)
        for _ in range(random.choice((1, 1, 2, 6))):
            raw = _changed_bytes(random, raw)
        file.write_bytes(raw)
        try:
            told_by(file)
        except BankFileRefused:
            continue
        except Exception as error:
            wrong.append(f"bank import: {_said(error)} at {raw!r:.1500}")
    return wrong


def _changed_bytes(random: Random, raw: bytes) -> bytes:
    at, end = sorted(random.randrange(len(raw) + 1) for _ in range(2))
    near = min(end, at + random.choice((0, 1, 1, 3, 40)))
    return raw[:at] + random.choice(_PIECES) + raw[near:]


_PIECES = (
    b"", b"<", b">", b"&", b"&x;", b"\x00", b"\xff", b"9" * 40, b"-", b".", b" ", b"\r", b"\n", b"</Ntry>",
    b"<Ntry>", b"<Amt>", b"<Ntry/>", b"<!DOCTYPE a [<!ENTITY x 'y'>]>", b"<Dt>2026-02-30</Dt>", b"NaN", b"1e5",
    b"0", b"<TxDtls/>", b'Ccy="XXX"', "é".encode(), b"\xe9", b"<![CDATA[", b"<!--",
    b"<?xml version='1.0' encoding='utf-16'?>", b"<a>" * 300, b"USD", b"A" * 94, b"6",
)  # fmt: skip

DOORS: Mapping[str, Door] = {"price": price, "tariff lint": lint, "files of banks": bank_files}
