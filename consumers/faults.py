"""What the brokers and the way to them raise, as the one fault of the machinery."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from ledger.errors import MachineryFault, NeedsHelp

# What aiokafka raises of itself, and what it lets through from sockets and the resolver of names.
BROKER_FAULTS = (KafkaError, OSError)
# What waiting does not mend: a right that we have not, and what a process or a machine has no more of.
_REFUSED = (AuthenticationFailedError, TopicAuthorizationFailedError, ClusterAuthorizationFailedError)
_USED_UP = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@contextmanager
def broker_faults(sentence: str, advice: str = "check its address") -> Iterator[None]:
    """Turns the faults of brokers into a MachineryFault: what failed in a sentence, the reason, the advice."""
    try:
        yield
    except BROKER_FAULTS as fault:
        reason = " ".join(str(fault).split()) or type(fault).__name__
        if isinstance(fault, _REFUSED) or (isinstance(fault, OSError) and fault.errno in _USED_UP):
            raise NeedsHelp(f"{sentence} ({reason}); {advice}") from fault
        raise MachineryFault(f"{sentence} ({reason}); {advice}") from fault
