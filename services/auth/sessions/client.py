"""Where a request came from, according to the gateway."""

from typing import Annotated

import structlog
from fastapi import Depends

from services.auth.sessions.domain import Client
from services.auth.trail.service import normalized_address


async def _client() -> Client:
    context = structlog.contextvars.get_contextvars()
    return Client(normalized_address(context.get("client_address")), context.get("user_agent"))


RequestClient = Annotated[Client, Depends(_client)]
