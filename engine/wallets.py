"""Wallets as stored: what is said of them is taken in, and their sessions are told what acts, in one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import PAYMENT, WALLET_CHARGE, WALLET_REFUND, stream_of
from domain.calendar import utc_text
from domain.fact import RecordedFact
from domain.wallet.balance import CHARGED, TOPPED_UP, MessageKey
from domain.wallet.wallet import Acting, Wallet
from engine.folding import fold
from engine.work import Work
from ledger.events.heads import lock_streams
from ledger.events.store import read_streams
from ledger.intake.parking import refer_top_ups


def take_wallets(
    cursor: Cursor[TupleRow], work: Work, facts: Iterable[RecordedFact]
) -> dict[str, list[RecordedFact]]:
    """Store facts in the streams of their wallets, and book what acts of each; what sessions are to be told of that.

    By session id, facts of it: that a charge or a refund acts since a moment, or does not any more.
    """
    by_stream: dict[UUID, list[RecordedFact]] = defaultdict(list)
    for fact in facts:
        by_stream[stream_of(fact.type, fact.data)].append(fact)
    told: dict[str, list[RecordedFact]] = defaultdict(list)
    if not by_stream:
        return told
    versions = lock_streams(cursor, by_stream)
    known = read_streams(cursor, [stream_id for stream_id, version in versions.items() if version])
    top_ups: list[tuple[str, str]] = []
    for stream_id, new in by_stream.items():
        wallet = Wallet(new[0].data["wallet_id"])
        fold(wallet, known.get(stream_id, ()), wallet.learn)
        before = wallet.acting()
        stream = work.stream(stream_id, wallet)
        for fact in new:
            stream.append(fact)
            wallet.learn(fact)
        stream.write(wallet.decide())
        top_ups += [(PAYMENT.of(fact.data), wallet.wallet_id) for fact in new if fact.type == TOPPED_UP]
        messages = {(fact.source, fact.id): fact for fact in new}
        for session_id, fact in news(wallet, before, messages):
            told[session_id].append(fact)
    work.receipts |= refer_top_ups(cursor, top_ups)
    return told


def news(
    wallet: Wallet, before: Mapping[MessageKey, Acting], messages: Mapping[MessageKey, RecordedFact]
) -> Iterator[tuple[str, RecordedFact]]:
    """What became of charges and refunds, as facts of their sessions; of what acts no more the earlier moment."""
    after = wallet.acting()
    revision = len(wallet.moves)
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) == after.get(key):
            continue
        move, at = after.get(key) or before[key]
        name = "charge_id" if move.type == CHARGED else "refund_id"
        data: dict[str, Any] = {
            "wallet_id": wallet.wallet_id,
            name: move.name,
            "session_id": move.session_id,
            "amount": move.data["amount"],
            "told_id": move.id,
            "at": utc_text(at),
            "stands": key in after,
            "revision": revision,
        }
        known = messages.get(key)
        type_ = WALLET_CHARGE if move.type == CHARGED else WALLET_REFUND
        time = known.time if known is not None else move.at
        yield move.session_id, RecordedFact(type_, move.source, f"{move.id}@{revision}", time, data)
