"""Subscriptions as people set them: of what an operator is told, where, and when not; secrets, and trying them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson
from starlette.responses import Response

from api.access.roles import Right, may
from api.actions.bodies import NewSubscription, Quiet, SubscriptionTerms
from api.call import tag_of
from api.pages.forms import Sent, form, led_to
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.subjects.notices import notice_table, subscription_href
from api.pages.subjects.sessions import operator_href
from api.pages.table import Column, Table
from api.pages.view import Filter, View
from api.problems import Problem
from api.v1.api_keys import at_the_door
from api.v1.notices import notices_of
from api.v1.subscriptions import (
    add_subscription,
    change_subscription,
    make_secret,
    present_subscription,
    subscriptions_of,
    try_subscription,
)
from domain.notice.subscription import Channel, Digest, Severity
from ledger.access.duties import Duty
from ledger.access.notice_documents import subscription_document
from ledger.access.notices import NoticeFilter
from projections.reading import Snapshot

_FILTERS: Final = (Filter("operator_id", "Operator"),)
# What people choose among, each by its code and in words.
CHOICES: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "channel": ((Channel.MAIL, "mail"), (Channel.WEBHOOK, "webhook")),
    "digest": (
        (Digest.NONE, "each by itself"),
        (Digest.HOURLY, "those of an hour in one"),
        (Digest.DAILY, "those of a day in one, with what came in and what goes out"),
    ),
    "min_severity": (
        (Severity.INFO, "all"),
        (Severity.WARNING, "warnings and what is critical"),
        (Severity.CRITICAL, "what is critical alone"),
    ),
    "language": (("", "as the operator’s country has it"), *((tag, tag) for tag in ("de", "en", "fr", "nl"))),
}
_WORDS: Final = {code: words for options in CHOICES.values() for code, words in options}
# The notices of a subscription that its page shows.
_NOTICES_SHOWN: Final = 20


@page("/subscriptions", Right.SUBSCRIPTIONS, *(each.name for each in _FILTERS), listed="/v1/subscriptions")
async def subscriptions(call: PageCall) -> Response:
    """Subscriptions by operator and id, and the form for another one."""
    wanted, operator_id = call.page, call.query.get("operator_id") or None
    ask = subscriptions_of(call.principal, operator_id)
    found = await at_the_door(call).read(lambda snapshot: ask(snapshot, wanted))
    own = call.principal.operators if call.principal.duty is Duty.OPERATOR else ()

    def present(view: View, of: tuple[Sequence[Mapping[str, Any]], str | None]) -> Response:
        return render(
            "subscriptions.html",
            view,
            filters=_FILTERS,
            table=_table(view, *of),
            operator_id=operator_id or (own[0] if len(own) == 1 else None),
            choices=CHOICES,
        )

    return await call.show(lambda _: found, present)


def _table(view: View, rows: Sequence[Mapping[str, Any]], cursor: str | None) -> Table:
    columns = [
        Column(
            "subscription_id",
            "Subscription",
            "id",
            lambda row: subscription_href(view, row["operator_id"], row["subscription_id"]),
        ),
        Column("operator_id", "Operator", href=lambda row: operator_href(view, row["operator_id"])),
        Column("events", "Is told of"),
        Column("channel", "By"),
        Column("target", "To"),
        Column("state", "State", "badge"),
        Column("delivered_at", "Took a notice", "time"),
        Column("failing_since", "Fails since", "time"),
    ]
    return Table(
        columns,
        [
            {**each, "events": ", ".join(each["events"]), "key": f"{each['operator_id']}/{each['subscription_id']}"}
            for each in rows
        ],
        "By operator, in the version in effect. Each opens what it was told, and can be changed there.",
        kind="subscription",
        key="key",
        empty="No operator is told of anything.",
        exports=view.exports("/v1/subscriptions"),
        pages=view.pages(cursor),
    )


@page("/subscriptions/{operator_id}/{subscription_id}", Right.SUBSCRIPTIONS)
async def subscription(call: PageCall) -> Response:
    """One subscription: of what it is told, what it was told last, and what can be done about it."""
    operator_id, id_ = call.path["operator_id"], call.path["subscription_id"]
    sees_notices = may(call.principal.duty, Right.NOTICES)
    latest = replace(call.page, limit=_NOTICES_SHOWN, after=None)
    ask = notices_of(call.principal, NoticeFilter([operator_id], id_))

    def read(snapshot: Snapshot) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        found = present_subscription(snapshot.cursor, call.principal, operator_id, id_)
        told = ask(snapshot, latest)[0] if sees_notices else []
        return subscription_document(found), told

    found = await at_the_door(call).read(read)

    def present(view: View, of: tuple[dict[str, Any], list[dict[str, Any]]]) -> Response:
        document, told = of
        return render(
            "subscription.html",
            view,
            subscription=document,
            tag=tag_of(document),
            words=_WORDS,
            choices=CHOICES,
            table=notice_table(view, told, None) if sees_notices else None,
            more=view.link("/notices", operator_id=operator_id, subscription_id=id_),
        )

    return await call.show(lambda _: found, present)


def _terms(sent: Sent) -> dict[str, Any]:
    """What the fields of a form say; raises Problem 422 for quiet hours of which one end is missing."""
    quiet = None
    if sent.text("from") or sent.text("to"):
        quiet = sent.body(Quiet, **{"from": sent.text("from") or "", "to": sent.text("to") or ""})
    return {
        "events": (sent.text("events") or "").replace(",", " ").split(),
        "channel": sent.text("channel"),
        "target": sent.text("target") or "",
        "digest": sent.text("digest"),
        "quiet": quiet,
        "min_severity": sent.text("min_severity"),
        "language": sent.text("language"),
        "enabled": sent.text("enabled") is not None,
    }


async def _to_subscription(call: PageCall, _: Response) -> Response:
    return led_to(_place(call))


def _place(call: PageCall) -> str:
    return call.at or "/subscriptions"


async def _secret_shown(call: PageCall, answer: Response) -> Response:
    """The page that has the secret this once; sent again, the form shows that it was shown."""
    document, place = orjson.loads(answer.body), _place(call)

    def present(view: View, found: Mapping[str, Any]) -> Response:
        return render("subscription_secret.html", view, subscription=found, href=place)

    return await call.show(lambda _: document, present)


@form("/subscriptions/add", Right.SUBSCRIBE, subscriptions, "add")
async def add(call: PageCall, sent: Sent) -> Response:
    """Another subscription."""
    names = {"operator_id": sent.text("operator_id") or "", "subscription_id": sent.text("subscription_id")}
    body = sent.body(NewSubscription, **names, **_terms(sent))
    try:
        return await add_subscription(body, call, sent.asked)
    except Problem as problem:
        if problem.status != 404:
            raise
        errors = [{"pointer": "/operator_id", "detail": problem.detail}]
        raise Problem(422, "refused", problem.detail, errors) from problem


@form("/subscriptions/{operator_id}/{subscription_id}/change", Right.SUBSCRIBE, subscription, "change")
async def change(call: PageCall, sent: Sent) -> Response:
    """Another version."""
    body = sent.body(SubscriptionTerms, **_terms(sent))
    return await change_subscription(call.path["operator_id"], call.path["subscription_id"], body, call, sent.asked)


@form("/subscriptions/{operator_id}/{subscription_id}/secret", Right.SUBSCRIBE, subscription, "secret", _secret_shown)
async def secret(call: PageCall, _: Sent) -> Response:
    """A secret that signs."""
    return await make_secret(call.request, call.path["operator_id"], call.path["subscription_id"], call)


@form("/subscriptions/{operator_id}/{subscription_id}/test", Right.SUBSCRIBE, subscription, "test", _to_subscription)
async def send_test(call: PageCall, _: Sent) -> Response:
    """A notice that tries it."""
    return await try_subscription(call.request, call.path["operator_id"], call.path["subscription_id"], call)


ROUTES = (subscriptions, subscription, add, change, secret, send_test)
