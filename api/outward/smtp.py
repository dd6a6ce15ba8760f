"""One attempt at a mail: handed in, and what the answers mean (RFC 5321)."""

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from api.outward.mail_server import MailServer
from api.outward.sending import Outcome

if TYPE_CHECKING:
    from aiosmtplib import SMTP

_COMMAND_S = 10.0
# Connection, handshake, sign-in and mail: less than after what another sender takes it for lost.
_TOTAL_S = 30.0
# The server wants its client signed in (RFC 4954), or ends the session: nothing of the mail was judged.
_OF_THE_SESSION = (421, 530, 534, 535, 538)
_PERMANENT = 500
_ERROR_MAX = 200


async def hand_in(server: MailServer, sender: str, recipient: str, message: bytes) -> Outcome:
    """Give a mail to the server; raises nothing.

    Where the server cannot be reached, or refuses us and not the mail, the outcome `is_away`. What it answers to the
    recipient for good (5xx) makes that one `gone`; to the mail itself, `is_final`.
    """
    from aiosmtplib import SMTP, SMTPException

    client = SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        timeout=_COMMAND_S,
        use_tls=server.scheme == "smtps",
        start_tls=server.scheme == "starttls",
        tls_context=server.trusted,
    )
    try:
        async with asyncio.timeout(_TOTAL_S):
            await client.connect()
            return await _handed_in(client, sender, recipient, message)
    except (SMTPException, OSError, TimeoutError, ValueError) as error:
        return Outcome(getattr(error, "code", None), _said("the mail server is away", error), is_away=True)
    finally:
        client.close()


async def _handed_in(client: "SMTP", sender: str, recipient: str, message: bytes) -> Outcome:
    from aiosmtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException, SMTPSenderRefused

    try:
        await client.sendmail(sender, [recipient], message)
    except SMTPRecipientsRefused as refused:
        return _refused(refused.recipients[0].code, refused.recipients[0], is_recipient=True)
    except SMTPSenderRefused:
        raise  # It is us whom it does not want.
    except SMTPResponseException as refused:
        if refused.code in _OF_THE_SESSION:
            raise
        return _refused(refused.code, refused, is_recipient=False)
    except UnicodeError as error:
        return Outcome(None, _said("the mail cannot be sent by this server", error), is_final=True)
    except (SMTPException, OSError, TimeoutError) as error:
        # It did take the connection: what it does with this mail, it may not do with others.
        return Outcome(None, _said("the mail server broke off", error))
    with suppress(SMTPException, OSError, TimeoutError):
        await client.quit()
    return Outcome(250, is_taken=True)


def _refused(code: int, error: Exception, *, is_recipient: bool) -> Outcome:
    if code in _OF_THE_SESSION:
        raise error
    said = _said("refused", error)
    if code < _PERMANENT:
        return Outcome(code, said)
    gone = f"its mail server refused the address: {said}"[:300] if is_recipient else None
    return Outcome(code, said, is_final=True, gone=gone)


def _said(what: str, error: Exception) -> str:
    """An answer as one line; servers may write anything into it."""
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    return f"{what}: {re.sub(r'[^ -~]+', ' ', str(text))}"[:_ERROR_MAX]
