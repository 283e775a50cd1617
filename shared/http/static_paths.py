"""Paths such as /rules/performance, which another resource's path, /rules/{rule_id}, matches too.

A router goes on to the next route if the first one lacks the method, and would take `performance` for an id.
"""

import re
from collections import defaultdict
from collections.abc import Sequence

from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, compile_path
from starlette.types import Receive, Scope, Send


class StaticPaths(BaseRoute):
    """The first route of an application: refuses methods that a path lacks and the other resource has."""

    def __init__(self) -> None:
        self._methods: defaultdict[str, set[str]] = defaultdict(set)
        self._shared: list[tuple[re.Pattern[str], set[str]]] = []

    def add(self, routes: Sequence[BaseRoute]) -> None:
        """Know the routes of a router, and of those that it includes."""
        for route in iter_route_contexts(routes):
            if route.path_format is not None:
                self._methods[route.path_format] |= set(route.methods or ())
        self._shared = [
            (compile_path(path)[0], methods)
            for path, methods in self._methods.items()
            if any(_covers(other, path) for other in self._methods)
        ]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        path, method = scope["path"], scope["method"]
        refused = any(pattern.match(path) and method not in allowed for pattern, allowed in self._shared)
        return (Match.FULL if refused else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise HTTPException(405)


def _covers(general: str, special: str) -> bool:
    return _matches(general, special) and not _matches(special, general)


def _matches(template: str, path: str) -> bool:
    return compile_path(template)[0].match(path) is not None
