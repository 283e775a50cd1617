"""Reads what may not be there, and what addresses say."""

from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from typing import Any

from services.web.errors import ApiError

Json = Mapping[str, Any]

# What is simply not there yet: no run, no baseline, an archived analysis.
MISSING = (404, 409, 422)


async def optional(call: Awaitable[Json]) -> Json | None:
    """The response; None for what is not there (yet)."""
    try:
        return await call
    except ApiError as error:
        if error.status in MISSING:
            return None
        raise


async def nothing() -> Json:
    return {"items": ()}


def index_of(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
