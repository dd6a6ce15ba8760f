"""What the brokers and the way to them raise, as the one fault of the machinery."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaError

from ledger.errors import MachineryFault

# What aiokafka raises of itself, and what it lets through from sockets and the resolver of names.
BROKER_FAULTS = (KafkaError, OSError)


@contextmanager
def broker_faults(sentence: str, advice: str = "check its address") -> Iterator[None]:
    """Turns the faults of brokers into a MachineryFault: what failed in a sentence, the reason, the advice."""
    try:
        yield
    except BROKER_FAULTS as fault:
        reason = " ".join(str(fault).split()) or type(fault).__name__
        raise MachineryFault(f"{sentence} ({reason}); {advice}") from fault
