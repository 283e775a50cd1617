"""The audit trail as an administrator reads it."""

from collections.abc import Mapping
from typing import Any

from tests.integration.auth.conftest import Person
from tests.support.waiting import eventually

Entry = Mapping[str, Any]


async def recorded(person: Person, *actions: str) -> list[Entry]:
    """Everything in the trail, newest first, once each of these actions is there.

    Entries come through the broker: a moment later, and those of two keys in any order.
    """

    async def all_there() -> list[Entry]:
        items: list[Entry] = (await person.get("/audit-logs", limit=500))["items"]
        return items if set(actions) <= {item["action"] for item in items} else []

    return await eventually(all_there, what=f"{', '.join(actions)} in the trail")


async def entry(person: Person, action: str) -> Entry:
    """The one entry of this action, once it is there."""
    [found] = [item for item in await recorded(person, action) if item["action"] == action]
    return found
