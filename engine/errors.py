"""The one exception tree of the engine.

EngineError
├── NothingUnread     no batch that cannot be read stands where one is to be passed; nothing was written
├── OrderRefused      an order to rate anew that would be refused, or change nothing; nothing was published
├── PartitionLost     another consumer owns the partition now; nothing was written
└── RunsFailed        the payout runs of an operator break; those of the others are made

A database that does not answer is ledger.errors.MachineryFault.
"""


class EngineError(Exception):
    """A use case could not be done; the message says what, where and what to do."""


class NothingUnread(EngineError):
    """Reading stands still before no batch at that place, so that there is nothing to pass."""


class OrderRefused(EngineError):
    """An order to rate anew that cannot be given; the message says why, and what to name instead."""


class PartitionLost(EngineError):
    """The epoch a batch was read under is over: its partition has a newer owner, and nothing was written."""


class RunsFailed(EngineError):
    """The payout runs of an operator break; nothing of them was written, and those of the others are made."""
