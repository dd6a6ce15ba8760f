"""The start of a server that does not come up at once: tried again while that may help and nobody cancels it."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wattledger.embedded.process import Child, Command
from wattledger.embedded.server import EmbeddedServer
from wattledger.errors import ServiceError

IN_THE_WAY, KILLED = "print('a file is in the way')", "import os; os.kill(os.getpid(), 9)"
RUNS = "import time; print('up', flush=True); time.sleep(600)"


class ScriptedServer(EmbeddedServer):
    """A server that runs the next of these programs whenever it is started, and the last of them from then on."""

    name, port_names = "Script", ("port",)

    def __init__(self, data_dir: Path, *programs: str) -> None:
        super().__init__(data_dir)
        self.programs = programs
        self.on_retry: Callable[[], None] = lambda: None

    @property
    def starts(self) -> int:
        return len((self._folder.path / "starts").read_text("utf-8").split())

    def _prepare(self, ports: dict[str, int]) -> Command:
        folder = self._folder.path
        for number, program in enumerate(self.programs):
            (folder / f"{number}.py").write_text(program, "utf-8")
        last = len(self.programs) - 1
        run_next = (
            "import pathlib, runpy; starts = pathlib.Path('starts')\n"
            "known = starts.read_text().split() if starts.exists() else []\n"
            "starts.write_text(' '.join([*known, 'start']))\n"
            f"runpy.run_path(f'{{min(len(known), {last})}}.py')\n"
        )
        return Command([sys.executable, "-I", "-c", run_next], folder, folder / "log")

    def _is_ready(self, child: Child, ports: dict[str, int]) -> bool:
        return "up" in child.output()

    def _finish(self, ports: dict[str, int]) -> str:
        return "address"

    def _retry(self, output: str) -> bool:
        self.on_retry()
        return "in the way" in output


def test_what_may_get_out_of_the_way_is_waited_for(tmp_path: Path) -> None:
    with ScriptedServer(tmp_path, IN_THE_WAY, IN_THE_WAY, RUNS) as server:
        assert server.starts == 3


def test_a_server_that_is_killed_while_it_starts_is_started_again(tmp_path: Path) -> None:
    with ScriptedServer(tmp_path, KILLED, KILLED, RUNS) as server:
        assert server.starts == 3


def test_a_server_that_is_killed_whenever_it_starts_is_told(tmp_path: Path) -> None:
    server = ScriptedServer(tmp_path, KILLED)
    with pytest.raises(ServiceError, match="is killed whenever it starts"):
        server.start()


def test_a_server_that_ends_by_itself_is_told_with_what_it_wrote(tmp_path: Path) -> None:
    server = ScriptedServer(tmp_path, "print('no such option')")
    with pytest.raises(ServiceError, match="ended while starting: no such option"):
        server.start()
    assert server.starts == 1


def test_a_start_that_is_cancelled_between_two_tries_begins_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Command] = []

    class Noted(Child):
        def __init__(self, command: Command) -> None:
            begun.append(command)
            super().__init__(command)

    monkeypatch.setattr("wattledger.embedded.server.Child", Noted)
    server = ScriptedServer(tmp_path, IN_THE_WAY)
    server.on_retry = server.cancel
    with pytest.raises(ServiceError, match="cancelled"):
        server.start()
    assert len(begun) == 1


def test_a_port_that_another_server_took_and_does_not_listen_on_yet_is_left_to_it(tmp_path: Path) -> None:
    def ports(name: str) -> Path:
        return tmp_path / name / "script" / "ports.json"

    def wanting_what_the_first_has(name: str) -> ScriptedServer:
        ports(name).parent.mkdir(parents=True)
        shutil.copy(ports("first"), ports(name))
        return ScriptedServer(tmp_path / name, RUNS)

    with ScriptedServer(tmp_path / "first", RUNS), wanting_what_the_first_has("second"):
        assert ports("second").read_text("utf-8") != ports("first").read_text("utf-8")
    with wanting_what_the_first_has("third"):
        assert ports("third").read_text("utf-8") == ports("first").read_text("utf-8")
