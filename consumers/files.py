"""Files of events, one structured CloudEvent a line (JSON Lines), as records for Kafka.

Every line that is not blank becomes a record, readable or not: what is wrong with it is the intake's to say.
"""

import contextlib
import gzip
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path
from typing import IO, Any, cast

import orjson

from consumers.errors import FileRefused
from consumers.publisher import RECORD_MAX_BYTES, Outgoing
from contracts.decode import MAX_ATTRIBUTE_CHARS
from contracts.headers import ORIGIN_HEADER
from contracts.messages import SESSIONS_TOPIC, TOPIC_OF, partition_key

STDIN = "-"
UNREADABLE_TOPIC = SESSIONS_TOPIC

_BUFFER_BYTES = 1 << 20
# Beside the line, a record has a key and the header below.
_LINE_MAX_BYTES = RECORD_MAX_BYTES - 1_000
_PIECE_BYTES = 1 << 16
_KEY_MAX_CHARS = 256


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A line that no broker takes: where it stands, its length, and the SHA-256 of its bytes in hexadecimal.

    `nth` counts, from 1, the lines of this call with the same bytes.
    """

    file: str
    line: int
    size_bytes: int
    sha256: str
    nth: int


@dataclass(frozen=True, slots=True)
class _Event:
    """What publishing needs of a parsed line."""

    type: str
    data: Mapping[str, Any]


class EventFiles:
    """Reads files one after the other, never more than a line in memory; iterate it once.

    Lines without an envelope's id and source get a header that names them by their bytes and a count, so that the
    same line of the same files is known again in a later call; identical ones within a call are told apart.
    """

    def __init__(self, files: Iterable[str | Path], on_too_large: Callable[[TooLarge], None]) -> None:
        self._files = [str(file) for file in files]
        self._on_too_large = on_too_large
        self._seen: Counter[bytes] = Counter()
        self.lines = 0

    def __iter__(self) -> Iterator[Outgoing]:
        for file in self._files:
            with _opened(file) as stream:
                yield from self._records(file, stream)

    def _records(self, file: str, stream: IO[bytes]) -> Iterator[Outgoing]:
        number = 0
        # Two more for the end of the line; what comes without one at that length goes on.
        while piece := stream.readline(_LINE_MAX_BYTES + 2):
            number += 1
            line = piece.rstrip(b"\r\n")
            if len(line) > _LINE_MAX_BYTES or (len(piece) > _LINE_MAX_BYTES + 1 and not piece.endswith(b"\n")):
                self._refuse(file, number, piece, stream)
            elif line and not line.isspace():
                self.lines += 1
                yield self._record(line)

    def _record(self, line: bytes) -> Outgoing:
        event = _parsed(line)
        if event is not None and _identified(event):
            topic, key = _place(event)
            return Outgoing(topic, key, line)
        topic, key = _place(event) if event is not None else (UNREADABLE_TOPIC, None)
        digest = sha256(line).hexdigest()
        origin = f"{digest}:{self._count(digest)}".encode()
        return Outgoing(topic, key, line, ((ORIGIN_HEADER, origin),))

    def _refuse(self, file: str, number: int, piece: bytes, stream: IO[bytes]) -> None:
        """Report a line that is too long, reading on to its end piece by piece."""
        self.lines += 1
        digest, size, held_back = sha256(), 0, b""
        while piece:
            piece = held_back + piece
            text = piece.rstrip(b"\r\n")
            digest.update(text)
            size += len(text)
            # A carriage return at the end of a piece may be part of the line or of its end.
            held_back = piece[len(text) :]
            if piece.endswith(b"\n"):
                break
            piece = stream.readline(_PIECE_BYTES)
        name = digest.hexdigest()
        self._on_too_large(TooLarge(file, number, size, name, self._count(name)))

    def _count(self, digest: str) -> int:
        """How many identical lines there were, this one included; 16 bytes are kept of each."""
        key = blake2b(digest.encode(), digest_size=16).digest()
        self._seen[key] += 1
        return self._seen[key]


def check_readable(files: Iterable[str | Path]) -> None:
    """Raises FileRefused for the first file that cannot be read, before any is published."""
    for file in files:
        if str(file) != STDIN:
            with _opened(str(file)) as stream:
                stream.read(1)


@contextlib.contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked when its name ends in `.gz`; `-` is standard input."""
    if file == STDIN:
        yield sys.stdin.buffer
        return
    try:
        with contextlib.ExitStack() as stack:
            raw = stack.enter_context(Path(file).open("rb", buffering=_BUFFER_BYTES))
            unpacked = stack.enter_context(gzip.GzipFile(fileobj=raw)) if file.endswith(".gz") else raw
            yield cast("IO[bytes]", unpacked)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileRefused(f"{file}: not a whole gzip file ({error}); pack it again, or drop the .gz") from error
    except OSError as error:
        raise FileRefused(f"{file}: {_reason(error)}; name a file of events, one JSON object a line") from error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _identified(event: Mapping[str, Any]) -> bool:
    """Whether the envelope has the pair by which messages are known again, as the contract writes it."""
    return _is_attribute(event.get("id")) and _is_attribute(event.get("source"))


def _is_attribute(value: object) -> bool:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ATTRIBUTE_CHARS:
        return False
    return value.isascii() and value.isprintable()


def _place(event: Mapping[str, Any]) -> tuple[str, bytes | None]:
    """Topic and key of an event; without a key when what it should be taken from is not there."""
    type_, data = event.get("type"), event.get("data")
    topic = TOPIC_OF.get(type_) if isinstance(type_, str) else None
    if topic is None:
        return UNREADABLE_TOPIC, None
    if not isinstance(type_, str) or not isinstance(data, dict):
        return topic, None
    try:
        return topic, partition_key(_Event(type_, data))[:_KEY_MAX_CHARS].encode()
    except (KeyError, UnicodeEncodeError):
        return topic, None
