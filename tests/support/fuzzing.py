"""Good messages made bad, and some left good: in their structure, in their text, in their bytes. By a seed.

Each is made of a message that is in order. Most are still JSON, many still a message of their type, so that they come
further in than noise does.
"""

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, TypeAlias

Event: TypeAlias = dict[str, Any]
Place: TypeAlias = tuple[Any, ...]

NUMBERS: tuple[Any, ...] = (
    0, -1, 1, -0.0, 0.1, 1e-30, 1e308, -1e308, 1e22, float("nan"), float("inf"), float("-inf"), 2**31, 2**32,
    2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**40, 10**400, 123456789.123456789,
)  # fmt: skip
TEXTS: tuple[Any, ...] = (
    "", " ", "\n", "\t", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\ufeff", "\u202e", "\u0130\u0131\u00df",
    "é" * 300, "e\u0301" * 40, "x" * 255, "x" * 256, "x" * 70_000, "0", "-0", "00", "+1", "1.", ".5", "1e3",
    "1E+400", "1e-400", "NaN", "Infinity", "-Infinity", "0x10", "1_000", "１２", "٣", "1,5", "1.00", "-1.00",
    "99999999999999999999.99", "0.001", "9" * 400, "null", "true", "{}", "[]", "'; DROP TABLE book.entry; --",
    "../../etc/passwd", "%s%n", "{0}", "*", "EUR", "eur", "XXX", "JPY", "BHD", "1.0", "payment.captured",
    "OP-1", "S-0", "🔌" * 70, "NL91ABNA0417164300", "NL00ABNA0417164300", "nl91 abna 0417 1643 00",
    "Europe/Amsterdam", "Mars/Olympus", "00000000-0000-0000-0000-000000000000",
)  # fmt: skip
MOMENTS: tuple[Any, ...] = (
    "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z",
    "1883-11-18T12:00:00-04:56:02", "2026-02-30T00:00:00Z", "2024-02-29T00:00:00Z", "2026-03-29T02:30:00+01:00",
    "2026-03-01T24:00:00Z", "2026-03-01T10:00:60Z", "2026-03-01", "2026-W09-7", "20260301T100000Z",
    "2026-03-01T10:00:00", "2026-03-01 10:00:00Z", "2026-03-01T10:00:00.123456789123Z",
    "2026-03-01T10:00:00,5Z", "2026-03-01T10:00:00z", "2026-03-01T10Z", "-2026-03-01T10:00:00Z",
    "+12026-03-01T10:00:00Z", "2026-13-01T10:00:00Z", "2100-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "10:00",
    "25:61", "24:00", 1_772_359_200, 1_772_359_200_000, "2026-03-01T10:00:00+00:00[UTC]",
    "2026-03-01T10:00:00+99:99",
)  # fmt: skip
OTHERS: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [{}],
    {"": ""},
    [None],
    {"amount": "1.00", "currency": "EUR"},
)
_DEPTHS = (2, 30, 254, 255, 1_000, 20_000)
_BYTES = (
    b"\xff",
    b"\xfe\xff",
    b"\xef\xbb\xbf",
    b"\x00",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x82",
    b"{",
    b'"',
    b"\\u",
    b"\r",
)


