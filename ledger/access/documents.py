"""People, keys and records of the audit log as JSON, for commands and the API alike."""

from datetime import datetime
from typing import Any

from domain.calendar import utc_text
from ledger.access.audit_log import StoredRecord
from ledger.access.deliveries import Delivery
from ledger.access.keys import Key
from ledger.access.people import Person
from ledger.access.webhooks import Endpoint


def person_document(person: Person) -> dict[str, Any]:
    """A person: who, what, how she signs in and when; no hash."""
    return {
        "name": person.name,
        "role": person.role,
        "operators": person.operators,
        "signs_in_by": person.issuer or "password",
        "created_at": utc_text(person.created_at),
        "signed_in_at": time_or_none(person.signed_in_at),
        "disabled_at": time_or_none(person.disabled_at),
    }


def key_document(key: Key) -> dict[str, Any]:
    """A key without its secret; `principal` is the name under which it acts."""
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "operators": key.operators,
        "principal": key.principal,
        "created_at": utc_text(key.created_at),
        "created_by": key.created_by,
        "expires_at": time_or_none(key.expires_at),
        "last_used_at": time_or_none(key.last_used_at),
        "revoked_at": time_or_none(key.revoked_at),
    }


def record_document(record: StoredRecord) -> dict[str, Any]:
    """A record of the audit log."""
    return {
        "id": record.id,
        "at": utc_text(record.at),
        "request_id": record.request_id,
        "principal": record.principal,
        "role": record.role,
        "method": record.method,
        "path": record.path,
        "status": record.status,
        "object": record.object,
        "edited_by": record.edited_by,
    }


def endpoint_document(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint of webhooks without its secrets; `rotating_until` is until when the one before signs too."""
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "types": endpoint.types,
        "state": endpoint.state,
        "reason": endpoint.reason,
        "created_at": utc_text(endpoint.created_at),
        "created_by": endpoint.created_by,
        "rotating_until": time_or_none(endpoint.previous_until),
        "delivered_at": time_or_none(endpoint.delivered_at),
        "failing_since": time_or_none(endpoint.failing_since),
    }


def delivery_document(delivery: Delivery) -> dict[str, Any]:
    """A message for an endpoint; `id` is its webhook-id, `answer` the last status of HTTP, `error` why none came."""
    return {
        "id": delivery.id,
        "endpoint_id": delivery.endpoint_id,
        "type": delivery.type,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "next_at": time_or_none(delivery.next_at),
        "created_at": utc_text(delivery.created_at),
        "attempted_at": time_or_none(delivery.attempted_at),
        "answer": delivery.answer,
        "error": delivery.error,
    }


def time_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else utc_text(moment)
