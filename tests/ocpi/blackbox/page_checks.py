"""Lists: walked by their links alone, filtered, bounded, and asked in ways that are none."""

from datetime import datetime, timedelta
from typing import Any

from tests.ocpi.blackbox.box import SINCE, Box, by_id, next_of
from tests.ocpi.blackbox.verdicts import Table, require

PAGES = Table("pages")
_BAD = {
    "limit": ("0", "-1", "x", "1.5", "", " ", "1e3", "٣", "1" + "0" * 20, "\x00"),
    "offset": ("-1", "x", "1" + "0" * 20, "", "0x10", "NaN"),
    "date_from": ("yesterday", "2026-03-01", "", "2026-13-01T00:00:00Z", "2026-03-01T00:00:00+02:00", "1700000000"),
    "date_to": ("x", "2026-02-30T00:00:00Z", "2026-03-01T25:00:00Z", "0000-00-00T00:00:00Z"),
}


@PAGES.check("a walk by small pages has the same objects as one page, each once", "§ Pagination", each_version=True)
def walks(box: Box, version: str) -> None:
    for emsp in box.partners:
        for module in box.lists(version):
            whole = box.walk(emsp, version, module, limit=100)
            require(whole, f"{module} of {emsp.party} is empty")
            require(len(by_id(whole)) == len(whole), f"{module}: an object is there twice")
            for limit in (1, 2):
                require(box.walk(emsp, version, module, limit=limit) == whole, f"{module}: pages of {limit} differ")
            # Filters stay with the links: the rest of what changed since the second.
            since = sorted(each["last_updated"] for each in whole)[len(whole) // 2]
            filtered = box.walk(emsp, version, module, date_from=since, limit=1)
            kept = [each for each in whole if each["last_updated"] >= since]
            require(filtered == kept, f"{module}: walked from {since} on, {len(filtered)} and not {len(kept)}")
            first = box.get(emsp, version, module, limit=1, date_from=since)
            following = next_of(first)
            require(
                len(kept) < 2 or (following and "date_from=" in following), f"{module}: {following} lost its filter"
            )
            require(following is None or "date_to" not in following, "a link has a filter that nobody gave")


@PAGES.check("bounds: date_from is in, date_to is out, and both may be written in three ways", "§ Pagination, 1.8")
def dates(box: Box, _: str) -> None:
    emsp = box.partners[0]
    for module in box.lists("2.2.1"):
        whole = box.walk(emsp, "2.2.1", module)
        one = whole[len(whole) // 2]
        moment = one["last_updated"]
        later = (datetime.fromisoformat(moment) + timedelta(milliseconds=1)).isoformat().replace("+00:00", "Z")
        ways = (moment, moment.replace("Z", "+00:00"), moment.replace("Z", " 00:00"), moment.removesuffix("Z"))
        for form in ways:
            require(one in box.walk(emsp, "2.2.1", module, date_from=form), f"{module}: date_from={form} is not in")
            require(one not in box.walk(emsp, "2.2.1", module, date_to=form), f"{module}: date_to={form} is in")
        require(one in box.walk(emsp, "2.2.1", module, date_to=later), f"{module}: date_to={later} is too early")
        require(
            one not in box.walk(emsp, "2.2.1", module, date_from=later), f"{module}: date_from={later} is too early"
        )
        none = box.get(emsp, "2.2.1", module, date_from=later, date_to=moment)
        require(none.done() == [] and none.headers["X-Total-Count"] == "0", f"{module}: from behind to: not empty")


@PAGES.check("offset and limit at their ends", "§ Pagination", each_version=True)
def ends(box: Box, version: str) -> None:
    emsp = box.partners[0]
    for module in box.lists(version):
        whole = box.walk(emsp, version, module)
        for offset in (len(whole), 10**9):
            beyond = box.get(emsp, version, module, offset=offset)
            require(beyond.done() == [], f"{module}: offset {offset} is not empty")
            require(beyond.headers["X-Total-Count"] == str(len(whole)), f"{module}: another total behind the end")
            require(next_of(beyond) is None, f"{module}: a link behind the end")
        most = int(beyond.headers["X-Limit"])
        much = box.get(emsp, version, module, limit=100_000)
        require(len(much.done()) <= most, f"{module}: more than X-Limit came")
        one = box.get(emsp, version, module, limit=1)
        require(int(one.headers["X-Limit"]) >= len(one.done()), "X-Limit is less than what came")
        exact = box.get(emsp, version, module, limit=len(whole))
        require(next_of(exact) is None, f"{module}: the last page has a link")


@PAGES.check("parameters that are none are 2001 and never another status", "§ Pagination, SC", each_version=True)
def bad_parameters(box: Box, version: str) -> None:
    emsp = box.partners[0]
    for module in box.lists(version):
        for name, values in _BAD.items():
            for value in values:
                query: dict[str, Any] = {name: value}
                answer = box.get(emsp, version, module, **query)
                require(
                    (answer.status, answer.code) == (200, 2001), f"{module}?{name}={value!r}: {answer.body[:120]!r}"
                )


@PAGES.check("sessions are asked for by date_from", "mod_sessions § GET", each_version=True)
def sessions_from(box: Box, version: str) -> None:
    emsp = box.partners[0]
    require(box.has(version, "sessions"), "sessions are not offered")
    box.asking.ask("GET", box.url(version, "sessions"), emsp.token_c).be(200, 2001)
    box.asking.ask("GET", box.url(version, "sessions"), emsp.token_c, params={"date_from": SINCE}).be(200, 1000)


@PAGES.check("oldest first by creation: a page before does not move when something comes", "§ Pagination")
def order(box: Box, _: str) -> None:
    emsp = box.partners[0]
    for version in ("2.2.1", "2.3.0"):
        found = box.walk(emsp, version, "cdrs")
        moments = [each["last_updated"] for each in found]
        # CDRs never change, so that both orders are one.
        require(moments == sorted(moments), "CDRs are not oldest first")
