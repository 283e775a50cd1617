"""How people sign in to this installation, as the API says."""

from collections.abc import Mapping
from typing import Any

from services.web.errors import ApiBroken, ApiError
from services.web.sessions.visit import Visit


async def offered(visit: Visit) -> Mapping[str, Any]:
    """`passwords`, `single_sign_on` and `registration`; what is usual, where the API does not say."""
    try:
        return await visit.anonymously("GET", "/auth/sign-in-methods")
    except (ApiError, ApiBroken):
        return {"passwords": True, "single_sign_on": False, "registration": "open"}