class Fuzzer:
    """Makes messages of `corpus`, which is not changed; the same ones for the same seed."""

    def __init__(self, seed: int, corpus: Sequence[Event]) -> None:
        self._random = Random(f"fuzz {seed}")
        self._corpus = corpus
        self._fields = sorted({str(place[-1]) for event in corpus[:400] for place in places(event) if place})
        # Two of three change what a message says; the rest how it is written.
        self._ways: tuple[Callable[[], bytes], ...] = (
            *[self.changed] * 12,
            self._as_it_is,
            self._in_bytes,
            self._in_text,
        )

    def line(self) -> bytes:
        """One input: without a line feed, so that it is one line of a file."""
        return self._random.choice(self._ways)().replace(b"\n", b" ")

    def event(self) -> Event:
        """One message that is in order."""
        return copy.deepcopy(self._random.choice(self._corpus))

    def changed(self) -> bytes:
        """A message changed at one place or more, as JSON."""
        event: Any = self.event()
        for _ in range(self._random.choice((1, 1, 1, 1, 2, 3, 8))):
            event = self.change(event)
        return self.written(event)

    def written(self, value: Any) -> bytes:
        """As JSON in one of the forms that senders write; surrogates alone stay, escaped or as three bytes."""
        text = json.dumps(value, ensure_ascii=bool(self._random.randrange(2)))
        return text.encode("utf-8", "surrogatepass")

    def change(self, value: Any) -> Any:
        """The same document, changed in place at one point."""
        here = [place for place in places(value) if place]
        if not here:
            return self.any_value()
        *parents, last = self._random.choice(here)
        node = value
        for step in parents:
            node = node[step]
        self._random.choice(
            (self._replace, self._replace, self._replace, self._remove, self._rename, self._add, self._swap)
        )(node, last)
        return value

    def any_value(self) -> Any:
        """A value such as nobody expects."""
        kind = self._random.choice((NUMBERS, TEXTS, MOMENTS, OTHERS))
        if self._random.randrange(30):
            return copy.deepcopy(self._random.choice(kind))
        return self.nested()

    def nested(self) -> Any:
        """Arrays or objects in each other; as deep as JSON's writer of Python goes."""
        made: Any = 1
        for _ in range(self._random.choice(_DEPTHS[:4])):
            made = [made] if self._random.randrange(2) else {"a": made}
        return made

    def _replace(self, node: Any, last: Any) -> None:
        node[last] = self._near(node[last]) if self._random.randrange(3) == 0 else self.any_value()

    def _near(self, value: Any) -> Any:
        """A little beside what it was, which is often still right."""
        if isinstance(value, bool) or value is None:
            return not value
        if isinstance(value, int | float):
            return self._random.choice((value - 1, value + 1, 0, -value, value + value, value * 10**6))
        if isinstance(value, str) and value:
            at = self._random.randrange(len(value))
            return value[:at] + self._random.choice(("", "0", "9", "-", "Z", " ", value[at] * 2)) + value[at + 1 :]
        return [value]

    def _remove(self, node: Any, last: Any) -> None:
        del node[last]

    def _rename(self, node: Any, last: Any) -> None:
        if isinstance(node, dict):
            node[self._random.choice((self._random.choice(self._fields), str(last).upper(), f"{last} ", ""))] = (
                node.pop(last)
            )
        else:
            node.append(node[last])

    def _add(self, node: Any, last: Any) -> None:
        """A field of some other type, or one that no type has."""
        if isinstance(node, dict):
            node[self._random.choice((*self._fields, "x", "\x00", "\ud800", "é"))] = self._value_of_another()
        else:
            node.insert(last, self._value_of_another())

    def _swap(self, node: Any, last: Any) -> None:
        node[last] = self._value_of_another()

    def _value_of_another(self) -> Any:
        other = self.event()
        value: Any = other
        for step in self._random.choice([place for place in places(other) if place]):
            value = value[step]
        return copy.deepcopy(value)

    def _as_it_is(self) -> bytes:
        return self.written(self.event())

    def _in_bytes(self) -> bytes:
        """Cut off, with other bytes in it, or in another encoding."""
        raw, random = self.changed() if self._random.randrange(2) else self.written(self.event()), self._random
        at = random.randrange(len(raw) + 1)
        return random.choice(
            (
                lambda: raw[:at],
                lambda: raw[at:],
                lambda: raw[:at] + random.choice(_BYTES) + raw[at:],
                lambda: raw[:at] + random.choice(_BYTES) + raw[at + 1 :],
                lambda: b"\xef\xbb\xbf" + raw,
                lambda: raw.decode("utf-8", "replace").encode("utf-16"),
                lambda: raw.decode("utf-8", "replace").encode("utf-32-le"),
                lambda: raw.decode("utf-8", "replace").encode("latin-1", "replace"),
                lambda: raw + raw,
                lambda: random.randbytes(random.choice((0, 1, 20, 300))),
            )
        )()

    def _in_text(self) -> bytes:
        """What no writer of JSON makes: a key twice, a number of many digits, depth without end, comments."""
        raw, random = self.written(self.event()), self._random
        field = json.dumps(random.choice(self._fields)).encode()
        value = json.dumps(self._value_of_another()).encode()
        depth = random.choice(_DEPTHS)
        return random.choice(
            (
                lambda: raw.replace(b"{", b"{" + field + b":" + value + b",", 1),
                lambda: raw[:-1] + b"," + field + b":" + value + b"}",
                lambda: raw.replace(b'"data":', b'"data":{},"data":', 1),
                lambda: raw.replace(b'"id":', b'"id":"first","id":', 1),
                lambda: raw.replace(
                    b'"data": {', b'"data": {' + field + b": " + b"[" * depth + b"]" * depth + b", ", 1
                ),
                lambda: b"[" * depth + raw + b"]" * depth,
                lambda: b'{"a":' * depth + raw + b"}" * depth,
                lambda: raw.replace(b"000", b"0" * random.choice((400, 5_000, 400_000)), 1),
                lambda: raw.replace(b'"data": {', b'"data": {"n": ' + b"9" * random.choice((400, 5_000)) + b", ", 1),
                lambda: raw.replace(b'"data": {', b'"data": {"n": 1e' + b"9" * random.choice((3, 400)) + b", ", 1),
                lambda: raw.replace(b":", b": /* so */ ", 1),
                lambda: raw[:-1] + b",}",
                lambda: raw.replace(b'"', b"'"),
                lambda: raw.replace(b": ", b": \\u0000", 1),
                lambda: raw.replace(b'"S', b'"\\u0000S', 1),
                lambda: raw.replace(b'"S', b'"\\ud800S', 1),
                lambda: raw.replace(b'": "', b'": "' + b"\\ud83d" * random.choice((1, 90)), 1),
            )
        )()


def places(node: Any, here: Place = ()) -> Iterator[Place]:
    """The location of every value inside a document, itself included."""
    yield here
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, inner in list(children):
        if len(here) < 40:
            yield from places(inner, (*here, step))
