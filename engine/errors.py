"""The one exception tree of the engine.

EngineError
├── PartitionLost     another consumer owns the partition now; nothing was written
└── MachineryFault    the database, the brokers or the network: tried again, and nothing is quarantined for it
"""


class EngineError(Exception):
    """A use case could not be done; the message says what, where and what to do."""


class PartitionLost(EngineError):
    """The epoch a batch was read under is over: its partition has a newer owner, and nothing was written."""


class MachineryFault(EngineError):
    """The database or the brokers do not answer; the same work is tried again, unchanged."""
