"""Kafka's jars: downloaded once, verified, all or none; no test of these leaves this machine."""

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wattledger.embedded.jars import PinnedJar, cached_jars, pinned_jars
from wattledger.embedded.ports import choose
from wattledger.errors import DownloadError
from wattledger.settings import default_cache_dir

Answer = Callable[[str], bytes | None]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answer], list[str]]]:
    """Makes a repository on loopback the only one; gives the list of file names that were asked for."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(answer: Answer) -> list[str]:
        asked: list[str] = []

        class Repository(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                body = None if name.endswith(".sha1") else answer(name)
                asked.append(name)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, format: str, *args: object) -> None:
                """Keeps the requests out of the test's output."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Repository)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        use_repository(tmp_path, monkeypatch, server.server_address[1])
        return asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def use_repository(folder: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    configuration = folder / "jgo.conf"
    configuration.write_text(f"[repositories]\ncentral = http://127.0.0.1:{port}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(configuration))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def nothing_cached(cache: Path) -> bool:
    return [path.name for path in cache.iterdir()] == [".lock"]


def real_jars() -> dict[str, Path]:
    return {path.name: path for path in cached_jars(default_cache_dir())}


def test_the_first_use_downloads_every_jar_and_later_ones_none(
    tmp_path: Path, serve: Callable[[Answer], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    jars = real_jars()
    asked = serve(lambda name: jars[name].read_bytes())
    cache = tmp_path / "cache"
    first = cached_jars(cache)
    assert [path.name for path in first] == [jar.file_name for jar in pinned_jars()]
    assert all(path.is_file() for path in first)
    said = capsys.readouterr()
    assert f"{len(first)} of {len(first)}" in said.err
    assert said.out == ""

    asked.clear()
    assert cached_jars(cache) == first
    assert asked == []
    assert capsys.readouterr().err == ""


def test_without_a_network_the_error_is_one_line_and_nothing_is_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_repository(tmp_path, monkeypatch, choose(None))
    with pytest.raises(DownloadError, match=r"could not be downloaded.*nothing was cached") as refusal:
        cached_jars(tmp_path / "cache")
    assert "\n" not in str(refusal.value)
    assert nothing_cached(tmp_path / "cache")


def test_a_download_that_breaks_off_half_way_leaves_nothing_and_the_next_one_succeeds(
    tmp_path: Path, serve: Callable[[Answer], list[str]]
) -> None:
    jars, cache = real_jars(), tmp_path / "cache"
    some = sorted(jars)[:20]
    serve(lambda name: jars[name].read_bytes() if name in some else None)
    with pytest.raises(DownloadError):
        cached_jars(cache)
    assert nothing_cached(cache)
    serve(lambda name: jars[name].read_bytes())
    assert len(cached_jars(cache)) == len(jars)


def test_a_jar_that_is_not_the_pinned_one_is_refused(tmp_path: Path, serve: Callable[[Answer], list[str]]) -> None:
    serve(lambda name: b"not the jar you wanted")
    with pytest.raises(DownloadError, match=r"SHA-256 is [0-9a-f]{64} where [0-9a-f]{64} is pinned"):
        cached_jars(tmp_path / "cache")
    assert nothing_cached(tmp_path / "cache")


def test_what_a_killed_download_left_is_cleared_by_the_next(
    tmp_path: Path, serve: Callable[[Answer], list[str]]
) -> None:
    jars, cache = real_jars(), tmp_path / "cache"
    (cache / ".partial-of-a-killed-one" / "complete").mkdir(parents=True)
    serve(lambda name: jars[name].read_bytes())
    cached_jars(cache)
    assert not list(cache.glob(".partial-*"))


def test_a_cache_that_cannot_be_written_is_said_with_the_variable_that_moves_it(tmp_path: Path) -> None:
    occupied = tmp_path / "a file"
    occupied.touch()
    with pytest.raises(DownloadError, match="WATTLEDGER_CACHE_DIR"):
        cached_jars(occupied / "cache")


def test_every_jar_is_pinned_by_version_and_hash() -> None:
    jars = pinned_jars()
    assert any(jar.coordinate.startswith("org.apache.kafka:kafka_2.13:4.") for jar in jars)
    assert len({jar.file_name for jar in jars}) == len(jars)
    with pytest.raises(ValueError, match="a pinned jar is written"):
        PinnedJar("org.apache.kafka:kafka_2.13", "0" * 64)
