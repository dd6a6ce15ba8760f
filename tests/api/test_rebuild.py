"""Read models are rebuilt while the application serves: no error, no figures of two generations, an equal result."""

import threading
from collections.abc import Callable
from typing import Any

from projections.rebuild import rebuild
from tests.support.stores import settle_network
from tests.support.surface import Client, serving

PATHS = ("/v1/payouts", "/v1/sessions?limit=200", "/v1/operators/OP-NL/balances", "/v1/balances?account=2010/OP-NL")


def _told(client: Client) -> dict[str, Any]:
    return {path: {**client.document(path), "as_of": None} for path in PATHS}


def test_answers_do_not_change_while_read_models_are_built_anew(database_url: str) -> None:
    settle_network(database_url, sessions=120)
    with serving(database_url) as client:
        before = _told(client)
        over = threading.Event()
        differing: list[Any] = []
        readers = [threading.Thread(target=_ask, args=(client, before, over, differing.append)) for _ in range(2)]
        for reader in readers:
            reader.start()
        for _ in range(3):
            rebuild(database_url)
        over.set()
        for reader in readers:
            reader.join()
        assert differing == []
        assert _told(client) == before


def _ask(client: Client, expected: dict[str, Any], over: threading.Event, tell: Callable[[Any], None]) -> None:
    while not over.is_set():
        try:
            found = _told(client)
        except AssertionError as error:
            tell(str(error))
            return
        if found != expected:
            tell({path: (found[path], expected[path]) for path in PATHS if found[path] != expected[path]})
            return
