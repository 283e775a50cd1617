"""Reads what the pages of a machine show."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from markupsafe import Markup
from starlette.datastructures import FormData

from services.web.api.client import Json
from services.web.errors import ApiError
from services.web.machines import forms
from services.web.machines.columns import marks_of, packed, severity_bands, time_column, time_of
from services.web.machines.picture import picture
from services.web.machines.reading import archived, id_of, index_of, iso, nothing
from services.web.machines.samples import anomaly_window, similar, spectrum
from services.web.machines.wear import trend_figure
from services.web.machines.window import DEFAULT_PERIOD, PERIODS, chosen_run, window
from services.web.sessions.visit import MISSING, Visit, optional

Say = Callable[[str], str]

# Buckets of the time axis: one for each pixel of a wide screen, at most.
POINTS = 1_200
# The newest; the map shows all of them.
ANOMALIES = 25
RUNS = 100
# As many as a machine may have.
SOURCES = 50
# Earlier anomalies among which similar ones are looked for.
EARLIER = 200
# What a request for columns may ask for at once.
MAX_COLUMNS = 100_000
# Raw values in a panel; the list of all is a file.
MAX_VALUES = 200
EMPTY: dict[str, Any] = {"sample": None}


class MachinePages:
    async def map(self, visit: Visit, machine_id: UUID) -> dict[str, Any]:
        """The time axis, and the run whose samples the map shows, as the address asks."""
        query = visit.request.query_params
        frame, newest = await asyncio.gather(
            self._frame(visit, machine_id), self._newest(visit, machine_id, query)
        )
        shown = window(query, newest)
        timeline = await visit.get(
            f"/machines/{machine_id}/timeline", since=shown.since, until=shown.until, points=POINTS
        )
        run_id = chosen_run(query, timeline["runs"]) or frame["last_run"]
        run = await optional(visit.get(f"/analyses/{run_id}")) if run_id else None
        baseline_id = (run or {}).get("baseline_id") or frame["active_baseline"]
        anomalies, panel = {"items": ()}, EMPTY
        if run and not archived(run):
            sample = index_of(query.get("sample"))
            anomalies, panel = await asyncio.gather(
                visit.get("/anomalies", analysis_id=run_id, limit=ANOMALIES),
                self.sample(visit, machine_id, run, sample),
            )
        return {
            **frame,
            "tab": "map",
            "timeline": timeline,
            "window": shown,
            "periods": list(PERIODS),
            "run": run,
            "baseline_id": baseline_id,
            "anomalies": anomalies["items"],
            "bands": list(severity_bands((run or {}).get("results"))),
            "panel": panel,
        }

    async def sample(self, visit: Visit, machine_id: UUID, run: Json, sample: int | None) -> dict[str, Any]:
        """The panel of a sample; nothing of it if there is no such sample, or none any more."""
        if sample is None or sample < 0 or archived(run):
            return EMPTY
        points, features, normal = await asyncio.gather(
            visit.get(f"/analyses/{run['id']}/points", start=sample, stop=sample + 1),
            visit.get(f"/file-uploads/{run['file_upload_id']}/features", start=sample, stop=sample + 1),
            self._sensors(visit, run["baseline_id"]),
        )
        if not points["index"]:
            return EMPTY
        uploaded = datetime.fromisoformat(run["created_at"]).timestamp() + sample * 1e-6
        at = time_of(points["metadata"][0], time_column(run["results"]), uploaded)
        anomaly = await self._anomaly(visit, run["id"], sample, at) if points["anomaly"][0] else None
        values = features["values"][0] if features["values"] else []
        others, alerts = await asyncio.gather(
            self._earlier(visit, machine_id, anomaly),
            visit.get("/alerts", machine_id=machine_id, limit=EARLIER) if anomaly else nothing(),
        )
        threshold = (run["results"] or {}).get("threshold")
        distance = points["distance"][0]
        sensors = {each["name"]: each for each in normal}
        return {
            "sample": sample,
            "run": run,
            "machine_id": machine_id,
            "at": (anomaly or {}).get("timestamp") or iso(at),
            "timed": time_column(run["results"]) is not None,
            "distance": distance,
            "ratio": distance / threshold if threshold and distance is not None else None,
            "threshold": threshold,
            "misfit": points["misfit"][0],
            "metadata": points["metadata"][0] or {},
            "anomaly": anomaly,
            "spectrum": spectrum(features["features"], values, normal),
            "values": [
                {"name": name, "value": value, "normal": sensors.get(name)}
                for name, value in zip(features["features"][:MAX_VALUES], values, strict=False)
            ],
            "left_out": max(0, len(values) - MAX_VALUES),
            "similar": similar(anomaly, others, alerts["items"]) if anomaly else (),
        }

    async def wear(self, visit: Visit, machine_id: UUID, say: Say) -> dict[str, Any]:
        """Wear over a metadata column, or over the samples in their order."""
        frame = await self._frame(visit, machine_id)
        by = visit.request.query_params.get("by") or None
        try:
            found, error = await visit.get(f"/machines/{machine_id}/deterioration", by=by), None
        except ApiError as problem:
            if problem.status not in MISSING:
                raise
            found, error = None, problem
        columns = await self._columns_of(visit, frame["last_run"])
        return {
            **frame,
            "tab": "wear",
            "wear": found,
            "trend": trend_figure(found, by, say) if found else None,
            "error": error,
            "by": by,
            "columns": columns,
        }

    async def quality(self, visit: Visit, machine_id: UUID) -> dict[str, Any]:
        """What was read of a run's files, and the facts of its sensors."""
        frame, runs = await asyncio.gather(
            self._frame(visit, machine_id), visit.get("/analyses", machine_id=machine_id, limit=RUNS)
        )
        run_id = visit.request.query_params.get("run") or next(
            (each["id"] for each in runs["items"] if each["status"] == "completed"), None
        )
        found = await optional(visit.get(f"/analyses/{run_id}/quality")) if run_id else None
        return {**frame, "tab": "quality", "runs": runs["items"], "run_id": run_id, "quality": found}

    async def baselines(self, visit: Visit, machine_id: UUID) -> dict[str, Any]:
        """The versions of the baseline; two of them side by side if the address asks for it."""
        query = visit.request.query_params
        frame, versions = await asyncio.gather(
            self._frame(visit, machine_id), visit.get(f"/machines/{machine_id}/baselines", limit=RUNS)
        )
        older, newer = query.get("from"), query.get("to")
        comparison, error = None, None
        if older and newer:
            try:
                comparison = await visit.get(
                    f"/machines/{machine_id}/baselines/compare", **{"from": older, "to": newer}
                )
            except ApiError as problem:
                error = problem
        return {
            **frame,
            "tab": "baselines",
            "versions": versions["items"],
            "comparison": comparison,
            "error": error,
            "from": older,
            "to": newer,
        }

    async def choose_baseline(self, visit: Visit, machine_id: UUID, form: FormData) -> None:
        """Let a version judge, or the newest one again if none is named."""
        version = str(form.get("version") or "")
        if version:
            other = form.get("other_features") == "true"
            path = f"/machines/{machine_id}/baselines/{id_of(version, visit.request.url.path)}/activate"
            await visit.post(path, other_features=other)
        else:
            await visit.delete(f"/machines/{machine_id}/baselines/choice")

    async def runs(self, visit: Visit, machine_id: UUID) -> dict[str, Any]:
        query = visit.request.query_params
        frame, runs = await asyncio.gather(
            self._frame(visit, machine_id),
            visit.get("/analyses", machine_id=machine_id, limit=RUNS, cursor=query.get("cursor")),
        )
        return {**frame, "tab": "runs", "runs": runs["items"], "next_cursor": runs["next_cursor"]}

    async def settings(self, visit: Visit, machine_id: UUID) -> dict[str, Any]:
        return {**await self._frame(visit, machine_id), "tab": "settings", "error": None}

    async def change(self, visit: Visit, machine_id: UUID, form: FormData) -> ApiError | None:
        """The problem, if the API refuses what the form says."""
        try:
            await visit.patch(f"/machines/{machine_id}", forms.machine(form))
        except ApiError as error:
            if error.status not in (400, 409, 422):
                raise
            return error
        return None

    async def columns(self, visit: Visit, analysis_id: UUID, start: int, stop: int) -> bytes:
        start = max(0, start)
        stop = min(max(stop, start), start + MAX_COLUMNS)
        analysis, points = await asyncio.gather(
            visit.get(f"/analyses/{analysis_id}"),
            visit.get(f"/analyses/{analysis_id}/points", start=start, stop=stop),
        )
        results = analysis["results"] or {}
        return await asyncio.to_thread(
            packed,
            points,
            threshold=results.get("threshold"),
            bands=severity_bands(results),
            time_column=time_column(results),
            uploaded_at=datetime.fromisoformat(analysis["created_at"]),
        )

    async def picture(self, visit: Visit, analysis: Json, selected: int | None = None) -> Markup | None:
        """The map of an analysis over its baseline; None while the analysis is archived."""
        if archived(analysis):
            return None
        points, baseline = await asyncio.gather(
            visit.get(f"/analyses/{analysis['id']}/points", stop=MAX_COLUMNS),
            optional(visit.get(f"/analyses/{analysis['baseline_id']}/points", stop=MAX_COLUMNS))
            if analysis["baseline_id"]
            else nothing(),
        )
        results = analysis["results"] or {}
        if not analysis["baseline_id"]:
            return picture(points, None)
        marks = marks_of(points, results.get("threshold"), severity_bands(results))
        return picture(baseline, {**points, "mark": marks}, selected=selected)

    async def _frame(self, visit: Visit, machine_id: UUID) -> dict[str, Any]:
        """What stands above every tab."""
        machine, health, baselines, alerts, sources = await asyncio.gather(
            visit.get(f"/machines/{machine_id}"),
            optional(visit.get(f"/machines/{machine_id}/health")),
            visit.get(f"/machines/{machine_id}/baselines", limit=RUNS),
            visit.get("/alerts", machine_id=machine_id, open=True, limit=20),
            optional(visit.get(f"/machines/{machine_id}/sources", limit=SOURCES)),
        )
        wear: Sequence[Json] = (health or {}).get("wear") or ()
        return {
            "machine": machine,
            "health": health,
            "last_run": wear[-1]["analysis_id"] if wear else None,
            "active_baseline": next(
                (each["analysis_id"] for each in baselines["items"] if each["active"]), None
            ),
            "open_alerts": alerts["items"],
            "failing_sources": [each for each in (sources or {}).get("items") or () if each["problem"]],
        }

    @staticmethod
    async def _newest(visit: Visit, machine_id: UUID, query: Mapping[str, str]) -> str | None:
        """The time of the newest sample, if it is needed to know where the window begins."""
        if query.get("period", DEFAULT_PERIOD) == DEFAULT_PERIOD:
            return None
        return str((await visit.get(f"/machines/{machine_id}/timeline", points=10))["until"])

    @staticmethod
    async def _anomaly(visit: Visit, run_id: str, sample: int, at: float) -> Json | None:
        since, until = anomaly_window(at)
        found = await visit.get("/anomalies", analysis_id=run_id, since=since, until=until, limit=500)
        return next((each for each in found["items"] if each["sample_index"] == sample), None)

    @staticmethod
    async def _sensors(visit: Visit, baseline_id: str | None) -> Sequence[Json]:
        found = await optional(visit.get(f"/analyses/{baseline_id}/quality")) if baseline_id else None
        return (found or {}).get("sensors") or ()

    @staticmethod
    async def _earlier(visit: Visit, machine_id: UUID, anomaly: Json | None) -> Sequence[Json]:
        if anomaly is None:
            return ()
        found = await visit.get(
            "/anomalies", machine_id=machine_id, until=anomaly["timestamp"], limit=EARLIER
        )
        return list(found["items"])

    @staticmethod
    async def _columns_of(visit: Visit, run_id: str | None) -> Sequence[str]:
        """The metadata columns over which wear can be shown."""
        points = await optional(visit.get(f"/analyses/{run_id}/points", start=0, stop=1)) if run_id else None
        metadata = (points or {}).get("metadata") or ()
        return sorted(metadata[0]) if metadata and metadata[0] else ()
