"""The one exception tree of the wire.

ContractError
├── UnknownTypeError       an event type that is not part of the contract
└── NotEncodableError      an event we were about to send that breaks its own contract

Messages that come in are never refused by an exception: `decode` answers with a Refusal.
"""


class ContractError(ValueError):
    """An event that breaks the contract; the message says what, where and what to do."""


class UnknownTypeError(ContractError):
    """An event type that contracts do not name."""


class NotEncodableError(ContractError):
    """An outgoing event with a naive time or a value that JSON cannot hold."""
