"""The command of the simulated charger park."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattledger.commands.common import settings_for, the_brokers
from wattledger.commands.options import DataDir, Debug, Json, form_of
from wattledger.views.forms import Form
from wattledger.views.tables import show_rows

if TYPE_CHECKING:
    from wattledger.park.judging import Verdict
    from wattledger.park.park import Park

app = typer.Typer()

_COUNTS = ("readings", "within_30_s", "over", "quarters", "quarters_over", "pressed", "used_percent", "delivered_wh")
# A quarter of an hour is what is judged; a day is more than anybody waits for.
_MINUTES_MIN, _MINUTES_MAX = 15, 1_440
_TOLD_EVERY_S = 300


@app.command()
def park(
    scenarios: Annotated[
        list[str] | None, typer.Argument(metavar="[SCENARIO]...", help="Which sites there are; all without any.")
    ] = None,
    minutes: Annotated[
        int, typer.Option("--minutes", min=_MINUTES_MIN, max=_MINUTES_MAX, help="How long it is open, in its time.")
    ] = 60,
    seed: Annotated[int, typer.Option("--seed", help="The same seed makes the same cars and mishaps.")] = 1,
    name: Annotated[
        str | None, typer.Option("--name", help="What its ids have in common; from the clock without it.")
    ] = None,
    bootstrap: Annotated[
        str | None, typer.Option("--bootstrap", metavar="HOST:PORT", help="Kafka's address.")
    ] = None,
    lists: Annotated[bool, typer.Option("--list", help="Print which scenarios there are, and end.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Play charging sites with limits, whose chargers obey `wattledger load run --clock events`; say what held.

    It ends with status 1 where a site was over a limit in a quarter of an hour, or in a reading more than 30 seconds
    after a change. Its time goes on as fast as the load service follows; without one, as fast as the clock.
    """
    from wattledger.park.scenarios import SCENARIOS

    form = form_of(json=json, csv=False)
    if lists:
        told = [{"scenario": each, "what": what} for each, (what, _) in SCENARIOS.items()]
        show_rows("Scenarios", told, ("scenario", "what"), form=form, prose=("what",))
        return
    for each in scenarios or ():
        if each not in SCENARIOS:
            raise typer.BadParameter(f"{each!r} is none of {', '.join(SCENARIOS)}", param_hint="SCENARIO")
    made = _run(tuple(dict.fromkeys(scenarios or SCENARIOS)), minutes, seed, name, data_dir, bootstrap, debug=debug)
    _show(made.verdicts(), form)


def _run(
    scenarios: Sequence[str],
    minutes: int,
    seed: int,
    name: str | None,
    data_dir: Path | None,
    bootstrap: str | None,
    *,
    debug: bool,
) -> "Park":
    """A park that has run to its end, or until it was told to end."""
    import asyncio

    from consumers.park import last_said, run_park
    from wattledger.ending import IN_ORDER_S, stop_on_signals
    from wattledger.logs import say
    from wattledger.park.park import Park, beginning

    settings = settings_for(data_dir, debug=debug, live=True)
    with the_brokers(settings, bootstrap) as kafka, stop_on_signals(IN_ORDER_S) as stop:
        now = datetime.now(UTC)
        begins = beginning(now, minutes, asyncio.run(last_said(kafka)))
        named = name or now.strftime("%y%m%d%H%M%S")
        made = Park.of(scenarios, seed=seed, minutes=minutes, begins=begins, name=named)
        say(f"a charger park is open at {kafka['bootstrap_servers']}, its time is from {begins:%Y-%m-%dT%H:%MZ} on")
        asyncio.run(run_park(kafka, made, stop, on_tick=_telling(made, say)))
    return made


def _telling(made: "Park", say: Callable[[str], None]) -> Callable[[], None]:
    def tell() -> None:
        if made.at_s % _TOLD_EVERY_S == 0:
            over = sum(len(each.over) for each in made.verdicts())
            say(f"{made.at_s // 60} minutes have passed in the park, readings over a limit: {over}")

    return tell


def _show(verdicts: Sequence["Verdict"], form: Form) -> None:
    """What came of each site; raises Exit with 1 where a limit was exceeded."""
    documents = [each.document() for each in verdicts]
    shown = [_counted(each) for each in documents]
    columns = ("location_id", "held", *_COUNTS)
    show_rows("Sites of the park", documents, columns, _COUNTS, form=form, shown=shown)
    if not all(each.is_held for each in verdicts):
        raise typer.Exit(1)


def _counted(document: dict[str, Any]) -> dict[str, Any]:
    counted = {"over": len(document["readings_over"]), "quarters_over": len(document["quarters_over"])}
    return {**document, "held": "yes" if document["held"] else "no", **counted}
