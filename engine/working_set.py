"""What one process holds between its transactions: its way to the database, the catalogue, and its warm sessions.

The intake and the clock of a process may share one, so that the clock finds warm what the intake has just judged.
"""

from dataclasses import dataclass, field

from domain.catalogue.catalogue import POWER_MAX_KW
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

    @staticmethod
    def of(
        source: "str | WorkingSet", power_max_kw: int = POWER_MAX_KW, cover_rule: CoverRule = CoverRule.WARN
    ) -> "WorkingSet":
        """A new one for a database (by its DSN), or the one that is given; no connector gives `power_max_kw`."""
        if not isinstance(source, str):
            return source
        return WorkingSet(Gateway(source), KnownCatalogue(power_max_kw), cover_rule=cover_rule)

    def forget(self) -> None:
        """Drop catalogue and sessions from memory: after a rollback they may be ahead of the store."""
        self.known.forget()
        self.sessions.forget()

    def close(self) -> None:
        """Give the connection back."""
        self.gateway.close()
