"""Notices as people read them: what was told to whom, when and by which channel, and what is still open."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.responses import Response

from api.access.roles import Right
from api.pages.forms import Sent, form, led_to
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.subjects.sessions import operator_href
from api.pages.table import Column, Table
from api.pages.view import Filter, View
from api.problems import bad_parameter
from api.v1.api_keys import at_the_door
from api.v1.notices import notices_of, present_notice, replay_notice
from domain.notice.subscription import Channel, Severity
from ledger.access.notice_documents import notice_document
from ledger.access.notices import NoticeFilter, NoticeStatus

_GOES_ON: Final = ("true", "false")
FILTERS: Final = (
    Filter("operator_id", "Operator"),
    Filter("subscription_id", "Subscription"),
    Filter("type", "Type"),
    Filter("severity", "Severity", tuple(Severity)),
    Filter("status", "State", tuple(NoticeStatus)),
    Filter("channel", "Channel", tuple(Channel)),
    Filter("is_open", "Goes on", _GOES_ON),
)


@page("/notices", Right.NOTICES, *(each.name for each in FILTERS), listed="/v1/notices")
async def notices(call: PageCall) -> Response:
    """Notices, newest first."""
    wanted = call.page
    ask = notices_of(call.principal, _wanted(call.query))
    found = await at_the_door(call).read(lambda snapshot: ask(snapshot, wanted))

    def present(view: View, of: tuple[Sequence[Mapping[str, Any]], str | None]) -> Response:
        return render(
            "notices.html",
            view,
            filters=FILTERS,
            table=notice_table(view, *of, exports=view.exports("/v1/notices")),
            open_ones=view.here(is_open="true", cursor=None),
            subscriptions=view.link("/subscriptions", operator_id=call.query.get("operator_id")),
        )

    return await call.show(lambda _: found, present)


def _wanted(query: Mapping[str, str]) -> NoticeFilter:
    """What is asked for; raises Problem 400 for what nothing is."""
    chosen = {each.name: query.get(each.name) or None for each in FILTERS}
    for each in FILTERS:
        value = chosen[each.name]
        if each.options and value is not None and value not in each.options:
            raise bad_parameter(each.name, f"is one of {', '.join(each.options)}")
    operator_id, goes_on = chosen["operator_id"], chosen["is_open"]
    return NoticeFilter(
        None if operator_id is None else [operator_id],
        chosen["subscription_id"],
        chosen["type"],
        chosen["severity"],
        chosen["status"],
        chosen["channel"],
        None if goes_on is None else goes_on == "true",
    )


def notice_table(
    view: View, rows: Sequence[Mapping[str, Any]], cursor: str | None, exports: Mapping[str, str] | None = None
) -> Table:
    """Notices with what came of each."""
    columns = [
        Column("created_at", "Told", "time", lambda row: view.link("/notices", row["id"])),
        Column("operator_id", "Operator", href=lambda row: operator_href(view, row["operator_id"])),
        Column("type", "Type"),
        Column("severity", "Severity", "badge"),
        Column("sentence", "What"),
        Column("goes_on", "Goes on"),
        Column("channel", "By"),
        Column("target", "To", href=lambda row: subscription_href(view, row["operator_id"], row["subscription_id"])),
        Column("status", "State", "badge"),
        Column("error", "Why not"),
    ]
    return Table(
        columns,
        [{**each, "goes_on": _goes_on(each), "sentence": _sentence(each)} for each in rows],
        "Newest first; of the last 90 days, and what is still open. Each opens what was told and what came of it.",
        kind="notice",
        key="id",
        empty="Nobody was told of anything like that.",
        exports=exports or {},
        pages=view.pages(cursor),
    )


def _sentence(notice: Mapping[str, Any]) -> str:
    """What it says; of a bundle, which has no sentence of its own, what it is about."""
    return str(notice["data"].get("sentence") or notice["cause"])


def _goes_on(notice: Mapping[str, Any]) -> str | None:
    if notice["is_open"]:
        return "still open"
    return "over" if notice["is_end"] or notice["ended_at"] is not None else None


def subscription_href(view: View, operator_id: str, subscription_id: str) -> str:
    """The page of a subscription."""
    return view.link("/subscriptions", operator_id, subscription_id)


@page("/notices/{notice_id}", Right.NOTICES)
async def notice(call: PageCall) -> Response:
    """One notice: what was told, and what came of it."""
    id_, principal = call.path["notice_id"], call.principal

    found = await at_the_door(call).read(
        lambda snapshot: notice_document(present_notice(snapshot.cursor, principal, id_))
    )

    def present(view: View, of: Mapping[str, Any]) -> Response:
        return render(
            "notice.html",
            view,
            notice=of,
            goes_on=_goes_on(of),
            sentence=_sentence(of),
            href=subscription_href(view, of["operator_id"], of["subscription_id"]),
            text=orjson.dumps(of["data"], option=orjson.OPT_INDENT_2).decode(),
        )

    return await call.show(lambda _: found, present)


async def _to_notice(call: PageCall, _: Response) -> Response:
    return led_to(f"/notices/{call.path['notice_id']}")


@form("/notices/{notice_id}/replay", Right.RESEND, notice, "replay", _to_notice)
async def replay(call: PageCall, _: Sent) -> Response:
    """Again."""
    return await replay_notice(call.request, call.path["notice_id"], call)


ROUTES = (notices, notice, replay)
