"""Resolves Kafka and its dependencies with jgo and writes their versions and hashes to kafka-jars.lock."""

import hashlib
import sys
import tempfile
from pathlib import Path

from jgo.maven import MavenContext, PythonResolver

from wattledger.embedded.jars import KAFKA_VERSION, LOCK_FILE

# Kafka logs through slf4j and brings no writer for it; Java's own logging needs no further library.
ROOTS = [f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-jdk14:1.7.36"]


def main() -> None:
    """Writes the lock file, sorted by coordinate."""
    with tempfile.TemporaryDirectory() as repository:
        resolver = PythonResolver()
        context = MavenContext(resolver=resolver, repo_cache=Path(repository), timeout=60)
        roots, transitive = resolver.resolve([context.create_dependency(root) for root in ROOTS])
        needed = [*roots, *(dependency for dependency in transitive if dependency.scope in ("compile", "runtime"))]
        lines = {
            f"{dependency.groupId}:{dependency.artifactId}:{dependency.version} "
            + hashlib.sha256(dependency.artifact.resolve().read_bytes()).hexdigest()
            for dependency in needed
        }
    heading = f"# Kafka {KAFKA_VERSION}: every jar of its class path with its SHA-256; written by `make lock`.\n"
    LOCK_FILE.write_text(heading + "".join(f"{line}\n" for line in sorted(lines)), "utf-8")
    sys.stderr.write(f"{LOCK_FILE}: {len(lines)} jars\n")


if __name__ == "__main__":
    main()
