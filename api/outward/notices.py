"""What is due to subscriptions of operators, as the sender takes it: by webhook, or by mail."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address

import orjson

from api.outward.client import Outward
from api.outward.letters import NoMailbox, mailbox, written
from api.outward.mail_server import MailServer
from api.outward.notice_letters import Desk, letter_of
from api.outward.pauses import doubled, jittered
from api.outward.posting import post_signed
from api.outward.sealing import Seal, new_secret
from api.outward.sending import Bounds, Outcome, Turns, Verdict
from api.outward.smtp import hand_in
from api.outward.unsubscribing import Links
from domain.calendar import utc_text
from domain.notice.subscription import Channel
from ledger.access import notice_targets, notices
from ledger.access.door import Door
from ledger.access.notices import DueNotice

_log = logging.getLogger(__name__)

# A server of mail that is away is asked again soon, and then less often.
_AWAY_S, _AWAY_S_MAX = 2.0, 300.0
# Of one server of mail, few connections at once.
MAIL_BOUNDS = Bounds(in_flight=8, each=2, failing=4)


def body_of(due: DueNotice) -> bytes:
    """The body of a webhook: the same bytes on each attempt."""
    told = {
        "type": due.type,
        "timestamp": utc_text(due.occurred_at),
        "data": {
            **due.data,
            "operator_id": due.operator_id,
            "subscription_id": due.subscription_id,
            "severity": due.severity,
            "resolved": due.is_end,
        },
    }
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)


class _Notices:
    """What both channels do alike: deliveries of one of them, and how outcomes are written down."""

    channel: Channel

    def __init__(self, door: Door) -> None:
        self._door = door

    def claim(
        self, now: datetime, lease: datetime, limit: int, *, each: int, failing: bool, turns: Turns
    ) -> list[DueNotice]:
        """So many that are due, ours until `lease`."""
        with self._door.transaction() as cursor:
            return notices.claim(
                cursor,
                now,
                lease,
                limit,
                channel=self.channel,
                each=each,
                failing=failing,
                without=turns.without,
                served=turns.served,
            )

    def taken(self, due: DueNotice, answer: int, now: datetime) -> None:
        """Write down that it was taken."""
        with self._door.transaction() as cursor:
            notices.delivered(cursor, due, answer, now)

    def not_taken(self, due: DueNotice, outcome: Outcome, verdict: Verdict, now: datetime) -> None:
        """Write down that it was not; a target that is gone, or took nothing for days, is disabled, which is told."""
        disabled = verdict.disabled or _given_up(outcome, verdict)
        with self._door.transaction() as cursor:
            notices.failed(
                cursor,
                due,
                outcome.answer,
                outcome.error,
                now=now,
                next_at=verdict.next_at,
                not_before=verdict.not_before,
            )
            if disabled is not None:
                notices.disable(cursor, due.target_id, disabled, now)
        if disabled is not None:
            _log.warning("subscription %s is told nothing any more: %s", due.target_id, disabled)
        if verdict.next_at is None:
            _log.warning("a notice is given up", extra={"notice": due.id, "subscription": due.target_id})


def _given_up(outcome: Outcome, verdict: Verdict) -> str | None:
    """Why a target is disabled whose notice was tried as often as any is: after the last attempt, told by mail."""
    if verdict.next_at is not None or outcome.is_final:
        return None
    last = f"status {outcome.answer}" if outcome.answer is not None else str(outcome.error)
    return f"it did not take a notice in all of its attempts; last: {last}"


class WebhookNotices(_Notices):
    """Notices by webhook, in the form of Standard Webhooks."""

    channel = Channel.WEBHOOK

    def __init__(self, door: Door, seal: Seal, outward: Outward) -> None:
        super().__init__(door)
        self._seal, self._outward = seal, outward

    async def attempt(self, due: DueNotice, now: datetime) -> Outcome:
        """One request, signed by the secret and, while it is replaced, by the one before."""
        secret = due.secret or await asyncio.to_thread(self._new_secret, due.target_id)
        sealed = (secret, due.previous_secret)
        return await post_signed(self._outward, self._seal, due.target, due.id, body_of(due), sealed, now)

    def _new_secret(self, target_id: str) -> bytes:
        """The sealed secret of a target that had none; the same for all who make it one at once."""
        with self._door.transaction() as cursor:
            return notice_targets.ensure_secret(cursor, target_id, self._seal.sealed(new_secret()))


@dataclass(frozen=True, slots=True)
class Post:
    """How mail is written and handed in: the server, who sends it, for which desk, and how its links are made."""

    server: MailServer
    sender: Address
    desk: Desk
    links: Links


class MailNotices(_Notices):
    """Notices by mail; while the server is away nothing is tried, and no attempt is counted."""

    channel = Channel.MAIL

    def __init__(self, door: Door, post: Post) -> None:
        super().__init__(door)
        self._post = post
        self._times_away = 0
        self._away_until: datetime | None = None

    def claim(
        self, now: datetime, lease: datetime, limit: int, *, each: int, failing: bool, turns: Turns
    ) -> list[DueNotice]:
        """So many that are due; none while the server is away."""
        if self._away_until is not None and now < self._away_until:
            return []
        return super().claim(now, lease, limit, each=each, failing=failing, turns=turns)

    async def attempt(self, due: DueNotice, now: datetime) -> Outcome:
        """One mail, with the same Message-ID whenever it is sent."""
        letter = letter_of(due, self._post.desk, self._post.links.url(due.target_id, due.target))
        try:
            message = written(letter, self._post.sender, now)
        except NoMailbox as error:
            return Outcome(None, f"its target {error}", is_final=True, gone=f"its target {error}")
        recipient = mailbox(letter.recipient).addr_spec
        return await hand_in(self._post.server, self._post.sender.addr_spec, recipient, message)

    def taken(self, due: DueNotice, answer: int, now: datetime) -> None:
        """Write down that it was taken: the server is back."""
        self._times_away, self._away_until = 0, None
        super().taken(due, answer, now)

    def not_taken(self, due: DueNotice, outcome: Outcome, verdict: Verdict, now: datetime) -> None:
        """Write down that it was not; one that reached no server waits, as if it had not been tried."""
        if not outcome.is_away:
            super().not_taken(due, outcome, verdict, now)
            return
        pause = timedelta(seconds=doubled(self._times_away, _AWAY_S, _AWAY_S_MAX))
        if self._away_until is None or self._away_until <= now:
            self._times_away += 1
            self._away_until = now + jittered(pause)
            _log.warning("no mail is sent until %s: %s", utc_text(self._away_until), outcome.error)
        with self._door.transaction() as cursor:
            notices.postpone(cursor, due, self._away_until)
