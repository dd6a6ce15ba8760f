"""Subscriptions and notices as JSON, for commands and the API alike; no secret is in any of it."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from domain.calendar import utc_text
from ledger.access.documents import time_or_none
from ledger.access.notice_targets import NoticeTarget
from ledger.access.notices import ListedNotice


def subscription_document(found: NoticeTarget) -> dict[str, Any]:
    """A subscription as its version in effect says, and whether anything is sent there; `reason` says why not."""
    wanted, quiet = found.subscription, found.data.get("quiet")
    return {
        "operator_id": found.operator_id,
        "subscription_id": found.subscription_id,
        "events": list(wanted.events),
        "channel": wanted.channel.value,
        "target": wanted.target,
        "digest": wanted.digest.value,
        "quiet": {"from": quiet["from"], "to": quiet["to"]} if quiet else None,
        "min_severity": wanted.min_severity.value,
        "language": wanted.language,
        "enabled": wanted.enabled,
        "state": found.state,
        "reason": found.reason,
        "set_at": utc_text(found.version_at),
        "has_secret": found.has_secret,
        "rotating_until": time_or_none(found.previous_until),
        "delivered_at": time_or_none(found.delivered_at),
        "failing_since": time_or_none(found.failing_since),
    }


def notice_document(found: ListedNotice) -> dict[str, Any]:
    """A notice with its delivery: what it is about (`cause`), whether that goes on, and what came of sending it."""
    return {
        "id": found.id,
        "notice_id": str(found.notice_id),
        "operator_id": found.operator_id,
        "subscription_id": found.subscription_id,
        "type": found.type,
        "severity": found.severity,
        "cause": found.cause,
        "occurred_at": utc_text(found.occurred_at),
        "created_at": utc_text(found.created_at),
        "is_end": found.is_end,
        "is_open": found.is_open,
        "ended_at": time_or_none(found.ended_at),
        "channel": found.channel,
        "target": place_of(found.target),
        "status": found.status,
        "attempts": found.attempts,
        "next_at": time_or_none(found.next_at),
        "attempted_at": time_or_none(found.attempted_at),
        "answer": found.answer,
        "error": found.error,
        "digest_id": None if found.digest_id is None else str(found.digest_id),
        "data": found.data,
    }


def place_of(target: str) -> str:
    """A target as it is told of: of a URL neither who signs in there nor its query, which may hold a secret."""
    if "://" not in target:
        return target
    parts = urlsplit(target)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "…" if parts.query else "", ""))
