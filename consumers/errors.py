"""The one exception tree of the consumers.

ConsumerError
├── LogReplaced       a partition ends before the position that was read up to: not the log that was read
├── UnreadBatch       a record batch that the client cannot make records of
└── FileRefused       a file of events that cannot be read

A broker or a database that does not answer is ledger.errors.MachineryFault.
"""


class ConsumerError(Exception):
    """Something between Kafka and the intake; the message says what, where and what to do."""


class LogReplaced(ConsumerError):
    """The stored position of a partition is behind its end: the log was replaced or has lost its tail."""


class UnreadBatch(ConsumerError):
    """A record batch that the client cannot read, such as one whose codec it lacks; its partition stands still."""


class FileRefused(ConsumerError):
    """A file of events that is missing, is a folder, or may not be read."""
