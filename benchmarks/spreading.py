"""Says by how much energy spread over charging seconds differs from CDR pricing's straight line, of sessions.

`python -m benchmarks.spreading FILE...`: JSON Lines of the messages of sessions, as `wattledger settle` takes them.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import orjson

from domain.network.moments import quarter_start
from domain.network.session_use import SessionUse, UseFacts, session_use
from projections.network.kept_facts import FACTS, learn


def told(lines: Iterable[bytes]) -> dict[str, UseFacts]:
    """The facts of each session in lines of messages; messages of other types are passed over."""
    found: dict[str, UseFacts] = {}
    for line in lines:
        message = orjson.loads(line)
        if message.get("type") in FACTS:
            session_id = message["data"]["session_id"]
            learn(found.setdefault(session_id, UseFacts(session_id)), message["type"], message)
    return found


def moved(by_state: SessionUse, straight: SessionUse) -> Fraction:
    """The Wh of a session in another quarter hour than on a straight line between its registers."""
    one, other = dict(by_state.quarters), dict(straight.quarters)
    apart = [abs(Fraction(one.get(quarter, 0)) - other.get(quarter, 0)) for quarter in one.keys() | other.keys()]
    return sum(apart, Fraction(0)) / 2


def peaks(uses: Iterable[SessionUse]) -> dict[tuple[str, str], Fraction]:
    """The highest quarter hour of each site and UTC month, in kW."""
    loads: dict[tuple[str, int], Fraction] = defaultdict(Fraction)
    for use in uses:
        for quarter, wh in use.quarters:
            loads[use.location_id, quarter] += wh
    highest: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for (location_id, quarter), wh in loads.items():
        key = (location_id, f"{quarter_start(quarter):%Y-%m}")
        highest[key] = max(highest[key], wh * 4 / 1000)
    return highest


def main(arguments: Sequence[str]) -> int:
    """Print the differences; 2 where no file is named."""
    if not arguments:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    facts = told(line for name in arguments for line in Path(name).read_bytes().splitlines())
    by_state = {id_: session_use(each) for id_, each in facts.items()}
    straight = {id_: session_use(replace(each, states=[])) for id_, each in facts.items()}
    energy = sum((Fraction(use.energy_wh) for use in by_state.values()), Fraction(0))
    apart = {id_: moved(by_state[id_], straight[id_]) for id_ in facts}
    whole = sum(apart.values(), Fraction(0))
    percent, most = float(100 * whole / energy) if energy else 0, max(apart.values(), default=Fraction(0))
    print(f"{len(facts):,} sessions, {float(energy / 1000):,.1f} kWh")
    print(f"in another quarter hour: {float(whole / 1000):,.1f} kWh, {percent:.1f} %")
    print(f"of {sum(1 for wh in apart.values() if wh):,} sessions; of one at most {float(most):,.0f} Wh")
    one, other = peaks(by_state.values()), peaks(straight.values())
    for key in sorted(one):
        location_id, month = key
        print(f"{location_id} {month}: peak {float(one[key]):.1f} kW, on a straight line {float(other[key]):.1f} kW")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
