"""The network of the audit with terms of taxes: who sells in whose name, at home, abroad, and by which ids."""

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from tests.audit.network import Event

# Two that are right, one whose check digits are wrong, and none.
_IDS = {"DE": ("DE136695976", "DE136695977", None), "NL": ("NL004495445B01", "NL004495446B01", None)}
_PARTNERS: tuple[dict[str, Any] | None, ...] = (
    {"country": "DE", "vat_id": "DE136695976"},
    {"country": "NL", "vat_id": "NL004495445B01"},
    {"country": "FR", "vat_id": "FR40303265045"},
    {"country": "FR", "vat_id": "FR40303265046"},
    {"country": "AT"},
    None,
)


def with_taxes(random: Random, events: Iterable[Event]) -> Iterator[Event]:
    """The same history, but that operators' terms tell models and taxes, anew in each version, as partners do."""
    for event in events:
        if event["type"] in ("operator.registered", "operator.changed"):
            yield event | {"data": event["data"] | terms(random)}
        elif event["type"] == "partner.registered":
            yield event | {"data": event["data"] | {"tax": random.choice(_PARTNERS)}}
        else:
            yield event


def terms(random: Random) -> dict[str, Any]:
    """Terms of one version; some tell nothing."""
    country = random.choice(list(_IDS))
    tax: dict[str, Any] = {"country": country, "vat_id": random.choice(_IDS[country])}
    treatments = ("DOMESTIC", "REVERSE_CHARGE", "NONE")
    if random.random() < 0.8:
        percent = random.choice(("19", "5.5", "0"))
        tax["purchase"] = {"treatment": random.choice(treatments), "percent": percent, "jurisdiction": "DE"}
    if random.random() < 0.5:
        tax["commission"] = {"treatment": random.choice(treatments), "jurisdiction": random.choice(("DE", None))}
    parts = [
        {"operator_id": "OP-HOST", "role": "site host", "percent": "12.5"},
        {"operator_id": "OP-D", "role": "investor", "per_session": "0.05", "base": "NET"},
    ]
    return {
        "splits": parts[: random.choice((0, 0, 1, 2))] or None,
        "split_losses": random.choice((True, None)),
        "model": random.choice(("PRINCIPAL", "PRINCIPAL", "AGENT", None)),
        "tax": tax if random.random() < 0.9 else None,
        "dispute_fee_bearer": random.choice(("OPERATOR", "PLATFORM", None)),
        "payment_failure_bearer": random.choice(("PLATFORM", "OPERATOR", None)),
    }
