"""What notices to operators are sent by, as the settings say: webhooks always, mail where a server is set."""

from typing import TYPE_CHECKING

from wattledger.serving import webhook_seal

if TYPE_CHECKING:
    from api.outward.notices import Post
    from wattledger.settings import Settings


def post_of(settings: "Settings") -> "Post | None":
    """How mail is sent; None where no server is set, so that it waits."""
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
