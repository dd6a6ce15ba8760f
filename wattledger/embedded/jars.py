"""Brings the pinned jars of Kafka into the cache through jgo: all of them, verified, or none."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from wattledger.errors import DownloadError
from wattledger.logs import say

KAFKA_VERSION = "4.4.0"
LOCK_FILE = Path(__file__).with_name("kafka-jars.lock")

_DOWNLOADS_AT_ONCE = 6
_TRIES_MAX = 3
_TIMEOUT_SECONDS = 30
_PARTIAL_PREFIX = ".partial-"


@dataclass(frozen=True, slots=True)
class PinnedJar:
    """One jar: its Maven coordinate `group:artifact:version` and the SHA-256 of its bytes in hexadecimal."""

    coordinate: str
    sha256: str

    def __post_init__(self) -> None:
        if self.coordinate.count(":") != 2 or len(self.sha256) != 64:
            raise ValueError(f"a pinned jar is written 'group:artifact:version sha256', not {self!r}")

    @property
    def file_name(self) -> str:
        """The jar's name in the cache."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def pinned_jars() -> list[PinnedJar]:
    """The jars of `kafka-jars.lock`, in the order of the class path."""
    lines = (line.split() for line in LOCK_FILE.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    return [PinnedJar(coordinate, sha256) for coordinate, sha256 in lines]


def cached_jars(cache_dir: Path, cancelled: Callable[[], bool] = lambda: False) -> list[Path]:
    """Returns the paths of Kafka's jars, downloading them on the first use.

    A folder of the cache is named after the content of the lock file and appears only when complete, so what is
    there is used as it is and a new version never meets an old one's files.

    Raises:
        DownloadError: a jar cannot be had, or the cache cannot be written; nothing is left of the attempt.
    """
    pinned = pinned_jars()
    content = hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()[:12]
    folder = cache_dir.absolute() / f"kafka-{KAFKA_VERSION}-{content}"
    if not folder.is_dir():
        try:
            cache_dir.mkdir(parents=True, exist_ok=True)
            with _only_one(cache_dir):
                if not folder.is_dir():
                    _fill(folder, pinned, cancelled)
        except OSError as error:
            raise DownloadError(
                f"Kafka {KAFKA_VERSION}: the cache {cache_dir} cannot be written ({error.strerror or error}); "
                "set WATTLEDGER_CACHE_DIR to a folder that can"
            ) from error
    return [folder / jar.file_name for jar in pinned]


@contextlib.contextmanager
def _only_one(cache_dir: Path) -> Iterator[None]:
    """Lets one process download; another waits and finds the folder. Clears what a killed one left behind."""
    with (cache_dir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left_over in cache_dir.glob(f"{_PARTIAL_PREFIX}*"):
            shutil.rmtree(left_over, ignore_errors=True)
        yield


def _fill(folder: Path, pinned: list[PinnedJar], cancelled: Callable[[], bool]) -> None:
    partial = Path(tempfile.mkdtemp(prefix=_PARTIAL_PREFIX, dir=folder.parent))
    try:
        complete = partial / "complete"
        complete.mkdir()
        _download_all(pinned, partial / "repository", complete, cancelled)
        complete.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _download_all(pinned: list[PinnedJar], repository: Path, complete: Path, cancelled: Callable[[], bool]) -> None:
    fetch = _fetcher(repository)
    pool = ThreadPoolExecutor(_DOWNLOADS_AT_ONCE, "kafka-jars")
    try:
        jobs = [pool.submit(_download, jar, fetch, complete) for jar in pinned]
        with _progress(len(pinned)) as advance:
            for job in as_completed(jobs):
                job.result()
                if cancelled():
                    raise DownloadError(f"Kafka {KAFKA_VERSION}: the download was cancelled; nothing was cached")
                advance()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _fetcher(repository: Path) -> Callable[[str], Path]:
    """A function from coordinate to downloaded file, by jgo and with the repositories of jgo's own configuration."""
    # Imported here: it takes 0.4 s, and a filled cache does without it.
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext, PythonResolver

    remotes = {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}
    context = MavenContext(
        resolver=PythonResolver(), repo_cache=repository, remote_repos=remotes, timeout=_TIMEOUT_SECONDS
    )

    def fetch(coordinate: str) -> Path:
        artifact = context.create_dependency(coordinate).artifact
        if artifact.cached_path is not None:
            artifact.cached_path.unlink(missing_ok=True)
        return Path(artifact.resolve())

    return fetch


def _download(jar: PinnedJar, fetch: Callable[[str], Path], complete: Path) -> None:
    reason = ""
    for _ in range(_TRIES_MAX):
        try:
            fetched = fetch(jar.coordinate)
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
            reason = _first_sentence(error)
            continue
        with fetched.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        if found == jar.sha256:
            fetched.rename(complete / jar.file_name)
            return
        reason = f"its SHA-256 is {found} where {jar.sha256} is pinned"
    raise DownloadError(
        f"Kafka {KAFKA_VERSION}: {jar.coordinate} could not be downloaded: {reason}. Check the network and the "
        "[repositories] of jgo's configuration, then run the command again; nothing was cached"
    )


def _first_sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """Shows the download on standard error: a bar on a terminal, otherwise a line each fifth of the way."""
    title = f"Downloading Kafka {KAFKA_VERSION} ({total} jars, once)"
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task(title, total=total)
            yield lambda: progress.advance(task)
        return
    done = 0
    say(title)

    def advance() -> None:
        nonlocal done
        done += 1
        if done * 5 // total > (done - 1) * 5 // total:
            say(f"{title}: {done} of {total}")

    yield advance
