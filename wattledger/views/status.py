"""The state of the system for people: one page, and one line."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

# Of more operators than this those are shown whose runs come next.
_RUNS_MAX = 10
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def show_status(found: Mapping[str, Any]) -> None:
    """Print the whole document, part by part."""
    from wattledger.views.pages import print_parts

    print_parts(_parts(found))


def status_page(found: Mapping[str, Any]) -> "RenderableType":
    """The whole document as a page, the most important at its top: a low terminal cuts the rest."""
    from rich.console import Group

    parts = [part for each in _parts(found) for part in (each, "")]
    return Group(*parts[:-1])


def _parts(found: Mapping[str, Any]) -> list["RenderableType"]:
    return [
        _services(found),
        *_logins(found["kafka"]["logins"]),
        _pieces(found["pieces"], found["missing"]),
        _facts(found),
        _runs(found["runs"]),
        _topics(found["intake"]["partitions"]),
        _projections(found["projections"]),
    ]


def status_line(found: Mapping[str, Any]) -> str:
    """The state in one line: pieces, rates, lags, what waits, and the next run."""
    pieces = found["pieces"]
    ill = sorted(each["piece"] for each in pieces if each["state"] != "alive")
    behind = max((each["events_behind"] for each in found["projections"]), default=0)
    lag = found["intake"]["lag"]
    upcoming = sorted(each["next_at"] for each in found["runs"] if each["next_at"] is not None)
    parts = [
        f"pieces {len(pieces) - len(ill)}" + (f" ({', '.join(ill)} not)" if ill else ""),
        _rates(found["rates"]),
        "Kafka away" if lag is None else f"Kafka {lag:,} behind",
        f"read models {behind:,} behind",
        f"to send {found['outbox']['waiting']:,}",
        f"dead letters {found['dead_letters']['waiting']:,}",
        f"next run {upcoming[0]}" if upcoming else "no run ahead",
    ]
    return " · ".join(parts)


def _services(found: Mapping[str, Any]) -> "Table":
    table = _table("", "", "")
    table.show_header = False
    table.title = f"State at {found['at']}"
    table.add_row("PostgreSQL", found["postgresql"]["address"], found["postgresql"]["state"])
    kafka, disk = found["kafka"], found["disk"]
    table.add_row(
        "Kafka", kafka["address"] or "", kafka["state"] + (f": {kafka['reason']}" if kafka["reason"] else "")
    )
    if disk is not None:
        used = "size not known" if disk["data_bytes"] is None else f"{_bytes(disk['data_bytes'])} used"
        table.add_row("disk", disk["path"], f"{used}, {_bytes(disk['free_bytes'])} free")
    table.caption = "`wattledger psql` looks into the database by hand"
    return table


def _logins(logins: Sequence[Mapping[str, Any]] | None) -> list["RenderableType"]:
    """By which names and passwords the embedded Kafka lets others in, to this user alone."""
    if not logins:
        return []
    table = _table("user", "password", "writes")
    table.title = "Kafka's users (SASL_PLAINTEXT, SCRAM-SHA-256)"
    for each in logins:
        table.add_row(each["username"], each["password"], ", ".join(each["writes"]))
    return [table]


def _pieces(pieces: Sequence[Mapping[str, Any]], missing: Sequence[str]) -> "RenderableType":
    if not pieces:
        return "Pieces: none is running"
    table = _table("piece", "state", "process", "host", "since", "up for", "last sign of life")
    table.title = "Pieces"
    for each in pieces:
        sign = f"{_span(each['last_sign_s'])} ago"
        row = (each["piece"], each["state"], str(each["pid"]), each["host"], each["started_at"])
        table.add_row(*row, _span(each["age_s"]), sign)
    if missing:
        table.caption = f"none alive of: {', '.join(missing)}"
    return table


def _topics(partitions: Sequence[Mapping[str, Any]]) -> "RenderableType":
    """One row a topic: how many partitions, what was read of them, what is left, and the latest event."""
    table = _table("topic", "partitions", "records behind", "latest event", right=("partitions", "records behind"))
    table.title = "Intake"
    for topic in dict.fromkeys(each["topic"] for each in partitions):
        of_topic = [each for each in partitions if each["topic"] == topic]
        lags = [each["lag"] for each in of_topic if each["lag"] is not None]
        times = [each["event_time"] for each in of_topic if each["event_time"] is not None]
        lag = f"{sum(lags):,}" if lags else "not known"
        table.add_row(topic, str(len(of_topic)), lag, max(times, default=""))
    return table if table.rows else "Intake: nothing was read yet"


def _projections(projections: Sequence[Mapping[str, Any]]) -> "RenderableType":
    if not any(each["events_behind"] for each in projections):
        return f"Read models: all {len(projections)} are up to date"
    table = _table("read model", "events behind", "for", right=("events behind", "for"))
    table.title = "Read models"
    for each in projections:
        seconds = each["seconds_behind"]
        since = "not known" if seconds is None else _span(seconds)
        table.add_row(each["name"], f"{each['events_behind']:,}", since if each["events_behind"] else "")
    return table


def _runs(runs: Sequence[Mapping[str, Any]]) -> "RenderableType":
    if not runs:
        return "Payout runs: no operator is registered"
    table = _table("operator", "last day closed", "last run", "next run", "")
    table.title = "Payout runs"
    shown = sorted(runs, key=lambda each: (each["next_at"] or "~", each["operator_id"]))[:_RUNS_MAX]
    for each in shown:
        row = (each["operator_id"], each["last_date"] or "", each["last_at"] or "", each["next_at"] or "")
        table.add_row(*row, "due" if each["due"] else "")
    if len(runs) > len(shown):
        table.caption = f"and {len(runs) - len(shown)} operators more; --json has all"
    return table


def _facts(found: Mapping[str, Any]) -> "Table":
    """All that is a number or two."""
    table = _table("", "")
    table.show_header = False
    table.title = "What there is, and what waits"
    taken, verified = found["intake"], found["verified"]
    rows = {
        "rates": _rates(found["rates"]),
        "taken in": f"{taken['accepted']:,} accepted, {taken['duplicates']:,} duplicates, "
        f"{taken['conflicts']:,} conflicts, {taken['dead_lettered']:,} dead-lettered",
        "stored": f"{found['events']:,} events, {found['entries']:,} entries",
        "to be sent": _waiting(found["outbox"], "the oldest", "oldest_s"),
        "dead letters": _waiting(found["dead_letters"], "the newest", "newest_s"),
        "sessions": _counts(found["sessions"]),
        "payouts": _counts(found["payouts"]),
        "findings told": _counts(found["findings"]),
        "open accounts": _counts({f"of {code}": number for code, number in found["open_items"].items()}),
        "last verify": "never"
        if verified is None
        else f"{'the book holds' if verified['passed'] else 'THE BOOK DIFFERS'}, {_span(verified['age_s'])} ago, "
        f"in {_span(verified['seconds'])}",
    }
    for name, text in rows.items():
        table.add_row(name, text)
    return table


def _table(*columns: str, right: Sequence[str] = ()) -> "Table":
    from rich.table import Table

    table = Table(title_justify="left", title_style="bold", caption_justify="left", header_style="bold", box=None)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in counts.items()) or "none"


def _waiting(waiting: Mapping[str, Any], which: str, since: str) -> str:
    if not waiting["waiting"]:
        return "none"
    age = waiting[since]
    return f"{waiting['waiting']:,}" + ("" if age is None else f", {which} {_span(age)} ago")


def _rates(rates: Mapping[str, Any] | None) -> str:
    if rates is None:
        return "no rates yet"
    return f"{rates['records_per_s']:,.1f} records/s, {rates['entries_per_s']:,.1f} entries/s"


def _span(seconds: float) -> str:
    for unit_s, name in _UNITS:
        if seconds >= unit_s:
            return f"{seconds / unit_s:.0f} {name}"
    return f"{seconds:.0f} s"


def _bytes(number: int) -> str:
    size = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1_000:
            return f"{size:.0f} {unit}"
        size /= 1_000
    return f"{size:,.1f} TB"
