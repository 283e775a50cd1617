"""What a form offers to choose from, and the names behind ids."""

import asyncio
from collections.abc import Iterable, Mapping
from uuid import UUID

from services.web.sessions.visit import ANY_PROBLEM, Visit, optional

# One page of the API. A form with more to choose from is reached from the machine or the rule itself.
MAX_CHOICES = 500
MAX_MISSING = 50


async def named(visit: Visit, path: str, ids: Iterable[str] = ()) -> Mapping[str, str]:
    """The names of what the API lists at `path`, by id: its first page, and those of `ids` beyond it."""
    listed = (await visit.get(path, limit=MAX_CHOICES))["items"]
    names = {str(each["id"]): str(each["name"]) for each in listed}
    missing = [each for each in dict.fromkeys(ids) if each not in names and _is_id(each)][:MAX_MISSING]
    found = await asyncio.gather(*(optional(visit.get(f"{path}/{each}"), ANY_PROBLEM) for each in missing))
    return names | {str(each["id"]): str(each["name"]) for each in found if each}


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
