"""What is read in place of nothing, and what addresses and forms say."""

from datetime import UTC, datetime
from uuid import UUID

from services.web.api.client import Json
from services.web.errors import UnknownPage


async def nothing() -> Json:
    return {"items": ()}


async def no_answer() -> None:
    """Where there is nothing to ask for."""


def archived(analysis: Json) -> bool:
    """Whether its samples and anomalies are not to be had until it is restored."""
    return bool(analysis["status"] == "archived")


def index_of(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def id_of(text: str, path: str) -> UUID:
    """The id in a form that was sent to `path`. Raises UnknownPage for what is none."""
    try:
        return UUID(text)
    except ValueError as error:
        raise UnknownPage(path) from error


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
