"""Records that no broker takes: refused before they are sent, and kept like everything that is refused."""

from collections.abc import Iterable
from hashlib import blake2b

from ledger import positions, quarantine
from ledger.gateway import Gateway
from ledger.positions import Tally
from ledger.quarantine import DeadLetter, deadletter_id
from ledger.work import Work

TOO_LARGE = "TOO_LARGE"
# Not a Kafka partition: these records were never in one.
_UNSENT = ("unsent", -1)


def refuse_too_large(gateway: Gateway, records: Iterable[tuple[str, bytes | None, bytes]], limit_bytes: int) -> None:
    """Keep (topic, key, value) records that are too large for a broker; one that was kept before is a duplicate."""
    for topic, key, value in records:
        sentence = f"the record has {len(value)} bytes and a broker takes {limit_bytes}; send it in smaller events"
        digest = blake2b(value, digest_size=16).hexdigest()
        letter = DeadLetter(
            deadletter_id=deadletter_id("unsent", digest),
            topic=topic,
            partition=None,
            offset=None,
            key=key,
            headers=(),
            value=value,
            code=TOO_LARGE,
            path="$",
            sentence=sentence,
        )
        with gateway.transaction() as cursor:
            is_new = bool(quarantine.add(cursor, [letter]))
            work = Work(gateway.shard)
            if is_new:
                work.send_deadletter("", letter.deadletter_id)
            positions.count(cursor, {_UNSENT: Tally(dead_lettered=int(is_new), duplicates=int(not is_new))})
            work.write(cursor)
