"""What a row of the table is made of: tries that a runner makes one after another, each of a kind, held or not."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Try:
    """So many tries of one kind, and how many of them held (or were found, where the row plants something).

    `sentence` says of those that did not what happened, and how it is done again (the seed, the test, the command).
    """

    kind: str
    held: int = 1
    tries: int = 1
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Soak:
    """What a runner is given: where random things begin, a folder of its own, empty stores, and its time.

    `seed` is that of `--seed`; a runner that tries many derives each from it and names it in its sentence.
    `seconds_left()` is what is left of `--seconds`; after each `Try` the run looks for itself, so that only a runner
    with long steps has to. `stores()` lends the DSN of an empty, migrated store for as long as a block runs.
    """

    seed: int
    folder: Path
    stores: Callable[[], AbstractContextManager[str]]
    seconds_left: Callable[[], float]


# Ends when it has tried all that it has to; what it holds is given back when it is closed before.
Runner: TypeAlias = Callable[[Soak], Iterator[Try]]


@dataclass(frozen=True, slots=True)
class Row:
    """A hunt: `name` as `--only` takes it, the promise it tries, and who runs it."""

    name: str
    promise: str
    run: Runner


def held(kind: str, holds: bool, sentence: str) -> Try:
    """One try, with what is to be said if it did not hold."""
    return Try(kind, int(holds), 1, "" if holds else sentence)
