"""Measures one large settlement, told in parts: `python -m benchmarks.large_settlement [PAYMENTS]`.

Without a broker, in one process: as many captured sessions are taken in first, then the settlement of all of them,
and the clock looks at it. Prints seconds and the peak of resident memory before and after.
"""

import resource
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

import orjson

from benchmarks.history_templates import advance, take_in
from benchmarks.stage import open_stage
from contracts.messages import PAYMENTS_TOPIC
from domain.money import format_minor, minor_of
from projections.schema import migrate
from wattledger.demo.load import MESSAGES_MIN, load
from wattledger.demo.messages import FIRST_DAY, event, line, stamp

PAYMENTS, LINES_PER_PART = 100_000, 5_000
_SETTLED_AT = FIRST_DAY + timedelta(days=2)


def main() -> None:
    """Take everything in and print what it took."""
    payments = int(sys.argv[1]) if len(sys.argv) > 1 else PAYMENTS
    with open_stage(0) as stage, stage.database() as dsn:
        migrate(dsn)
        captures = _take_in_sessions(dsn, payments)
        parts = list(_parts(captures))
        advance(dsn, _SETTLED_AT)
        print(f"{payments:,} sessions are captured; peak of memory {_peak_mib():.0f} MiB")
        began = time.perf_counter()
        take_in(dsn, parts)
        taken = time.perf_counter()
        advance(dsn, _SETTLED_AT)
        print(
            f"{len(parts)} parts of at most {max(map(len, parts)):,} bytes: taken in and with all sessions after "
            f"{taken - began:.1f} s, looked at after {time.perf_counter() - began:.1f} s; "
            f"peak of memory {_peak_mib():.0f} MiB"
        )


def _take_in_sessions(dsn: str, sessions: int) -> list[dict[str, Any]]:
    """The data of their captures."""
    captures = []
    messages = load(sessions, MESSAGES_MIN, operators=1)
    while some := list(islice(messages, 20_000)):
        take_in(dsn, [value for _, _, value in some])
        captures += [orjson.loads(value)["data"] for topic, _, value in some if topic == PAYMENTS_TOPIC]
    return captures


def _parts(captures: Sequence[dict[str, Any]]) -> Iterator[bytes]:
    count = -(-len(captures) // LINES_PER_PART)
    for number in range(count):
        some = captures[number * LINES_PER_PART : (number + 1) * LINES_PER_PART]
        items = [{"payment_id": each["payment_id"], "gross": each["amount"], "fee": each["fee"]} for each in some]
        provider = some[0]["provider"]
        net = sum(minor_of(item["gross"]) - minor_of(item["fee"]) for item in items)
        currency = items[0]["gross"]["currency"]
        data = {
            "settlement_id": "ST-1",
            "provider": provider,
            "settled_at": stamp(_SETTLED_AT),
            "items": items,
            "net": {"amount": format_minor(net, currency), "currency": currency},
            "part": number + 1,
            "parts": count,
        }
        yield line(event("payment.settled", "urn:bench", provider, _SETTLED_AT, data, f"ST-1:{number}"))


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
