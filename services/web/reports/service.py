"""What stands in reports."""

import asyncio
from typing import Any
from uuid import UUID

from services.web.machines.reading import archived, no_answer
from services.web.machines.service import EMPTY, MachinePages
from services.web.people.service import names_of_members
from services.web.sessions.visit import Visit, optional

# The newest anomalies of the run; a report says how many there are.
LISTED = 12


class Reports:
    def __init__(self, machines: MachinePages) -> None:
        self._machines = machines

    async def of_machine(self, visit: Visit, machine_id: UUID) -> dict[str, Any]:
        """Words, figures and picture, in the time that the address names."""
        shown = await self._machines.map(visit, machine_id)
        run, sample = shown["run"], shown["panel"]["sample"]
        picture = await self._machines.picture(visit, run, sample) if run else None
        return {**shown, "anomalies": shown["anomalies"][:LISTED], "picture": picture}

    async def of_alert(self, visit: Visit, alert_id: UUID) -> dict[str, Any]:
        """The alert with its story, and the machine, run and map of its worst anomaly."""
        alert, timeline, names = await asyncio.gather(
            visit.get(f"/alerts/{alert_id}"),
            visit.get(f"/alerts/{alert_id}/timeline"),
            names_of_members(visit),
        )
        place, worst_id = f"/machines/{alert['machine_id']}", alert["worst_anomaly_id"]
        machine, health, worst = await asyncio.gather(
            visit.get(place),
            optional(visit.get(f"{place}/health")),
            optional(visit.get(f"/anomalies/{worst_id}")) if worst_id else no_answer(),
        )
        panel = EMPTY
        if worst is not None:
            panel = {"sample": worst["sample_index"], "anomaly": worst, "at": worst["timestamp"]}
        story = {"alert": alert, "timeline_of_alert": timeline["items"], "names": names}
        run = await self._run(visit, (worst or alert)["analysis_id"], panel["sample"])
        return {"machine": machine, "health": health, "panel": panel, **story, **run}

    async def _run(self, visit: Visit, run_id: str | None, sample: int | None) -> dict[str, Any]:
        """A run, its newest anomalies and its map; what there still is of them."""
        run = await optional(visit.get(f"/analyses/{run_id}")) if run_id else None
        if run is None or archived(run):
            return {"run": run, "anomalies": (), "picture": None}
        anomalies, picture = await asyncio.gather(
            visit.get("/anomalies", analysis_id=run_id, limit=LISTED),
            self._machines.picture(visit, run, sample),
        )
        return {"run": run, "anomalies": anomalies["items"], "picture": picture}
