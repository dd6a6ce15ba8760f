"""What one process holds between its transactions: its way to the database, the catalogue, and its warm sessions.

The intake and the clock of a process may share one, so that the clock finds warm what the intake has just judged.
"""

from dataclasses import dataclass, field
from datetime import datetime

from contracts.signatures import Keyring
from domain.catalogue.catalogue import POWER_MAX_KW
from domain.payout.circumstances import Circumstances, DecisionRules
from domain.payout.cover import CoverRule
from engine.sessions import SessionStore
from ledger.gateway import Gateway
from ledger.intake.catalogue import KnownCatalogue


@dataclass(frozen=True, slots=True)
class WorkingSet:
    """For one thread at a time: nothing in it is locked."""

    gateway: Gateway
    known: KnownCatalogue = field(default_factory=KnownCatalogue)
    sessions: SessionStore = field(default_factory=SessionStore)
    # What becomes of runs that take client money below zero.
    cover_rule: CoverRule = CoverRule.WARN
    # Whose decisions count, and what the platform has set for them.
    decision_keys: Keyring = field(default_factory=Keyring)
    rules: DecisionRules = field(default_factory=DecisionRules)

    @staticmethod
    def of(
        source: "str | WorkingSet",
        power_max_kw: int = POWER_MAX_KW,
        cover_rule: CoverRule = CoverRule.WARN,
        decision_keys: Keyring | None = None,
        rules: DecisionRules | None = None,
    ) -> "WorkingSet":
        """A new one for a database (by its DSN), or the one that is given; no connector gives `power_max_kw`."""
        if not isinstance(source, str):
            return source
        keys, rules = decision_keys or Keyring(), rules or DecisionRules()
        known = KnownCatalogue(power_max_kw, rules.cooling_off)
        return WorkingSet(Gateway(source), known, cover_rule=cover_rule, decision_keys=keys, rules=rules)

    def around(self, operator_id: str, *, is_live: bool, now: datetime | None = None) -> Circumstances:
        """What rules an operator's payouts, by all that is known of it and acts by now."""
        return Circumstances.of(
            self.known.catalogue, operator_id, self.rules, is_live=is_live, weighs_cover=self.weighs_cover, now=now
        )

    @property
    def weighs_cover(self) -> bool:
        """Whether what people let go leaves only as far as client money reaches."""
        return self.cover_rule is CoverRule.STOP

    def forget(self) -> None:
        """Drop catalogue and sessions from memory: after a rollback they may be ahead of the store."""
        self.known.forget()
        self.sessions.forget()

    def close(self) -> None:
        """Give the connection back."""
        self.gateway.close()
