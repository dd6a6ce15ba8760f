"""The one exception tree of the consumers.

ConsumerError
├── PartitionLost     another consumer owns the partition now; nothing was written
├── MachineryFault    the database, the brokers or the network: tried again, and nothing is quarantined for it
│   └── Stalled       it was tried again for longer than anybody wanted to wait
├── LogReplaced       a partition ends before the position that was read up to: not the log that was read
└── FileRefused       a file of events that cannot be read
"""


class ConsumerError(Exception):
    """Something between Kafka and the intake; the message says what, where and what to do."""


class PartitionLost(ConsumerError):
    """The epoch a batch was read under is over: its partition has a newer owner, and nothing was written."""


class MachineryFault(ConsumerError):
    """The database or the brokers do not answer; the same work is tried again, unchanged."""


class Stalled(MachineryFault):
    """Nothing moved for the whole patience; names the last fault."""


class LogReplaced(ConsumerError):
    """The stored position of a partition is behind its end: the log was replaced or has lost its tail."""


class FileRefused(ConsumerError):
    """A file of events that is missing, is a folder, or may not be read."""
