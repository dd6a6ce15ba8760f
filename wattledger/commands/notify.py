"""`wattledger notify`: what operators were told, telling it again, trying a subscription, and making its secret."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattledger.commands.common import the_store
from wattledger.commands.options import Csv, DataDir, Debug, Json, OneOperators, form_of
from wattledger.errors import ApplicationError
from wattledger.views.tables import show_rows
from wattledger.views.terminal import print_error, print_json

if TYPE_CHECKING:
    from ledger.access.notices import ListedNotice
    from wattledger.store import Store

app = typer.Typer(
    name="notify",
    help="Notices to operators: what was told to whom, tell it again, try a subscription, make its secret.",
    no_args_is_help=True,
)

SubscriptionId = Annotated[
    str, typer.Argument(metavar="OPERATOR/SUBSCRIPTION", help="The subscription, as operator.notify_set names both.")
]

_COLUMNS = (
    *("id", "created_at", "operator_id", "subscription_id", "type", "severity", "cause", "is_open", "channel"),
    *("target", "status", "attempts", "next_at", "attempted_at", "answer", "error"),
)
_LISTED_MAX = 1_000


@app.command("list")
def list_notices(
    operator: OneOperators = None,
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="STATUS", help="Only HELD, BUNDLED, PENDING, DELIVERED or FAILED."),
    ] = None,
    type_: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only of this type, as charger.down.")
    ] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Only of what goes on.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """List what was told to whom, newest first, by which channel, and what came of it; at most 1,000."""
    form = form_of(json=json, csv=csv)
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from ledger.access import notices
        from ledger.access.notice_documents import notice_document
        from ledger.database import Role, connect

        wanted = notices.NoticeFilter(
            operators=None if operator is None else [operator],
            status=notices.status_named(status),
            type=type_,
            is_open=is_open or None,
        )
        with connect(store.dsn, Role.DOOR) as connection, connection.cursor() as cursor:
            rows = [notice_document(each) for each in notices.newest(cursor, _LISTED_MAX, wanted)]
    show_rows("Notices", rows, _COLUMNS, form=form)


@app.command()
def replay(
    notice_id: Annotated[str, typer.Argument(metavar="ID", help="The notice's id, its webhook-id.")],
    data_dir: DataDir = None,
    debug: Debug = False,
) -> None:
    """Send a notice again under its id, whatever became of it; `wattledger webhooks run` sends it."""
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from datetime import UTC, datetime

        from ledger.access import notices
        from ledger.database import Role, connect

        with connect(store.dsn, Role.DOOR) as connection, connection.cursor() as cursor:
            again = notices.replay(cursor, notice_id, datetime.now(UTC))
    sys.stdout.write(f"{again.type} {again.id} is sent again to {again.target_id}\n")


@app.command("test")
def try_subscription(subscription: SubscriptionId, data_dir: DataDir = None, debug: Debug = False) -> None:
    """Send a subscription one notice now, and show what it was answered; status 1 where it was not taken."""
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = _tried(store, subscription)
    if found.status == "DELIVERED":
        sys.stdout.write(f"{found.id} was taken: {found.answer}\n")
        return
    why = found.error or found.answer or "no server took it; it is sent once one does, by `wattledger webhooks run`"
    print_error(f"{found.id} was not taken: {why}")
    raise typer.Exit(1)


def _tried(store: "Store", subscription: str) -> "ListedNotice":
    import asyncio

    from wattledger.notifying import send_one

    return asyncio.run(send_one(store, subscription))


@app.command()
def secret(
    subscription: SubscriptionId,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make another one; the one before signs beside it for a day.")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Make the secret that signs what a webhook is told, shown this once."""
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        from datetime import UTC, datetime

        from api.outward.sealing import new_secret
        from domain.notice.subscription import Channel
        from ledger.access import notice_targets
        from ledger.access.notice_documents import subscription_document
        from ledger.database import Role, connect
        from wattledger.serving import webhook_seal

        seal, made = webhook_seal(store.settings), new_secret()
        with connect(store.dsn, Role.DOOR) as connection, connection.cursor() as cursor:
            target = notice_targets.present(cursor, subscription)
            if target.subscription.channel is Channel.MAIL:
                raise ApplicationError(f"{subscription} is told by mail, which has no secret; nothing was made")
            if target.has_secret and not rotate:
                raise ApplicationError(
                    f"{subscription} has a secret, which is shown once; make another by --rotate: for a day both sign"
                )
            until = datetime.now(UTC) + notice_targets.BOTH_SIGN
            rotated = notice_targets.rotate(cursor, target.id, seal.sealed(made), until)
    if json:
        shown: dict[str, Any] = {**subscription_document(rotated), "secret": made}
        print_json(shown)
    else:
        sys.stdout.write(f"{made}\n")
        print_error(f"{subscription} is signed for by this secret; it is not shown again")
