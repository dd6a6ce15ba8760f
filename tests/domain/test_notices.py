"""Who is told what, and when: patterns, versions, quiet hours, digests, and causes that are told once."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.notice.causes import APART, Began, Cause, Ended, escalate, look, observe
from domain.notice.digests import DAILY_AT, last_due, next_due
from domain.notice.kinds import NoticeType, severity_of, type_of_kind
from domain.notice.plan import Leaving, by_itself, plan
from domain.notice.quiet import QuietHours
from domain.notice.subscription import Channel, Digest, Severity, Subscription, Told, latest, names

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
BEGIN = datetime(2026, 3, 28, 12, tzinfo=UTC)
ZONES = st.sampled_from(
    [
        AMSTERDAM,
        ZoneInfo("UTC"),
        ZoneInfo("America/St_Johns"),
        ZoneInfo("Australia/Lord_Howe"),
        ZoneInfo("Asia/Tokyo"),
    ]
)
# Around both changes of the clocks, to the minute.
MOMENTS = st.one_of(
    st.integers(0, 3 * 24 * 60).map(lambda minute: BEGIN + timedelta(minutes=minute)),
    st.integers(0, 3 * 24 * 60).map(lambda minute: datetime(2026, 10, 24, tzinfo=UTC) + timedelta(minutes=minute)),
    st.integers(0, 365 * 24 * 60).map(lambda minute: BEGIN + timedelta(minutes=minute)),
)
VERSIONS = [Told(BEGIN + timedelta(hours=number // 2), "urn:s", f"{number}") for number in range(6)]
CLOCKS = st.builds(time, st.integers(0, 23), st.integers(0, 59))


def told(*events: str, **said: object) -> Subscription:
    """A subscription to these types."""
    data = {"events": list(events) or ["*"], "channel": "MAIL", "target": "a@example.org", "enabled": True, **said}
    return Subscription.from_data(data)


def at(text: str) -> datetime:
    """A moment."""
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("pattern", "heard", "unheard"),
    [
        ("*", "payout.paid", None),
        ("payout.*", "payout.paid", "payouts.held"),
        ("payout.*", "payout.paid.twice", "payout"),
        ("charger.down", "charger.down", "charger.downs"),
        ("charger.d*n", "charger.down", "charger.down.again"),
        ("*.down", "charger.down", "charger.silent"),
        ("finding.payout_*", "finding.payout_to_fix", "finding.overlap"),
        # Told apart in all ways, these stars would take for years.
        ("*" * 40 + "d*", "down", "bank_account.change_proposed"),
        ("*" * 63 + "x", "x", "bank_account.change_proposed"),
    ],
)
def test_a_pattern_names_types(pattern: str, heard: str, unheard: str | None) -> None:
    assert names([pattern], heard)
    assert unheard is None or not names([pattern], unheard)


def test_what_gets_more_urgent_is_told_again_at_once_and_over_once() -> None:
    began, now = at("2026-03-05T12:00:00+00:00"), at("2026-03-05T12:10:00+00:00")
    step = observe(None, began, began, is_open=True)
    assert step is not None
    worse = escalate(step.cause, now, now)
    assert worse.told == Began(now, 0)
    assert observe(worse.cause, now, now, is_open=True) is None
    assert escalate(worse.cause, began, now).told != worse.told
    over = observe(worse.cause, at("2026-03-05T13:00:00+00:00"), now, is_open=False)
    assert over is not None
    assert over.told == Ended(now, at("2026-03-05T13:00:00+00:00"))


def test_a_subscription_is_told_what_it_asks_for_as_urgent_as_it_asks() -> None:
    some = told("payout.*", "charger.*", min_severity="WARNING")

    assert some.hears("payout.failed", Severity.WARNING)
    assert some.hears("payout.failed", Severity.CRITICAL)
    assert not some.hears("payout.paid", Severity.INFO)
    assert not some.hears("session.suspense", Severity.WARNING)
    assert not told(enabled=False).hears("payout.failed", Severity.CRITICAL)


def test_what_a_version_leaves_out_is_told_at_once_and_whatever_its_urgency() -> None:
    assert told() == Subscription(("*",), Channel.MAIL, "a@example.org", enabled=True)


@given(versions=st.permutations(VERSIONS), now=MOMENTS)
def test_the_latest_version_in_effect_counts_in_any_order(versions: Sequence[Told], now: datetime) -> None:
    found = latest(versions, now)
    assert found == latest(sorted(versions), now)
    assert all(each <= found for each in versions if each.at <= now) if found else now < BEGIN


def test_quiet_hours_end_in_the_morning_that_follows() -> None:
    night = QuietHours(time(22), time(6))

    assert night.over_at(at("2026-12-01T21:30:00Z"), AMSTERDAM) == at("2026-12-02T05:00:00Z")
    assert night.over_at(at("2026-12-02T04:59:59Z"), AMSTERDAM) == at("2026-12-02T05:00:00Z")
    assert night.over_at(at("2026-12-02T05:00:00Z"), AMSTERDAM) is None
    assert night.over_at(at("2026-12-01T20:59:59Z"), AMSTERDAM) is None


def test_a_night_in_which_clocks_change_is_an_hour_shorter_or_longer() -> None:
    night = QuietHours(time(22), time(6))

    assert night.over_at(at("2026-03-28T23:00:00Z"), AMSTERDAM) == at("2026-03-29T04:00:00Z")
    assert night.over_at(at("2026-10-24T23:00:00Z"), AMSTERDAM) == at("2026-10-25T05:00:00Z")


def test_quiet_hours_whose_edge_is_skipped_or_comes_twice_wake_nobody_early() -> None:
    # 02:30 is not on 29 March, and is twice on 25 October.
    early = QuietHours(time(1), time(2, 30))

    assert early.over_at(at("2026-03-29T00:30:00Z"), AMSTERDAM) == at("2026-03-29T01:00:00Z")
    assert early.over_at(at("2026-10-25T00:45:00Z"), AMSTERDAM) == at("2026-10-25T01:30:00Z")


@given(begin=CLOCKS, end=CLOCKS, now=MOMENTS, zone=ZONES)
def test_quiet_hours_hold_what_comes_within_them_until_they_end(
    begin: time, end: time, now: datetime, zone: ZoneInfo
) -> None:
    if begin == end:
        return
    quiet = QuietHours(begin, end)
    over = quiet.over_at(now, zone)
    clock, changes = now.astimezone(zone).time(), _changes_around(now, zone)
    if not changes:
        within = begin <= clock < end if begin < end else clock >= begin or clock < end
        assert (over is not None) == within
    if over is not None:
        assert now < over <= now + timedelta(hours=25)
        assert quiet.over_at(over - timedelta(microseconds=1), zone) == over
        assert changes or over.astimezone(zone).time() == end


def _changes_around(now: datetime, zone: ZoneInfo) -> bool:
    offsets = {(now + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in range(-50, 51)}
    return len(offsets) > 1


@given(digest=st.sampled_from([Digest.HOURLY, Digest.DAILY]), now=MOMENTS, zone=ZONES)
def test_one_digest_follows_the_other(digest: Digest, now: datetime, zone: ZoneInfo) -> None:
    last, following = last_due(digest, now, zone), next_due(digest, now, zone)

    assert last <= now < following
    assert last_due(digest, following, zone) == following
    assert last_due(digest, following - timedelta(microseconds=1), zone) == last
    if digest is Digest.DAILY:
        assert following.astimezone(zone).time() == DAILY_AT


def test_a_notice_leaves_at_once_after_quiet_hours_or_in_a_digest() -> None:
    now, night = at("2026-12-01T23:00:00Z"), {"from": "22:00", "to": "06:00"}

    assert plan(told(), Severity.INFO, now, AMSTERDAM) == (Leaving.PENDING, now)
    assert plan(told(quiet=night), Severity.WARNING, now, AMSTERDAM) == (Leaving.HELD, at("2026-12-02T05:00:00Z"))
    assert plan(told(quiet=night), Severity.CRITICAL, now, AMSTERDAM) == (Leaving.PENDING, now)
    bundled = told(quiet=night, digest="HOURLY")
    assert plan(bundled, Severity.INFO, now, AMSTERDAM) == (Leaving.BUNDLED, at("2026-12-02T00:00:00Z"))
    assert by_itself(bundled, Severity.INFO, now, AMSTERDAM) == (Leaving.HELD, at("2026-12-02T05:00:00Z"))


# What is known of a cause at moments that follow each other: whether it goes on, and so many minutes later.
STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 90)), max_size=20)


@given(steps=STEPS)
def test_a_cause_is_told_once_an_hour_and_each_told_beginning_has_one_end(steps: Sequence[tuple[bool, int]]) -> None:
    cause, now, tellings = _lived(steps)

    expected = [Began, Ended] * len(tellings)
    assert [type(each) for _, each in tellings] == expected[: len(tellings)]
    begun = [(moment, each) for moment, each in tellings if isinstance(each, Began)]
    assert all(after - before >= APART for (before, _), (after, _) in pairwise(begun))
    for (_, began), (_, ended) in zip(tellings[::2], tellings[1::2], strict=False):
        assert ended.since == began.since
    if cause is None:
        assert not any(is_open for is_open, _ in steps)
        return
    # Nothing is lost: whether it goes on is known to whoever is told, at the latest an hour later.
    told_now = look(cause, now + APART).told
    is_known_open = len(tellings) % 2 == 1 or told_now is not None
    assert is_known_open == cause.is_open
    episodes = sum(is_open and not before for (is_open, _), before in zip(steps, _before(steps), strict=True))
    silent = sum(began.untold for _, began in begun) + cause.untold
    assert len(begun) + silent + (cause.is_open and cause.told_since is None) == episodes


def _before(steps: Sequence[tuple[bool, int]]) -> list[bool]:
    return [False, *(is_open for is_open, _ in steps)][: len(steps)]


def _lived(steps: Sequence[tuple[bool, int]]) -> tuple[Cause | None, datetime, list[tuple[datetime, Began | Ended]]]:
    """What a follower tells that looks at what was held back before it takes in what is new."""
    cause: Cause | None = None
    now, tellings = BEGIN, []
    for is_open, minutes in steps:
        now += timedelta(minutes=minutes)
        held = look(cause, now) if cause is not None else None
        cause = held.cause if held is not None else None
        new = observe(cause, now, now, is_open=is_open)
        cause = new.cause if new is not None else cause
        tellings += [(now, step.told) for step in (held, new) if step is not None and step.told is not None]
    return cause, now, tellings


def test_what_is_known_again_is_no_news() -> None:
    begun = observe(None, BEGIN, BEGIN, is_open=True)
    assert begun is not None
    assert begun.told == Began(BEGIN, 0)
    assert observe(begun.cause, BEGIN + APART, BEGIN + APART, is_open=True) is None
    over = observe(begun.cause, BEGIN + APART, BEGIN + APART, is_open=False)
    assert over is not None
    assert over.told == Ended(BEGIN, BEGIN + APART)
    assert observe(over.cause, BEGIN, BEGIN + 2 * APART, is_open=False) is None
    assert observe(None, BEGIN, BEGIN, is_open=False) is None


def test_what_is_told_by_a_kind_has_a_type_and_an_urgency() -> None:
    assert type_of_kind("SESSION_SUSPENDED") == NoticeType.SESSION_SUSPENSE
    assert type_of_kind("PAYOUT_TO_FIX") == "finding.payout_to_fix"
    assert severity_of("finding.payout_to_fix") is Severity.WARNING
    assert severity_of(NoticeType.PAYOUT_PAID) is Severity.INFO
    assert severity_of(NoticeType.LOAD_LIMIT_MISSED) is Severity.CRITICAL
