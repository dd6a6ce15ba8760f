"""Operators as documents: the terms in effect, the versions there are, and the masked account."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.calendar import utc_text
from domain.catalogue.run_terms import RUN_TERMS
from projections.operators import OperatorTerms, Terms

# Terms that are told where they were published, in this order.
_TERMS = (
    *("name", "country_code", "party_id", "time_zone", "currency", "effective_from", "commission", "psp_fee_bearer"),
    *("fund_release", "payout", "cdr_delay_minutes", "orphan_hours", "hold_overlaps", "advance_limit"),
    *RUN_TERMS,
)


def operator_document(operator: OperatorTerms, at: datetime | None = None) -> dict[str, Any]:
    """`operator_id`, the terms in effect, the masked `bank_account`, `held`, and `versions` with their starts."""
    in_effect = operator.in_effect(at)
    return {
        "operator_id": operator.operator_id,
        **_terms(in_effect),
        "bank_account": dict(operator.account(at)),
        "held": {"held": operator.held_because is not None, "reason": operator.held_because},
        "versions": [
            {
                "in_effect_from": utc_text(start),
                "published_at": utc_text(version.time),
                "in_effect": version.value is in_effect,
            }
            for start, version in operator.versions.timeline
        ],
    }


def _terms(version: Terms) -> Mapping[str, Any]:
    return {name: version.terms[name] for name in _TERMS if version.terms.get(name) is not None}
