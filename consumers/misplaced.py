"""Rows of the outbox that are none of the engine's: whoever may write it could have money moved by a message."""

from contracts.errors import ContractError
from contracts.outgoing import OUTBOUND_TOPIC_OF
from domain.payout.events import PayoutCreated


def refuse_other_topic(topic: str, type_: str) -> None:
    """Refuse what goes to another topic than its type does by the contract; raises ContractError."""
    right = OUTBOUND_TOPIC_OF[type_]
    if topic != right:
        raise ContractError(f"{type_} is sent to {right}, and not to {topic}")


def refuse_other_key(key: str, operator_id: str) -> None:
    """Refuse what goes under another key than its operator; raises ContractError."""
    if key != operator_id:
        raise ContractError(f"it is of operator {operator_id}, and its key is {key!r}")


def refuse_waiting(payout: PayoutCreated) -> None:
    """Refuse a payout that waits for people to let it go; raises ContractError."""
    if not payout.is_handed_off:
        raise ContractError(f"payout {payout.payout_id} waits for approval: it is sent once people let it go")
