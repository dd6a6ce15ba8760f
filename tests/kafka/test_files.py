"""Files of events become records: each line once, unchanged, at the place that its type says."""

import gzip
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from consumers.errors import FileRefused
from consumers.files import EventFiles, TooLarge, check_readable
from consumers.publisher import Outgoing
from contracts.decode import Message, decode
from contracts.inbound import INBOUND_MODEL_OF
from contracts.refusal import Refusal
from tests.contracts.builders import golden_files


def event(**changes: Any) -> dict[str, Any]:
    """An ended session, changed."""
    data = {"session_id": "S-1", "ended_at": "2026-01-01T10:00:00Z", "meter_stop_wh": 10, "reason": "LOCAL"}
    envelope = {"specversion": "1.0", "id": "e-1", "source": "gw", "type": "charging.session.ended", "subject": "S-1"}
    return {**envelope, "time": "2026-01-01T10:00:00Z", "data": data, **changes}


def line(**changes: Any) -> bytes:
    return json.dumps(event(**changes)).encode()


def read(*files: Path | str) -> tuple[list[Outgoing], list[TooLarge]]:
    refused: list[TooLarge] = []
    return list(EventFiles(files, refused.append)), refused


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_an_event_goes_unchanged_to_the_topic_and_key_of_its_type(file: Path) -> None:
    payment = {"payment_id": "P", "session_id": "S-9"}
    spaced = b'  {"id":"1", "source":"s", "type":"payment.failed", "data":' + json.dumps(payment).encode() + b"}  "
    file.write_bytes(line() + b"\n" + spaced + b"\r\n")
    records, _ = read(file)
    assert records == [Outgoing("charging.sessions", b"S-1", line()), Outgoing("payments", b"S-9", spaced)]
    assert isinstance(decode(records[0].value), Message)


def test_blank_lines_are_skipped_and_not_counted(file: Path) -> None:
    file.write_bytes(b"\n\n  \t\r\n" + line() + b"\n\n" + line(id="e-2"))
    files = EventFiles([file], lambda refused: pytest.fail(repr(refused)))
    assert len(list(files)) == 2
    assert files.lines == 2


@pytest.mark.parametrize(
    "garbage",
    [
        b"not json",
        b"\xff\xfe\x00",
        b"[]",
        b"17",
        b"null",
        b'{"id": 1}',
        b"{" * 5_000,
        b'{"type": ["x"]}',
        b"{NaN}",
        b'{"id": "\\ud800"}',
    ],
)
def test_a_line_that_is_no_event_is_a_record_all_the_same(file: Path, garbage: bytes) -> None:
    file.write_bytes(garbage + b"\n" + line() + b"\n" + garbage)
    records, _ = read(file)
    digest = hashlib.sha256(garbage).hexdigest()
    origins = [(("wattledger_origin", f"{digest}:{nth}".encode()),) for nth in (1, 2)]
    assert records == [
        Outgoing("charging.sessions", None, garbage, origins[0]),
        Outgoing("charging.sessions", b"S-1", line()),
        Outgoing("charging.sessions", None, garbage, origins[1]),
    ]
    # A second call on the same file names its garbage by the same names.
    assert read(file)[0] == records


@pytest.mark.parametrize("data", [None, [], {}, {"session_id": ["x" * 10_000]}])
def test_an_event_with_odd_data_is_published_for_the_intake_to_refuse(file: Path, data: Any) -> None:
    file.write_bytes(line(data=data))
    [record], _ = read(file)
    assert record.topic == "charging.sessions"
    assert record.headers == ()
    assert len(record.key or b"") <= 256


def test_an_event_of_unknown_type_goes_where_it_will_be_refused(file: Path) -> None:
    file.write_bytes(line(type="charging.session.exploded"))
    assert read(file)[0] == [Outgoing("charging.sessions", None, line(type="charging.session.exploded"))]


def test_a_line_that_no_broker_takes_is_reported_and_not_sent(file: Path) -> None:
    large = b'{"id": "' + b"x" * 10_000_000 + b'"}'
    file.write_bytes(line() + b"\n" + large + b"\n" + line(id="e-2") + b"\n" + large)
    records, refused = read(file)
    digest = hashlib.sha256(large).hexdigest()
    assert [record.value for record in records] == [line(), line(id="e-2")]
    assert refused == [
        TooLarge(str(file), 2, len(large), digest, 1),
        TooLarge(str(file), 4, len(large), digest, 2),
    ]


@pytest.mark.parametrize("excess", [-1, 0, 1, 2, 3])
def test_a_line_around_the_limit_is_either_sent_or_reported_whole(file: Path, excess: int) -> None:
    text = b"x" * (1_047_000 + excess)
    file.write_bytes(text + b"\r\n" + line() + b"\n")
    records, refused = read(file)
    assert [record.value for record in records] == [text, line()] if excess <= 0 else [line()]
    assert [(each.line, each.size_bytes) for each in refused] == ([] if excess <= 0 else [(1, len(text))])
    assert all(record.size_bytes < 1_048_000 for record in records)


def test_a_packed_file_is_read_like_any_other(tmp_path: Path) -> None:
    packed = tmp_path / "events.jsonl.gz"
    packed.write_bytes(gzip.compress(line() + b"\nnot json\n"))
    assert [record.value for record in read(packed)[0]] == [line(), b"not json"]


def test_a_packed_file_that_was_cut_is_named(tmp_path: Path) -> None:
    packed = tmp_path / "events.jsonl.gz"
    packed.write_bytes(gzip.compress(os.urandom(10_000))[:5_000])
    with pytest.raises(FileRefused, match=r"events\.jsonl\.gz: not a whole gzip file"):
        read(packed)


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(line() + b"\n" + line(id="e-2")))
    monkeypatch.setattr("sys.stdin", stdin)
    assert [record.value for record in read("-")[0]] == [line(), line(id="e-2")]


def test_a_file_that_cannot_be_read_is_named_before_anything_is_published(file: Path, tmp_path: Path) -> None:
    file.write_bytes(line())
    with pytest.raises(FileRefused, match=r"missing\.jsonl: no such file or directory") as refusal:
        check_readable([file, tmp_path / "missing.jsonl"])
    assert "\n" not in str(refusal.value)
    with pytest.raises(FileRefused, match="is a directory"):
        check_readable([tmp_path])
    check_readable([file, "-"])


def test_lines_keep_the_order_of_the_files(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(b"".join(line(id=f"{name}{n}") + b"\n" for n in range(100)))
    records, _ = read(*(tmp_path / name for name in "abc"))
    assert [json.loads(record.value)["id"] for record in records] == [f"{n}{i}" for n in "abc" for i in range(100)]


@pytest.mark.parametrize("depth", [1, 300, 900])
def test_a_name_that_is_nested_deeply_is_a_record_as_any_other(depth: int, file: Path) -> None:
    nested = "[" * depth + "]" * depth
    names = sorted({name for each in golden_files() for name in each.event["data"]})
    data = ",".join(f'"{name}":{nested}' for name in names)
    envelope = '{{"specversion":"1.0","id":"e","source":"gw","type":"{}","data":{{{}}}}}'
    lines = [envelope.format(type_, data).encode() for type_ in INBOUND_MODEL_OF]
    file.write_bytes(b"\n".join(lines))
    records, refused = read(file)
    assert [each.value for each in records] == lines
    # Two types are about the runs of all operators where they name none.
    assert {each.key for each in records} <= {None, b"*"}
    assert all(isinstance(decode(each), Refusal) for each in lines)
    assert not refused
