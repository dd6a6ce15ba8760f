"""Anchors that a command makes, of what is new at that moment; and those that this machine keeps."""

from functools import partial

from ledger.audit import AnchorsUnreadable, KeptAnchor, read_anchors
from ledger.book.anchors import Anchor, Reason, anchor, book_id
from ledger.database import Role, connect
from ledger.gateway import Gateway
from wattledger.anchor_keys import anchor_signer
from wattledger.patience import patiently
from wattledger.store import Store


def anchor_now(store: Store) -> Anchor | None:
    """Anchor all entries that are in no anchor; None where there are none. It leaves with the next that is sent.

    Raises ApplicationError where nothing can be signed.
    """
    gateway = Gateway(store.dsn)

    signer = partial(anchor_signer, store.settings)
    try:
        made: Anchor | None = patiently(lambda: anchor(gateway, Reason.TIME, signer, store.settings.book_zone))
        return made
    finally:
        gateway.close()


def kept_anchors(store: Store) -> list[KeptAnchor]:
    """The anchors of this book in the file of this machine; none where there is no such file, or none of them.

    Others may be there: of a store that was in the same place before.
    """
    try:
        with store.settings.anchor_file_path.open("rb") as file:
            found = read_anchors(file)
    except (OSError, AnchorsUnreadable):
        return []
    with connect(store.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        book = str(book_id(cursor))
    return [anchor for anchor in found if anchor.book == book]
