"""The names behind the ids of people, for whoever may read them."""

from collections.abc import Mapping

from services.web.errors import ApiError
from services.web.sessions.visit import Visit

# The first page of members: beyond it, an id is shown in place of a name.
MAX_NAMES = 500


async def names_of_members(visit: Visit) -> Mapping[str, str]:
    try:
        members = await visit.get(f"/organizations/{visit.organization_id}/members", limit=MAX_NAMES)
    except ApiError:
        return {}
    return {str(each["user_id"]): str(each["full_name"]) for each in members["items"]}
