"""Records that no broker takes: refused before they are sent, and kept like everything that is refused."""

from engine.work import Work
from ledger.gateway import Gateway
from ledger.intake import positions, quarantine
from ledger.intake.positions import Tally
from ledger.intake.quarantine import DeadLetter, deadletter_id

TOO_LARGE = "TOO_LARGE"
# Not a Kafka partition: these records were never in one.
_UNSENT = ("unsent", -1)


def refuse_too_large(gateway: Gateway, where: str, size_bytes: int, digest: str, limit_bytes: int) -> None:
    """Note a record that is too large; one that was noted before, by the same digest, is a duplicate.

    The record itself stays where it is (`where` says so): its SHA-256 tells it again.
    """
    sentence = (
        f"{where} has {size_bytes} bytes and a broker takes {limit_bytes}; send it as smaller events, a settlement "
        f"in parts (SHA-256 {digest.partition(':')[0]})"
    )
    letter = DeadLetter(
        deadletter_id=deadletter_id("unsent", digest),
        topic="",
        partition=None,
        offset=None,
        key=None,
        headers=(),
        value=None,
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
