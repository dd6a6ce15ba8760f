"""The one exception tree of the reference processor.

ProcessorError
├── OrderRefused      an order that is not what its hash or its number of entries says, or that cannot be read
├── FileUnreadable    a bank file that is none of its form: pain.001, ACH, a list
└── BehaviourRefused  a wish for the bank's behaviour that cannot be understood
"""


class ProcessorError(Exception):
    """Something that the reference processor does not do; the message says what, where and what to do."""


class OrderRefused(ProcessorError):
    """An order that must not be paid: it is told, and not answered."""


class FileUnreadable(ProcessorError):
    """A file that lies where bank files do and is none."""


class BehaviourRefused(ProcessorError):
    """No behaviour of a bank."""
