"""Prepaid wallets, told again from what was said of them: what acts, what waits, and what sessions were told of it.

Read from the rule alone: by time, source and id, what takes money out acts whole where the wallet holds it, and waits
where not; a refund acts once its session was charged.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import orjson

from ledger.audit.amounts import Money, instant, microseconds, minor_of
from ledger.audit.findings import open_findings
from ledger.audit.posting_table import journals_of
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.spool import Spool
from ledger.audit.streams import Fact, Stream, in_order

_TOPICS = ("wallet.topped_up", "wallet.charged", "wallet.refunded", "wallet.closed")
_NAMES = dict(zip(_TOPICS, ("top_up_id", "charge_id", "refund_id", "close_id"), strict=True))
# What sessions have of it.
CHARGE, REFUND = "wallet.charged.standing", "wallet.refunded.standing"
_OF_SESSIONS = {CHARGE: "charge_id", REFUND: "refund_id"}

# What each wallet held after all of a moment; nothing while sessions wait to be judged with what wallets told them.
_BELOW_ZERO = """
SELECT account, currency, effective_at, held::text FROM (
    SELECT account, posting.currency, effective_at,
           -sum(sum(amount_minor)) OVER (PARTITION BY account, posting.currency ORDER BY effective_at) AS held
    FROM book.posting JOIN book.entry USING (entry_id)
    WHERE account LIKE '2070/%%'
    GROUP BY account, posting.currency, effective_at
) AS by_time
WHERE NOT EXISTS (SELECT FROM intake.session_head WHERE stale)
ORDER BY account, currency, effective_at
"""

# An entry: its number, microseconds since 1970, currency, and its postings in their order.
_Entry: TypeAlias = tuple[str, int, str, tuple[tuple[str, int], ...]]


class _Said(NamedTuple):
    """A message that counts, with its topic."""

    topic: str
    fact: Fact

    @property
    def amount(self) -> int:
        return minor_of(self.fact.data["amount"])

    @property
    def currency(self) -> str:
        return str(self.fact.data["amount"]["currency"])

    @property
    def session(self) -> tuple[str, str]:
        return self.fact.data.get("session_id", ""), self.currency


class _Purse:
    """A wallet as messages come in the order of their times."""

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()
        self.acts: list[tuple[_Said, datetime]] = []
        self.waiting: list[_Said] = []
        self._charged: set[tuple[str, str]] = set()

    def take(self, said: _Said) -> None:
        """Take in a message, and all that can act from then on."""
        self.waiting.append(said)
        at = said.fact.at
        while (chosen := self._next()) is not None:
            self.waiting.remove(chosen)
            goes_out = chosen.topic in ("wallet.charged", "wallet.closed")
            self.held[chosen.currency] += -chosen.amount if goes_out else chosen.amount
            if chosen.topic == "wallet.charged":
                self._charged.add(chosen.session)
            self.acts.append((chosen, at))

    def _next(self) -> _Said | None:
        """What comes in before what goes out, each in order."""
        for said in self.waiting:
            if said.topic == "wallet.topped_up" or (
                said.topic == "wallet.refunded" and said.session in self._charged
            ):
                return said
        for said in self.waiting:
            if said.topic in ("wallet.charged", "wallet.closed") and said.amount <= self.held[said.currency]:
                return said
        return None


def check_wallet(stream: Stream, moves: "WalletMoves", tally: Tally) -> None:
    """What stands on the book of a wallet, what is told to wait, and what its sessions have to know."""
    purse, where = _Purse(), stream.name
    for said in sorted(_counting(stream), key=lambda said: said.fact.sort_key):
        purse.take(said)
    wanted = Counter(entry for said, at in purse.acts for entry in _entries(said, at))
    on_book = Counter(_standing(stream))
    for kind, _, currency, legs in (wanted - on_book).elements():
        tally.note(where, f"{kind} {legs}", "nothing", f"{where}: {kind} of {legs} {currency} is not on the book")
    for kind, _, currency, legs in (on_book - wanted).elements():
        tally.note(where, "nothing", f"{kind} {legs}", f"{where}: {kind} of {legs} {currency} was never reported")
    _compare_waiting(stream, purse, tally)
    for said, at in purse.acts:
        if said.session[0]:
            moves.tell(said.topic, said.fact, at)


def _counting(stream: Stream) -> Iterator[_Said]:
    for topic, name in _NAMES.items():
        seen: set[str] = set()
        for fact in in_order(stream.facts.get(topic, ())):
            if fact.data[name] not in seen:
                seen.add(fact.data[name])
                yield _Said(topic, fact)


def _entries(said: _Said, at: datetime) -> Iterator[_Entry]:
    data, amount = said.fact.data, said.amount
    wallet = f"2070/{data['wallet_id']}"
    legs: list[tuple[str, list[tuple[str, int]]]] = []
    if said.topic == "wallet.topped_up":
        provider, fee = f"1110/{data['provider']}", minor_of(data["fee"])
        legs = [("J11", [(provider, amount), (wallet, -amount)]), ("J03", [("5010", fee), (provider, -fee)])]
    elif said.topic == "wallet.closed":
        legs = [("J12c", [(wallet, amount), (f"1110/{data['provider']}", -amount)])]
    for kind, postings in legs:
        moved = tuple(sorted(leg for leg in postings if leg[1]))
        if moved:
            yield kind, microseconds(at), said.currency, moved


def _standing(stream: Stream) -> Iterator[_Entry]:
    for booking_type, booking in stream.standing.values():
        at = microseconds(instant(booking["effective_at"]))
        for _, kind, postings in journals_of(booking_type, booking, 1):
            yield kind, at, booking["currency"], tuple(postings)


def _compare_waiting(stream: Stream, purse: _Purse, tally: Tally) -> None:
    """What waits is open as a finding, each with its amount, and nothing else is."""
    found = Counter(
        (finding["kind"], finding["key"].partition(":")[2], finding["amount"])
        for finding in open_findings(stream)
        if finding["kind"] in ("WALLET_NOT_COVERED", "WALLET_REFUND_WITHOUT_CHARGE")
    )
    wanted = Counter(
        (
            "WALLET_REFUND_WITHOUT_CHARGE" if said.topic == "wallet.refunded" else "WALLET_NOT_COVERED",
            f"{said.fact.source}:{said.fact.id}",
            said.amount,
        )
        for said in purse.waiting
    )
    if found != wanted:
        sentence = (
            f"{stream.name}: what waits and is not told is {list((wanted - found).elements())}, and what is told "
        )
        sentence += f"and does not wait {list((found - wanted).elements())}"
        tally.note(stream.name, sorted(wanted), sorted(found), sentence)


def standing_moves(stream: Stream, topic: str, rejected: Iterable[Any] = ()) -> list[Fact]:
    """What a session has of its wallets that acts, in order; each with the id of the message that said it."""
    last: dict[tuple[str, str], Fact] = {}
    for fact in stream.facts.get(topic, ()):
        key = (fact.source, fact.data["told_id"])
        if key not in last or last[key].data["revision"] < fact.data["revision"]:
            last[key] = fact
    return in_order(
        Fact(fact.at, fact.source, fact.data["told_id"], {**fact.data, "payment_id": ""})
        for fact in last.values()
        if fact.data["stands"]
    )


class WalletMoves:
    """Charges and refunds as wallets have them act, and as sessions have them; compared when all is read."""

    def __init__(self, lines: Spool) -> None:
        self._lines = lines

    def tell(self, topic: str, fact: Fact, at: datetime) -> None:
        """Note what a wallet has act."""
        self._add(topic, fact, fact.data[_NAMES[topic]], at, "told")

    def find(self, stream: Stream) -> None:
        """Note what a session has."""
        for topic, name in _OF_SESSIONS.items():
            for fact in standing_moves(stream, topic):
                self._add(topic.removesuffix(".standing"), fact, fact.data[name], fact.at, "found")

    def _add(self, topic: str, fact: Fact, name: str, at: datetime, side: str) -> None:
        money = fact.data["amount"]
        says = [fact.data["session_id"], fact.data["wallet_id"], name, microseconds(at)]
        says += [minor_of(money), money["currency"]]
        self._lines.add(orjson.dumps([fact.source, fact.id, topic, says, side]))

    def compare(self, tally: Tally) -> None:
        """Every charge and refund that acts is with its session as its wallet has it, and no other is."""
        lines = map(orjson.loads, self._lines.sorted())
        for (_, id_, topic), some in groupby(lines, key=itemgetter(0, 1, 2)):
            tally.examined += 1
            sides: dict[str, list[Any]] = {"told": [], "found": []}
            for *_, says, side in some:
                sides[side].append(says)
            if sides["told"] != sides["found"]:
                where = f"{topic} {id_}"
                sentence = (
                    f"{where} acts as {sides['told'] or 'nothing'}, and its session has {sides['found'] or 'none'}"
                )
                tally.note(where, sides["told"], sides["found"], sentence)


def check_never_below(snapshot: Snapshot, tally: Tally) -> None:
    """No wallet was ever below zero: nobody may spend what was not there."""
    for account, currency, at, held in snapshot.rows(_BELOW_ZERO):
        tally.examined += 1
        if int(held) < 0:
            where, short = f"wallet {account.partition('/')[2]}", Money(int(held), currency)
            tally.note(where, Money(0, currency), short, f"{where} holds {short} at {at}")
