"""Every kind of history that tests generate, settled by the engine, and what `verify` says of it: nothing.

By kind and seed: what is told, in which order and batches, when the clock runs and by which rule of cover. Also told
again and told otherwise, which no generator does by itself.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import orjson

from domain.payout.cover import CoverRule
from projections.export import export
from projections.runner import catch_up
from tests.audit import network
from tests.audit.banks import told_by_banks
from tests.audit.between import matters
from tests.oracle.generate import scenario, shuffled
from tests.projections.builders import PLATFORM
from tests.support.audited import verify
from tests.support.contradictions import contradictions
from tests.support.decisions import PUBLIC_KEYS
from tests.support.engine import Engine
from tests.support.histories import disordered, history
from wattledger.demo.network import network as demo_network

Event: TypeAlias = dict[str, Any]
RARE = ("implausible corrections", "two operators", "tariff order", "clock skew")


def _random_history(random: Random, sessions: int) -> list[Event]:
    return history(random, random.randint(1, sessions), run_terms=bool(random.randrange(2)))


def _audited(random: Random, sessions: int) -> list[Event]:
    events = network.history(random.randrange(10**6), random.randint(1, sessions))
    return [*events, *matters(random), *told_by_banks()] if random.randrange(2) else events


def _oracle(random: Random, sessions: int) -> list[Event]:
    return scenario(random.randrange(10**6), random.randint(1, sessions), random.sample(RARE, random.randrange(5)))


def _demo(random: Random, sessions: int) -> list[Event]:
    lines = demo_network(random.randrange(10**6), sessions=random.randint(1, sessions))
    return [event for line in lines if (event := _read(line)) is not None]


def _read(line: bytes) -> Event | None:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("data"), dict) and "time" in event else None


GENERATORS: Mapping[str, Callable[[Random, int], list[Event]]] = {
    "invented": _random_history,
    "of the audit": _audited,
    "of the oracle": _oracle,
    "of the demo": _demo,
}


def _as_told(_random: Random, events: list[Event]) -> list[Event]:
    return events


def _in_any_order(random: Random, events: list[Event]) -> list[Event]:
    return disordered(random, events)


def _contradicted(random: Random, events: list[Event]) -> list[Event]:
    return sorted(events + contradictions(random, events), key=lambda event: str(event["time"]))


def _contradicted_in_any_order(random: Random, events: list[Event]) -> list[Event]:
    return shuffled(events + contradictions(random, events, percent=30), random.randrange(10**6))


TELLINGS: Mapping[str, Callable[[Random, list[Event]], list[Event]]] = {
    "as told": _as_told,
    "in any order": _in_any_order,
    "contradicted": _contradicted,
    "contradicted, in any order": _contradicted_in_any_order,
}
KINDS = tuple(f"{generator}, {telling}" for generator in GENERATORS for telling in TELLINGS)


def told(kind: str, seed: int, sessions: int = 12) -> list[Event]:
    """The messages of a kind (one of `KINDS`) and a seed about so many sessions at most, in the order of coming."""
    generator, _, telling = kind.partition(", ")
    random = Random(f"{kind} {seed}")
    return TELLINGS[telling](random, GENERATORS[generator](random, sessions))


def complaints(dsn: str, kind: str, seed: int, folder: Path, sessions: int = 12) -> list[str]:
    """Settle such a history on an empty store: what `verify` finds in between, after the clock, and of its files."""
    random = Random(f"{kind} {seed} settled")
    engine = Engine(dsn, cover_rule=random.choice(list(CoverRule)), before_clock=bool(random.randrange(2)))
    try:
        return list(_settled(engine, told(kind, seed, sessions), random, folder))
    finally:
        engine.close()


def _settled(engine: Engine, events: list[Event], random: Random, folder: Path) -> Iterator[str]:
    stages = random.choice((1, 2, 3))
    size = -(-len(events) // stages)
    for stage in range(stages):
        part = events[stage * size : (stage + 1) * size]
        engine.feed(part, random.choice((7, 30, 100)))
        if not stage:
            yield from _found(engine, "before the clock")
        engine.advance(_until(events, (stage + 1) / stages))
    yield from _found(engine, "after the clock")
    catch_up(engine.dsn)
    export(engine.dsn, folder, PLATFORM, every_bank_file=True)
    yield from _found(engine, "with its files")


def _until(events: list[Event], share: float) -> datetime | None:
    """Where the clock is after a share of the time that these messages span."""
    times = sorted(datetime.fromisoformat(event["time"]) for event in events if event["time"] < "2100")
    return times[0] + (times[-1] - times[0]) * share if times else None


def _found(engine: Engine, when: str) -> Iterator[str]:
    for check in verify(engine.dsn, decision_keys=PUBLIC_KEYS).failed:
        for finding in check.findings[:3]:
            yield f"{when}, {check.name}: {finding.sentence}"
    counted, fed = sum(engine.tally()), engine.offset
    if counted != fed:
        yield f"{when}: {fed} messages came in and {counted} are counted: {json.dumps(engine.tally())}"
