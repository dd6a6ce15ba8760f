"""Where pieces answer: a port that is taken is said at once, and each piece of `up` has one of its own."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.running import Home
from tests.monitoring.scraping import Scrape, ask, urls_in
from tests.support.waiting import wait_until
from wattledger.embedded.ports import choose, free


@contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", port)):
        yield


@pytest.mark.parametrize("words", [["consume"], ["project"], ["payouts", "run", "--watch"], ["up"]], ids=" ".join)
def test_a_port_that_is_taken_is_said_in_one_line_before_anything_is_started(
    words: list[str], tmp_path: Path
) -> None:
    port = choose(None)
    home = Home(tmp_path, METRICS_PORT=str(port))
    with taken(port):
        told = home.run(*words, status=1).decode()
    assert told == (
        f"wattledger: /metrics: port {port} on 127.0.0.1 is taken by another process; set WATTLEDGER_METRICS_PORT to "
        "a free one (0 takes any), or WATTLEDGER_METRICS_HOST to an address of this machine\n"
    )
    assert not (home.data_dir / "postgresql").exists()


def test_the_ports_behind_the_first_are_looked_at_too(tmp_path: Path) -> None:
    port = choose(None)
    home = Home(tmp_path, METRICS_PORT=str(port), PROCESSES="1")
    with taken(port + 2):
        assert f"port {port + 2} on 127.0.0.1 is taken" in home.run("up", status=1).decode()


def test_a_host_that_is_not_this_machine_is_said(tmp_path: Path) -> None:
    told = Home(tmp_path, METRICS_PORT="0", METRICS_HOST="192.0.2.1").run("consume", status=1).decode()
    assert told.startswith("wattledger: /metrics: port 0 on 192.0.2.1 cannot be listened on (")


def test_ports_end_at_65535(tmp_path: Path) -> None:
    told = Home(tmp_path, METRICS_PORT="65535", PROCESSES="1").run("up", status=1).decode()
    assert told.startswith("wattledger: /metrics: port 65536 on 127.0.0.1 cannot be listened on (")


def test_each_piece_of_a_live_system_answers_at_the_next_port(tmp_path: Path) -> None:
    first = next(port for port in (choose(None) for _ in range(200)) if all(map(free, range(port, port + 6))))
    home = Home(tmp_path, METRICS_PORT=str(first), PROCESSES="2")
    with ExitStack() as stack:
        process = home.start("up")
        stack.callback(process.wait)
        stack.callback(process.terminate)
        wait_until(lambda: len(urls_in(home.log)) == 6)
        assert dict(
            zip(range(first, first + 6), ("project", "clock", "webhooks", "load", "consume", "consume"), strict=True)
        ) == {int(url.rpartition(":")[2]): name for name, url in urls_in(home.log)}
        for name, url in urls_in(home.log):
            wait_until(lambda url=url: ask(f"{url}/readyz")[0] == 200)  # type: ignore[misc]
            assert Scrape(ask(f"{url}/metrics")[1]).sum("wattledger_build_info", piece=name) == 1
        process.terminate()
        assert process.wait(180) == 0
