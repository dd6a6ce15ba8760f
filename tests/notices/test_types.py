"""All that people are told on `settlement.notifications` has a type of notice, by which subscriptions name it."""

import re
from pathlib import Path

from domain.book.findings import FindingKind
from domain.notice.kinds import FINDING, TYPE_OF_KIND, NoticeType, type_of_kind
from domain.payout.events import PayoutStatus
from projections import notifications
from projections.notices.events import TOPICS
from projections.notifications import NOTIFICATIONS, SESSION_KINDS

SOURCE = Path(notifications.__file__).read_text(encoding="utf-8")


def test_every_kind_that_is_no_finding_has_a_type_of_its_own() -> None:
    named = {*re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', SOURCE)} - set(FindingKind) - set(PayoutStatus)
    kinds = named | {*SESSION_KINDS.values()} | {f"PAYOUT_{status}" for status in PayoutStatus}
    assert {"PAYOUTS_STOPPED", "SOURCE_AHEAD", "SESSION_SUSPENDED", "PAYOUT_PAID"} <= kinds
    assert kinds <= TYPE_OF_KIND.keys()


def test_findings_are_named_by_their_kinds() -> None:
    found = {type_of_kind(kind) for kind in FindingKind if kind not in TYPE_OF_KIND}
    assert all(each.startswith(FINDING) for each in found)
    assert not found & set(NoticeType)


def test_all_that_is_told_there_is_followed() -> None:
    assert NOTIFICATIONS.keys() <= TOPICS
