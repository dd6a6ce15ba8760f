"""What can be set for mail: the server that takes it, and who sends it; checked before anything starts."""

from pydantic import SecretStr


def checked_mail_server(url: SecretStr) -> SecretStr:
    """The same; raises ValueError for what is no address of a mail server, without showing any of it."""
    from api.outward.mail_server import MailServer  # Imported here: most stores send no mail.

    MailServer.of(url.get_secret_value())
    return url


def checked_sender(text: str) -> str:
    """The same; raises ValueError for what is no mail address."""
    from api.outward.letters import mailbox

    mailbox(text)
    return text
