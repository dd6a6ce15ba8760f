"""What people decide of the book, without a database: judged by the journal that the examples have made so far."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from contracts.decode import Message
from contracts.messages import MESSAGE_TYPES, stream_of
from domain.book.journal import Entry
from domain.closing.affair import Affair
from domain.closing.kinds import AFFAIRS
from domain.closing.statement import OWED, POOL
from domain.closing.sweep import SweepAffair, SweepAround
from domain.closing.vat_return import VatAround
from domain.fact import RecordedFact


@dataclass(slots=True)
class DryAffairs:
    """The affairs that were told of; nothing here closes a period, so every month counts as closed."""

    affairs: dict[UUID, Affair] = field(default_factory=dict)

    def learn(self, message: Message) -> None:
        """Take a decision in."""
        stream_id = stream_of(message.type, message.data)
        named = MESSAGE_TYPES[message.type].stream
        name = named(message.data) if named else ""
        affair = self.affairs.setdefault(stream_id, AFFAIRS[message.type](stream_id, name))
        affair.learn(RecordedFact(message.type, message.source, message.id, message.time, message.data))

    def decide(self, journal: Sequence[Entry], until: datetime) -> Iterator[tuple[UUID, list[Any]]]:
        """Judge what is due by a moment, in the order of its times."""
        while due := [(told.at, each) for each in self.affairs.values() if (told := each.due()) is not None]:
            at, affair = min(due, key=lambda one: (one[0], one[1].name))
            told = affair.due()
            if at > until or told is None:
                return
            around: Any = VatAround("9999-12", None, partial(_vat, journal, told.data))
            if isinstance(affair, SweepAffair):
                around = SweepAround(_free(journal, at))
            yield affair.stream_id, affair.decide(told, around)


def _free(journal: Sequence[Entry], at: datetime) -> int:
    lines = [line for entry in journal if entry.effective_at <= at for line in entry.postings]
    cover = sum(amount for account, amount in lines if account.partition("/")[0] in POOL + OWED)
    return min(cover, sum(amount for account, amount in lines if account == "1010"))


def _vat(journal: Sequence[Entry], data: Any) -> list[tuple[str, int]]:
    months = range(int(data["from"][5:7]), int(data["to"][5:7]) + 1)
    moved: dict[str, int] = {}
    for entry in journal:
        if entry.effective_at.month in months and entry.kind != "J58":
            for account, amount in entry.postings:
                if account.partition("/")[0] in ("2110", "1310"):
                    moved[account] = moved.get(account, 0) + amount
    return sorted(moved.items())
