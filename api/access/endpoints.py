"""Every endpoint with the right that it asks for, and the roles that have it: the table of docs/security.md.

It is read from the application itself, so that it cannot say anything else than what is done.
`python -m api.access.endpoints` prints it, and with a page behind it writes it there.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from api.access.roles import Right, asked_by, may
from ledger.access.duties import Duty

HEAD = f"| endpoint | takes the right to | {' | '.join(f'`{duty.value}`' for duty in Duty)} |"
_RULE = "|".join(["", *[" --- "] * (2 + len(Duty)), ""])


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method and a path; `right` is None where nobody is asked who they are."""

    method: str
    path: str
    right: Right | None

    def reach(self, duty: Duty) -> str:
        """How far a role comes: `-` not at all, `own` to its own operators' rows, `yes`."""
        if self.right is None:
            return "yes"
        if not may(duty, self.right):
            return "-"
        return "own" if duty is Duty.OPERATOR and self.right is not Right.SELF else "yes"


def endpoints(routes: Iterable[BaseRoute]) -> list[Endpoint]:
    """The endpoints of an application, by path; files that pages are made of left out."""
    found = [
        Endpoint(method, route.path, _right(route))
        for route in routes
        if isinstance(route, Route | APIRoute) and not route.path.startswith("/static")
        for method in sorted(route.methods or ())
        if method != "HEAD"
    ]
    return sorted(found, key=lambda each: (each.path, each.method))


def table(found: Iterable[Endpoint]) -> Iterator[str]:
    """The lines of the table in Markdown."""
    yield HEAD
    yield _RULE
    for each in found:
        right = "nobody is asked" if each.right is None else each.right.value
        cells = " | ".join(each.reach(duty) for duty in Duty)
        yield f"| `{each.method} {each.path}` | {right} | {cells} |"


def _right(route: Route | APIRoute) -> Right | None:
    if isinstance(route, APIRoute):
        return next(_asked(route.dependant), None)
    return asked_by(route.endpoint)


def _asked(dependant: Dependant) -> Iterator[Right]:
    right = asked_by(dependant.call)
    if right is not None:
        yield right
    for each in dependant.dependencies:
        yield from _asked(each)


if __name__ == "__main__":
    from api.pages.subjects import ROUTES
    from api.v1 import ROUTERS

    everything = [*ROUTES, *(route for router in ROUTERS for route in router.routes)]
    made = "".join(f"{line}\n" for line in table(endpoints(everything)))
    for name in sys.argv[1:]:
        page = Path(name)
        before, _, behind = page.read_text(encoding="utf-8").partition(f"{HEAD}\n")
        page.write_text(before + made + "\n" + behind.partition("\n\n")[2], encoding="utf-8")
    if not sys.argv[1:]:
        sys.stdout.write(made)
