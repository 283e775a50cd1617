"""Reads what the pages of analyses show, and does what their forms ask for."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from services.web.api.client import Json, read_object, read_problem
from services.web.errors import UnknownPage
from services.web.sessions.visit import Visit, optional

PAGE = 50
MACHINES = 500
FILTERS = ("machine_id", "analysis_type", "status")
# The API's default, where nothing else is configured.
DEFAULT_RATE = 0.005
MIN_RATE, MAX_RATE = 0.0005, 0.05
ACTIONS = ("archive", "restore")


class AnalysisPages:
    async def list(self, visit: Visit) -> dict[str, Any]:
        query = visit.request.query_params
        filters = {name: query[name] for name in FILTERS if query.get(name)}
        found, machines = await asyncio.gather(
            visit.get("/analyses", limit=PAGE, cursor=query.get("cursor"), **filters),
            visit.get("/machines", limit=MACHINES),
        )
        return {
            "analyses": found["items"],
            "next_cursor": found["next_cursor"],
            "machines": {each["id"]: each["name"] for each in machines["items"]},
            "filters": filters,
        }

    async def new(self, visit: Visit) -> dict[str, Any]:
        """The form of a new analysis; its machine is chosen already if somebody comes from there."""
        machines = (await visit.get("/machines", limit=MACHINES))["items"]
        chosen = visit.request.query_params.get("machine", "")
        baselines = await optional(visit.get(f"/machines/{chosen}/baselines", limit=1)) if chosen else None
        return {
            "machines": machines,
            "chosen": chosen,
            "has_baseline": bool(baselines and baselines["items"]),
        }

    async def preview(self, visit: Visit, content_type: str, body: AsyncIterator[bytes]) -> Json:
        """What the API understands of the beginning of a file. Raises ApiError, ApiBroken."""
        headers = {"Content-Type": content_type}
        async with await visit.open("POST", "/file-previews", headers=headers, body=body) as answer:
            if answer.status >= 400:
                raise await read_problem(answer)
            return await read_object(answer)

    async def one(self, visit: Visit, analysis_id: UUID) -> dict[str, Any]:
        analysis = await visit.get(f"/analyses/{analysis_id}")
        machine, upload = await asyncio.gather(
            optional(visit.get(f"/machines/{analysis['machine_id']}")),
            optional(visit.get(f"/file-uploads/{analysis['file_upload_id']}")),
        )
        return {"analysis": analysis, "machine": machine, "upload": upload}

    async def act(self, visit: Visit, analysis_id: UUID, action: str) -> None:
        if action not in ACTIONS:
            raise UnknownPage(visit.request.url.path)
        await visit.post(f"/analyses/{analysis_id}/{action}")

    async def what_if(self, visit: Visit, analysis_id: UUID) -> dict[str, Any]:
        """What another rate of false alarms would find, beside what the run found."""
        query = visit.request.query_params
        analysis, config = await asyncio.gather(
            visit.get(f"/analyses/{analysis_id}"), visit.get("/configs/current")
        )
        settings = (analysis["results"] or {}).get("settings") or {}
        now = settings.get("false_alarm_rate") or DEFAULT_RATE
        rate = bounded(query.get("rate"), now)
        machine, found = await asyncio.gather(
            optional(visit.get(f"/machines/{analysis['machine_id']}")),
            visit.get(f"/analyses/{analysis_id}/what-if", false_alarm_rate=rate),
        )
        return {
            "analysis": analysis,
            "machine": machine,
            "found": found,
            "rate": rate,
            "now": now,
            "by_sigmas": settings.get("threshold_sigmas"),
            "configured": config["false_alarm_rate"],
            "least": MIN_RATE,
            "most": MAX_RATE,
            "kept": query.get("kept") == "true",
        }

    async def keep(self, visit: Visit, rate: str) -> float:
        """Make a rate the setting of analyses to come. Returns what was kept."""
        kept = bounded(rate, DEFAULT_RATE)
        await visit.post("/configs", {"false_alarm_rate": kept})
        return kept


def bounded(text: str | None, otherwise: float) -> float:
    """A rate that the slider can show."""
    try:
        rate = float(text) if text else otherwise
    except ValueError:
        rate = otherwise
    return min(MAX_RATE, max(MIN_RATE, rate)) if rate == rate else otherwise
