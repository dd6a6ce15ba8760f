"""Where the inbound partitions end, for whoever only wants to know and waits for nobody."""

import asyncio
from collections.abc import Mapping
from typing import Any

from consumers.topics import inbound_bounds
from ledger.errors import MachineryFault
from ledger.intake.positions import Partition

# Brokers that do not answer within this time are away, as far as a look at the system goes.
LOOK_S = 3.0


def inbound_bounds_now(
    client_options: Mapping[str, Any], patience_s: float = LOOK_S
) -> dict[Partition, tuple[int, int]]:
    """The first offset of each inbound partition and the one behind its last.

    Raises MachineryFault when the brokers cannot be reached, or do not answer in time.
    """
    try:
        return asyncio.run(asyncio.wait_for(inbound_bounds(client_options), patience_s))
    except TimeoutError:
        raise MachineryFault(f"Kafka does not answer within {patience_s:.0f} s; check its address") from None
