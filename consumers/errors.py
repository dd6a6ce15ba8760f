"""The one exception tree of the consumers.

ConsumerError
├── LogReplaced       a partition ends before the position that was read up to: not the log that was read
└── FileRefused       a file of events that cannot be read

engine.errors.MachineryFault
└── Stalled           the database or the brokers were away for longer than anybody wanted to wait
"""

from engine.errors import MachineryFault


class ConsumerError(Exception):
    """Something between Kafka and the intake; the message says what, where and what to do."""


class Stalled(MachineryFault):
    """Nothing moved for the whole patience; names the last fault."""


class LogReplaced(ConsumerError):
    """The stored position of a partition is behind its end: the log was replaced or has lost its tail."""


class FileRefused(ConsumerError):
    """A file of events that is missing, is a folder, or may not be read."""
