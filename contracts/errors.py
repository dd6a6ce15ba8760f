"""The one exception tree of the wire.

ContractError
├── UnknownTypeError       an event type that is not part of the contract
└── NotEncodableError      an event we were about to send that breaks its own contract

Messages that come in are never refused by an exception: `decode` answers with a Refusal.
"""


class ContractError(ValueError):
    """An event, or another document, that breaks the contract; the message says what, where and what to do.

    `path` is where the first thing is that is wrong, such as `circuits[0].parent`, in documents that are read whole.
    """

    def __init__(self, sentence: str, path: str | None = None) -> None:
        super().__init__(sentence)
        self.path = path


class UnknownTypeError(ContractError):
    """An event type that contracts do not name."""


class NotEncodableError(ContractError):
    """An outgoing event with a naive time or a value that JSON cannot hold."""
