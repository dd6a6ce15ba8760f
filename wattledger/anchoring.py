"""Anchors that a command makes: of what is new at that moment, in its own transaction."""

from functools import partial

from ledger.book.anchors import Anchor, Reason, make_anchor
from ledger.gateway import Gateway
from wattledger.anchor_keys import anchor_signer
from wattledger.patience import patiently
from wattledger.store import Store


def anchor_now(store: Store) -> Anchor | None:
    """Anchor all entries that are in no anchor; None where there are none. It leaves with the next that is sent.

    Raises ApplicationError where nothing can be signed.
    """
    gateway = Gateway(store.dsn)

    def make() -> Anchor | None:
        with gateway.transaction() as cursor:
            return make_anchor(cursor, Reason.TIME, partial(anchor_signer, store.settings))

    try:
        made: Anchor | None = patiently(make)
        return made
    finally:
        gateway.close()
