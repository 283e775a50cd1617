"""Changes several alerts for a visitor."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from services.web.errors import ApiError
from services.web.sessions.visit import Visit

ACTIONS = frozenset({"acknowledge", "resolve"})
# A page of alerts, side by side; each change is one of its own.
MAX_ALERTS = 50
AT_ONCE = 8


async def change_alerts(
    visit: Visit, action: str, ids: Sequence[str], note: str
) -> tuple[int, Sequence[ApiError]]:
    """How many were changed, and why others were not. An unknown action or id changes nothing."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def change(alert_id: UUID) -> ApiError | None:
        async with gate:
            try:
                await visit.post(f"/alerts/{alert_id}/{action}", {"note": note or None})
            except ApiError as error:
                return error
            return None

    wanted = [UUID(each) for each in ids[:MAX_ALERTS] if _is_id(each)] if action in ACTIONS else []
    outcomes = await asyncio.gather(*map(change, wanted))
    failed = [error for error in outcomes if error is not None]
    return len(outcomes) - len(failed), failed


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
