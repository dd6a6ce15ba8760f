"""What notices to operators are sent by, as the settings say: webhooks always, mail where a server is set."""

from typing import TYPE_CHECKING

from wattledger.errors import ApplicationError
from wattledger.serving import webhook_seal, webhook_targets

if TYPE_CHECKING:
    from api.outward.client import Outward
    from api.outward.notices import Post
    from api.outward.sending import Sender
    from ledger.access.door import Door
    from ledger.access.notices import DueNotice, ListedNotice
    from wattledger.settings import Settings
    from wattledger.store import Store


def by_webhook(settings: "Settings", door: "Door", outward: "Outward") -> "Sender[DueNotice]":
    """What sends notices by webhook."""
    from api.outward.notices import WebhookNotices
    from api.outward.sending import Sender

    return Sender(WebhookNotices(door, webhook_seal(settings), outward))


def by_mail(settings: "Settings", door: "Door") -> "Sender[DueNotice] | None":
    """What sends notices by mail; None where no server is set, so that they wait."""
    post = _post_of(settings)
    if post is None:
        return None
    from api.outward.notices import MAIL_BOUNDS, MailNotices
    from api.outward.sending import Sender

    return Sender(MailNotices(door, post), MAIL_BOUNDS)


def _post_of(settings: "Settings") -> "Post | None":
    if settings.smtp_url is None or settings.mail_from is None or settings.public_url is None:
        return None
    from api.outward.letters import mailbox
    from api.outward.mail_server import MailServer
    from api.outward.notice_letters import Desk
    from api.outward.notices import Post
    from api.outward.unsubscribing import Links

    return Post(
        MailServer.of(settings.smtp_url.get_secret_value()),
        mailbox(settings.mail_from),
        Desk(settings.platform_name, settings.public_url),
        Links(webhook_seal(settings), settings.public_url),
    )


async def send_one(store: "Store", subscription: str) -> "ListedNotice":
    """Send a subscription (OPERATOR/SUBSCRIPTION) a notice that tries it, at once; what came of it.

    Raises AccessRefused for one that is not known or is disabled, ApplicationError where nothing sends mail.
    """
    from datetime import UTC, datetime
    from uuid import uuid4

    from api.outward.client import Outward
    from api.outward.sending import LEASE
    from ledger.access import notice_targets, notices
    from ledger.access.door import Door

    door, outward, now = Door(store.dsn), Outward(webhook_targets(store.settings)), datetime.now(UTC)
    try:
        with door.transaction() as cursor:
            channel = notice_targets.present(cursor, subscription).subscription.channel
            sender = _sender(channel.value, store.settings, door, outward)
            # Taken where it is put, so that nobody else sends it.
            put = notices.put_test(cursor, subscription, uuid4().hex, now)
            due = notices.take(cursor, put.id, now, now + LEASE)
        await sender.deliver(due)
        sender.close()
        with door.transaction() as cursor:
            found = notices.find(cursor, put.id)
        assert found is not None
        return found
    finally:
        await outward.close()
        door.close()


def _sender(channel: str, settings: "Settings", door: "Door", outward: "Outward") -> "Sender[DueNotice]":
    if channel != "MAIL":
        return by_webhook(settings, door, outward)
    found = by_mail(settings, door)
    if found is None:
        raise ApplicationError(
            "WATTLEDGER_SMTP_URL is not set, so that mail waits; set it with WATTLEDGER_MAIL_FROM and "
            "WATTLEDGER_PUBLIC_URL"
        )
    return found
