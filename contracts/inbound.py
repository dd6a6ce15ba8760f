"""Everything that may come in: the model of each event type, those of all modules together."""

from collections.abc import Iterator
from types import ModuleType

from contracts import (
    bank_entries,
    catalogue,
    chargers,
    closing,
    decisions,
    declarations,
    finding_decisions,
    matters,
    payee_checks,
    payments,
    payout_decisions,
    roaming,
    sessions,
    sites,
    treasury,
    wallets,
)
from contracts.envelope import Event, models_by_type


def _events_of(module: ModuleType) -> Iterator[type[Event]]:
    """The events that a module defines, in the order in which they stand there."""
    for each in vars(module).values():
        if isinstance(each, type) and issubclass(each, Event) and each.__module__ == module.__name__:
            yield each


_MODULES = (
    sessions,
    chargers,
    sites,
    catalogue,
    declarations,
    payments,
    roaming,
    decisions,
    payout_decisions,
    finding_decisions,
    matters,
    bank_entries,
    payee_checks,
    closing,
    wallets,
    treasury,
)

INBOUND_MODEL_OF = models_by_type(event for module in _MODULES for event in _events_of(module))
