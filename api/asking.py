"""What is asked of a resource, read in one go: the same as FastAPI does, with all that is known before done before.

FastAPI finds out anew for each request what its parameters are; with a dozen of them that takes as long as the read
itself. Here it is found out once a route. For routes that take a body or headers FastAPI's own way is right.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, TypeAlias

from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]
Values: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A parameter of the path or the query: for which argument, and how a text becomes its value."""

    argument: str
    place: str
    name: str
    field: Any
    is_required: bool
    default: Any

    def read(self, given: Mapping[str, str], values: Values, errors: list[Any]) -> None:
        text = given.get(self.name)
        if text is None and not self.is_required:
            values[self.argument] = copy(self.default)
            return
        where = (self.place, self.name)
        if text is None:
            errors.append({"type": "missing", "loc": where, "msg": "Field required", "input": None})
            return
        value, found = self.field.validate(text, values, loc=where)
        if found:
            errors.extend(found)
        else:
            values[self.argument] = value


@dataclass(frozen=True, slots=True)
class _Asked:
    """A function with what it is given: the endpoint, or a dependency (for the argument `name`)."""

    function: Callable[..., Awaitable[Any]]
    name: str | None
    parameters: tuple[_Parameter, ...]
    dependencies: tuple["_Asked", ...]
    request_argument: str | None

    async def arguments(self, request: Request, known: dict[Any, Any], errors: list[Any]) -> Values:
        """What it is given; `known` are results of this request, and `errors` what was wrong in it."""
        values: Values = {}
        for each in self.dependencies:
            before = len(errors)
            given = await each.arguments(request, known, errors)
            if len(errors) > before:
                continue
            if each.function not in known:
                known[each.function] = await each.function(**given)
            if each.name is not None:
                values[each.name] = known[each.function]
        for parameter in self.parameters:
            parameter.read(request.path_params if parameter.place == "path" else request.query_params, values, errors)
        if self.request_argument is not None:
            values[self.request_argument] = request
        return values


def handler_of(dependant: Dependant) -> Handler | None:
    """What answers the requests of a route; None for one whose parameters are not all of the path and the query."""
    if not all(_is_plain(each) for each in _all(dependant)):
        return None
    asked = _asked(dependant)

    async def handle(request: Request) -> Response:
        errors: list[Any] = []
        given = await asked.arguments(request, {}, errors)
        if errors:
            raise RequestValidationError(errors)
        response: Response = await asked.function(**given)
        return response

    return handle


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _all(each)


def _is_plain(dependant: Dependant) -> bool:
    others = (
        *(dependant.header_params, dependant.cookie_params, dependant.body_params),
        *(dependant.response_param_name, dependant.background_tasks_param_name, dependant.security_scopes_param_name),
    )
    return iscoroutinefunction(dependant.call) and not any(others)


def _asked(dependant: Dependant) -> _Asked:
    assert dependant.call is not None
    fields = [
        *(("path", field) for field in dependant.path_params),
        *(("query", field) for field in dependant.query_params),
    ]
    parameters = tuple(
        _Parameter(field.name, place, field.alias, field, field.field_info.is_required(), field.default)
        for place, field in fields
    )
    dependencies = tuple(_asked(each) for each in dependant.dependencies)
    return _Asked(dependant.call, dependant.name, parameters, dependencies, dependant.request_param_name)
