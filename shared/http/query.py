"""Unknown query parameters are refused: a mistyped filter would otherwise list everything."""

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute

from shared.errors import FieldError, Unprocessable, json_pointer


def accept_any_query() -> None:
    """A dependency that marks a route whose callers add parameters of their own."""


async def refuse_unknown_query(request: Request) -> None:
    """A dependency of every route. Raises Unprocessable, which names unknown and known parameters."""
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute) or not route.include_in_schema:
        return
    if any(dependency.call is accept_any_query for dependency in route.dependant.dependencies):
        return
    known = _names(route.dependant)
    if unknown := sorted(set(request.query_params) - set(known)):
        reason = f"is not a query parameter of this operation; known parameters: {', '.join(known) or 'none'}"
        raise Unprocessable(
            f"The query has {len(unknown)} unknown parameter(s); see errors.",
            errors=[FieldError(json_pointer("query", name), reason) for name in unknown],
        )


def _names(dependant: Dependant) -> list[str]:
    """The names of the operation's query parameters, including those that are fields of a model."""
    alone = Dependant(
        query_params=[parameter for each in _walk(dependant) for parameter in each.query_params]
    )
    return list(dict.fromkeys(field.alias for field in get_flat_params(alone)))


def _walk(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _walk(each)
