"""Who may write and read which topic: one role for each kind of sender, so that nobody says what is another's to say.

A type counts on its own topic alone (`contracts.messages`), so that a right to a topic is one to its types. Kafka
tells no reader who has written a record: only the brokers can keep others out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from contracts.authorizations import ANSWERS_TOPIC, QUESTIONS_TOPIC
from contracts.messages import INBOUND_TOPICS
from contracts.profiles import PROFILES_TOPIC

# Our own processes, which write and read everything.
ENGINE = "wattledger"


@dataclass(frozen=True, slots=True)
class Role:
    """What a kind of sender writes and reads; the user of an embedded Kafka has the role's name."""

    who: str
    writes: tuple[str, ...]
    reads: tuple[str, ...] = ()


ROLES: Mapping[str, Role] = MappingProxyType(
    {
        "gateway": Role(
            "a gateway to chargers",
            ("charging.sessions", "charging.chargers", "sites", QUESTIONS_TOPIC),
            ("settlement.notifications", ANSWERS_TOPIC, PROFILES_TOPIC),
        ),
        "processor": Role("a payout processor", ("payout.results",), ("settlement.batches",)),
        "provider": Role("a payment provider", ("payments",), ()),
        "roaming": Role("a hub or roaming partner that comes by Kafka", ("roaming",), ("settlement.cdrs",)),
        "bank": Role("who fetches statements from banks", ("bank",), ()),
        "finance": Role("who publishes operators, tariffs and invoices", ("catalogue", "billing"), ()),
        "treasury": Role("who exchanges money, and pays suppliers of the platform", ("treasury",), ()),
    }
)

# What the engine alone writes: decisions are signed besides, and what leaves is what others act on.
ENGINE_TOPICS: tuple[str, ...] = (
    "decisions",
    "settlement.batches",
    "settlement.cdrs",
    "settlement.notifications",
    "settlement.deadletter",
    "settlement.heads",
    "settlement.anchors",
    ANSWERS_TOPIC,
    PROFILES_TOPIC,
)


def writers() -> dict[str, tuple[str, ...]]:
    """By topic, the roles that may write to it beside the engine."""
    topics = dict.fromkeys((*INBOUND_TOPICS, QUESTIONS_TOPIC, *ENGINE_TOPICS))
    return {topic: tuple(name for name, role in ROLES.items() if topic in role.writes) for topic in topics}
