"""Signing a decision: what is signed is what is kept, times and accounts in the form of the contract."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from contracts.decode import Message, decode_event
from contracts.refusal import Refusal
from contracts.signatures import SIGNATURE, message_name

# The signature over the type of an event and its data, for the message of a name (`message_name`).
# It raises what says that nothing can be signed now.
Sign: TypeAlias = Callable[[str, Mapping[str, Any], str], str]


class Signed(NamedTuple):
    """A decision with its signature, to be published, and as it is read."""

    event: dict[str, Any]
    message: Message


def signed(event: Mapping[str, Any], sign: Sign) -> Signed | Refusal:
    """A decision as it is kept, with its signature; or why the intake would refuse it."""
    read = decode_event(dict(event))
    if isinstance(read, Refusal):
        return read
    signature = sign(read.type, read.data, message_name(read.source, read.id))
    return Signed({**event, "data": read.data, SIGNATURE: signature}, read)
