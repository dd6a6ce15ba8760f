"""The pages, one module a subject; each has its `ROUTES`, and is found by being here. Read `operators` first."""

from importlib import import_module
from pkgutil import iter_modules

from starlette.routing import Route

ROUTES: tuple[Route, ...] = tuple(
    route
    for name in sorted(found.name for found in iter_modules(__path__))
    for route in import_module(f"{__name__}.{name}").ROUTES
)
