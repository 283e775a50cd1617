"""Where a request came from, as the edge saw it."""

from typing import Annotated

import structlog
from fastapi import Depends

from services.auth.sign_in.domain import Client
from services.auth.trail.service import address_or_none


async def _client() -> Client:
    context = structlog.contextvars.get_contextvars()
    return Client(address_or_none(context.get("client_address")), context.get("user_agent"))


RequestClient = Annotated[Client, Depends(_client)]
