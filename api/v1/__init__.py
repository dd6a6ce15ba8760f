"""The resources of `/v1`, one module a subject; each has a `router`. Read `operators` first.

A resource declares its query parameters (others are refused), its right, and what it answers; it reads by one
function of `projections` that is given a Snapshot. What programs get is made by `projections.documents`.
"""

from importlib import import_module
from pkgutil import iter_modules

from fastapi import APIRouter

# Every module here is a subject.
ROUTERS: tuple[APIRouter, ...] = tuple(
    import_module(f"{__name__}.{name}").router for name in sorted(found.name for found in iter_modules(__path__))
)
