"""The merged OpenAPI document: fetched from the services, kept, refreshed when it has become old."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from services.gateway.docs.openapi import Document, merge
from shared.errors import NotFound, Unavailable
from shared.http.application import problem_schema
from shared.http.peers import Peer

logger = structlog.get_logger(__name__)


class Catalogue:
    """A service that is away is described as it was when it was last there."""

    def __init__(
        self,
        peers: Mapping[str, Peer],
        own: Callable[[], Document],
        *,
        fresh_seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._peers = peers
        self._own = own
        self._fresh_seconds = fresh_seconds
        self._now = now
        self._documents: dict[str, Document] = {}
        self._merged: dict[str, Any] = {}
        self._merged_at = float("-inf")
        self._lock = asyncio.Lock()

    async def document(self) -> dict[str, Any]:
        """The OpenAPI document of everything; `x-missing` names services that were never reached."""
        async with self._lock:
            complete = self._documents.keys() == self._peers.keys()
            if not complete or self._now() - self._merged_at > self._fresh_seconds:
                await asyncio.gather(*(self._refresh(name) for name in self._peers))
                self._merged = self._merge()
                self._merged_at = self._now()
            return self._merged

    async def _refresh(self, name: str) -> None:
        try:
            self._documents[name] = await self._peers[name].get("/openapi.json")
        except (Unavailable, NotFound) as error:
            logger.warning("service not described", service=name, error=error.detail)

    def _merge(self) -> dict[str, Any]:
        documents = {name: self._documents[name] for name in self._peers if name in self._documents}
        merged = merge({**documents, "gateway": self._own()}, shared_components=_problem_components())
        if missing := [name for name in self._peers if name not in self._documents]:
            merged["x-missing"] = missing
        return merged


def _problem_components() -> dict[str, Any]:
    schema = problem_schema()
    parts = schema.pop("$defs", {})
    return {"schemas": {"Problem": schema, **parts}}
