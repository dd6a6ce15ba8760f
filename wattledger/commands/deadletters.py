"""Commands about refused records: list, show, replay."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wattledger.commands.common import read, show_rows, the_store
from wattledger.errors import ApplicationError
from wattledger.store import Store
from wattledger.verbs import publish_records
from wattledger.views.terminal import print_error, print_json, print_table

_LISTED_MAX = 1_000


def deadletter_list(data_dir: Path | None, code: str | None, *, replayed: bool, json: bool, debug: bool) -> None:
    """`wattledger deadletter list`."""
    from ledger.intake import quarantine

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(
            store,
            lambda cursor: list(
                quarantine.listed(cursor, code=code, include_replayed=replayed, limit=_LISTED_MAX + 1)
            ),
        )
    letters = found[:_LISTED_MAX]
    rows = [
        {
            "id": str(letter.deadletter_id),
            "code": letter.code,
            "topic": letter.topic,
            "path": letter.path,
            "sentence": letter.sentence,
            "replayed": letter.replayed_at.isoformat() if letter.replayed_at else None,
        }
        for letter in letters
    ]
    if json:
        print_json(rows)
    else:
        # People copy the id: it stays on one line, and `show` tells the rest.
        shown = [{name: row[name] for name in ("id", "code", "sentence")} for row in rows]
        show_rows("Dead letters", shown, (), json=False, whole=("id", "code"))
    if len(found) > len(letters):
        print_error(f"only the first {_LISTED_MAX} are listed; narrow them by --code")


def deadletter_show(data_dir: Path | None, deadletter_id: str, *, json: bool, debug: bool) -> None:
    """`wattledger deadletter show`."""
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        letter = _one_letter(store, deadletter_id)
    value = letter.value.decode("utf-8", "backslashreplace") if letter.value is not None else None
    document = {
        "id": str(letter.deadletter_id),
        "code": letter.code,
        "path": letter.path,
        "sentence": letter.sentence,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "source": letter.source,
        "event_id": letter.id,
        "type": letter.type,
        "recorded_at": letter.recorded_at.isoformat() if letter.recorded_at else None,
        "replayed_at": letter.replayed_at.isoformat() if letter.replayed_at else None,
        "value": value,
    }
    if json:
        print_json(document)
    else:
        print_table(f"Dead letter {letter.deadletter_id}", ("what", "value"), list(document.items()))


def _one_letter(store: Store, deadletter_id: str) -> Any:
    from ledger.intake import quarantine

    found = read(store, lambda cursor: quarantine.show(cursor, deadletter_id))
    if len(found) != 1:
        problem = "no dead letter has" if not found else f"{len(found)} dead letters have"
        raise ApplicationError(
            f"{problem} an id that begins with {deadletter_id!r}; see 'wattledger deadletter list'"
        )
    return found[0]


def _mark_replayed(store: Store, letters: Sequence[Any], *, replayed: bool) -> None:
    from ledger.gateway import Gateway
    from ledger.intake import quarantine

    gateway = Gateway(store.dsn)
    try:
        with gateway.transaction() as cursor:
            quarantine.mark_replayed(cursor, [letter.deadletter_id for letter in letters], replayed=replayed)
    finally:
        gateway.close()


def deadletter_replay(
    data_dir: Path | None, ids: Sequence[str], code: str | None, *, json: bool, debug: bool
) -> None:
    """`wattledger deadletter replay`: publish the records again to the topic they came from."""
    from consumers.publisher import Outgoing
    from ledger.intake import quarantine

    if not ids and code is None:
        raise ApplicationError("name the dead letters to replay by id, or all of one kind by --code")
    with the_store(data_dir, debug=debug) as store:
        letters = [_one_letter(store, each) for each in ids]
        if code is not None:
            of_code = read(store, lambda cursor: list(quarantine.listed(cursor, code=code, limit=_LISTED_MAX)))
            letters += [_one_letter(store, str(each.deadletter_id)) for each in of_code]
        unsent = [str(letter.deadletter_id) for letter in letters if not letter.topic]
        if unsent:
            raise ApplicationError(
                f"dead letter {unsent[0]} was never sent, so it was not kept: publish its file again"
            )
        contradicting = [str(letter.deadletter_id) for letter in letters if letter.partition is None and letter.topic]
        if contradicting:
            raise ApplicationError(
                f"dead letter {contradicting[0]} was accepted before it showed that it contradicts its session: "
                "the record is known, so send the right fact with an id of its own"
            )
        records = [
            Outgoing(letter.topic, letter.key, letter.value or b"", tuple(letter.headers)) for letter in letters
        ]
        # Marked first: a record that is refused again while this runs is listed again from then on.
        _mark_replayed(store, letters, replayed=True)
        try:
            published = publish_records(store, records)
        except BaseException:
            _mark_replayed(store, letters, replayed=False)
            raise
    if json:
        print_json({"replayed": published})
    else:
        sys.stdout.write(f"published {published} records again; consume them and see what is still refused\n")
