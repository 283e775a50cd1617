"""What stands in reports."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from markupsafe import Markup

from services.web.machines.service import MachinePages
from services.web.people.service import names_of_members
from services.web.sessions.visit import Visit


class Reports:
    def __init__(self, machines: MachinePages) -> None:
        self._machines = machines

    async def of_machine(self, visit: Visit, machine_id: UUID) -> dict[str, Any]:
        """Words, figures and picture, in the time that the address names."""
        shown = await self._machines.map(visit, machine_id)
        return shown | {"picture": await self._drawn(visit, shown)}

    async def of_alert(self, visit: Visit, alert_id: UUID) -> dict[str, Any]:
        """The alert with its story, and the machine at that moment."""
        alert = await visit.get(f"/alerts/{alert_id}")
        worst = await self._machines.worst_of(visit, alert)
        shown, timeline, names, drawn = await asyncio.gather(
            self._machines.at_alert(visit, alert, worst),
            visit.get(f"/alerts/{alert_id}/timeline"),
            names_of_members(visit),
            self._machines.picture_of(visit, worst),
        )
        picture = drawn or await self._drawn(visit, shown)
        story = {"alert": alert, "timeline_of_alert": timeline["items"], "names": names}
        return {**shown, **story, "picture": picture}

    async def _drawn(self, visit: Visit, shown: Mapping[str, Any]) -> Markup | None:
        """The map with the sample of the report."""
        run, sample = shown["run"], shown["panel"]["sample"]
        return await self._machines.picture(visit, run, sample) if run else None
