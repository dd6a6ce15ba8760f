"""What statements and notices of banks are found by: sums that do not hold, numbers that are missing, and words."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.book.findings import Finding, FindingChange, FindingEnded, FindingKind, FindingOpened, OpenFindings
from domain.calendar import instant
from domain.fact import RecordedFact
from domain.money import format_minor, minor_of

STATEMENT, NOTICE = "bank.statement_told", "bank.notice_given"
_NOTICES = {
    "ACCOUNT_CHANGED": FindingKind.ACCOUNT_CORRECTION,
    "ORDER_UNKNOWN": FindingKind.BANK_ANSWER_UNKNOWN,
    "DUPLICATE_ORDER": FindingKind.BANK_ORDER_DUPLICATE,
    "RETURN_DISPUTED": FindingKind.BANK_RETURN_DISPUTED,
}
_FOUND_IN_FACTS = (*_NOTICES.values(), FindingKind.BANK_STATEMENT_DIFFERS)
_SAYS = {
    "ACCOUNT_CHANGED": "has another account for",
    "ORDER_UNKNOWN": "answers to what is no payout,",
    "DUPLICATE_ORDER": "takes for one that it has had",
    "RETURN_DISPUTED": "does not accept the return of",
}


@dataclass(slots=True)
class BankSaying:
    """A statement or a notice: what was told of it, and what is found."""

    name: str = ""
    version: int = 0
    findings: OpenFindings = field(default_factory=OpenFindings)
    _told: dict[tuple[datetime, str, str], RecordedFact] = field(default_factory=dict)

    def learn(self, fact: RecordedFact) -> None:
        """Take in that it was told."""
        data = fact.data
        ours = f"bank-statement:{data['account']}:{data['statement_id']}" if fact.type == STATEMENT else ""
        self.name = ours or f"bank-notice:{data['notice_id']}"
        self._told[instant(fact.data["told_at" if fact.type == STATEMENT else "at"]), fact.source, fact.id] = fact

    def evolve(self, change: FindingChange) -> None:
        """Fold a decision into the state."""
        if isinstance(change, FindingOpened | FindingEnded):
            self.findings.evolve(change)

    def decide(self) -> list[FindingChange]:
        """Bring the findings in step with what was told, and fold that in."""
        found = [finding for fact in self._in_order() for finding in self._found_in(fact)]
        return self._noted(found, _FOUND_IN_FACTS)

    def decide_missing(self, missing: tuple[int, int] | None) -> list[FindingChange]:
        """Have it open which numbers before this statement were never imported, the first and the last, if any."""
        found = list(self._missing(*missing)) if missing is not None else []
        return self._noted(found, (FindingKind.BANK_STATEMENT_MISSING,))

    def _noted(self, found: list[Finding], kinds: Collection[FindingKind]) -> list[FindingChange]:
        changes = self.findings.towards(found, self.name, kinds)
        for change in changes:
            self.evolve(change)
        return changes

    def _in_order(self) -> list[RecordedFact]:
        return [fact for _, fact in sorted(self._told.items())]

    def _found_in(self, fact: RecordedFact) -> Iterator[Finding]:
        if fact.type == NOTICE:
            yield _notice(fact)
            return
        data = fact.data
        opening, closing, entries = (_minor(data.get(name)) for name in ("opening", "closing", "entries"))
        if opening is None or closing is None or entries is None or opening[1] != closing[1]:
            return
        currency = opening[1]
        difference = closing[0] - opening[0] - entries[0]
        if difference:
            sums = [f"{format_minor(each, currency)} {currency}" for each in (opening[0], entries[0], closing[0])]
            yield Finding(
                FindingKind.BANK_STATEMENT_DIFFERS,
                f"sums:{fact.source}:{fact.id}",
                subject=data["statement_id"],
                operator_id="",
                since=instant(data["told_at"]),
                sentence=(
                    f"statement {data['statement_id']} of account {data['account']} opens with {sums[0]}, has "
                    f"entries of {sums[1]} and closes with {sums[2]}"
                ),
                currency=currency,
                amount=difference,
            )

    def _missing(self, first: int, last: int) -> Iterator[Finding]:
        fact = self._in_order()[0]
        account, statement = fact.data["account"], fact.data["statement_id"]
        which = f"number {first}" if first == last else f"numbers {first} to {last}"
        yield Finding(
            FindingKind.BANK_STATEMENT_MISSING,
            "missing",
            subject=account,
            operator_id="",
            since=instant(fact.data["told_at"]),
            sentence=f"of account {account} the statements before {statement}, {which}, are missing",
        )


def _notice(fact: RecordedFact) -> Finding:
    data = fact.data
    what = data.get("payout_id") or data.get("reference") or "an order"
    rest = [f"{data[name]}" for name in ("reason", "text") if data.get(name)]
    said = f" ({', '.join(rest)})" if rest else ""
    return Finding(
        _NOTICES[data["kind"]],
        "notice",
        subject=what,
        operator_id="",
        since=instant(data["at"]),
        sentence=f"{data['account']} {_SAYS[data['kind']]} {what}{said}",
    )


def _minor(money: Mapping[str, Any] | None) -> tuple[int, str] | None:
    return None if money is None else (minor_of(money), money["currency"])
