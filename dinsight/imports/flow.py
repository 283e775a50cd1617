"""Imports a dataset: a machine, its baseline, its monitoring runs, and what is known of them as outcomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from dinsight.imports.cutting import TIME, Cut, Piece
from dinsight.imports.dataset import Dataset
from dinsight.imports.errors import ImportRefused, RequestRefused
from dinsight.imports.gateway import Gateway, Json

FORBIDDEN = 403
ALERT_SECONDS = 60.0
"""How long an alert about a run that has anomalies is waited for."""


@dataclass(slots=True)
class Imported:
    """What has been imported. `samples` are those of the runs: their time, and whether they are anomalies."""

    machine_id: str
    baseline: Json
    runs: int = 0
    samples: list[tuple[datetime, bool]] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Importer:
    """`complete` says that the labels name every fault, so that other alerts were false alarms."""

    def __init__(
        self,
        gateway: Gateway,
        say: Callable[[str], None],
        *,
        complete: bool = False,
        alert_seconds: float = ALERT_SECONDS,
    ) -> None:
        self._gateway, self._say = gateway, say
        self._complete, self._alert_seconds = complete, alert_seconds

    async def run(self, dataset: Dataset, cut: Cut) -> Imported:
        """Import all. Raises CommandError."""
        await self._refuse_known(dataset.machine)
        machine = await self._gateway.post(
            "/machines", {"name": dataset.machine, "metadata": {"imported_from": dataset.service}}
        )
        machine_id = str(machine["id"])
        self._say(f"machine {dataset.machine!r}: {machine_id}")
        fields = {"machine_id": machine_id, "analysis_type": "baseline", "config": _config(dataset)}
        baseline = await self._gateway.completed(await self._gateway.analyse(fields, cut.training.path))
        self._say(f"baseline of {cut.training.rows} samples: {baseline['id']}")
        imported = Imported(machine_id, baseline)
        outcomes = bool(dataset.labels) and await self._watched(imported, dataset.service)
        for piece in cut.runs:
            await self._monitor(imported, piece, outcomes)
        return imported

    async def _watched(self, imported: Imported, service: str) -> bool:
        """Create the rule whose alerts get outcomes; return whether the key may."""
        try:
            await self._gateway.post("/alert-rules", _rule(imported.machine_id, service))
        except RequestRefused as error:
            if error.status != FORBIDDEN:
                raise
            imported.notes.append(
                "No outcomes were recorded: alert rules need an API key with the role admin."
            )
            return False
        return True

    async def _refuse_known(self, name: str) -> None:
        found = await self._gateway.get("/machines", q=name)
        if any(each["name"] == name for each in found["items"]):
            raise ImportRefused(
                f"There is a machine {name!r} already. Delete it, or name this one with --machine."
            )

    async def _monitor(self, imported: Imported, piece: Piece, outcomes: bool) -> None:
        fields = {
            "machine_id": imported.machine_id,
            "analysis_type": "monitoring",
            "baseline_id": str(imported.baseline["id"]),
        }
        known = () if piece.event is None else (piece.event,)
        run = await self._gateway.completed(await self._gateway.analyse(fields, piece.path, known))
        imported.runs += 1
        imported.samples += await self._gateway.samples(run["id"], piece.rows, TIME)
        anomalies = run["results"]["anomaly_count"]
        what = "" if piece.event is None else f", known as {piece.event.code!r}"
        self._say(f"run from {piece.span.start:%Y-%m-%d %H:%M}: {anomalies} of {piece.rows} anomalous{what}")
        if anomalies and outcomes:
            await self._judge(imported, piece)

    async def _judge(self, imported: Imported, piece: Piece) -> None:
        """Resolve the alerts of a run with what is known of it, before the next one can add to them."""
        outcome: Json = {"outcome": "false_alarm" if self._complete else "unknown"}
        if piece.event is not None:
            outcome = {"outcome": "true_alarm", "fault_code": piece.event.code}
        for alert in await self._gateway.open_alerts(imported.machine_id, self._alert_seconds):
            try:
                await self._gateway.post(f"/alerts/{alert['id']}/resolve", outcome)
            except RequestRefused as error:
                imported.notes.append(f"The outcome of alert {alert['id']} was not recorded: {error}")
                continue
            kind = outcome["outcome"]
            imported.outcomes[kind] = imported.outcomes.get(kind, 0) + 1


def _config(dataset: Dataset) -> str:
    config: Json = {
        "end_meta": TIME,
        "start_dim": dataset.sensors[0],
        "end_dim": dataset.sensors[-1],
        "time_column": TIME,
        "time_format": "iso",
        "time_zone": "UTC",
    }
    if dataset.off_when is not None:
        config["off_when"] = dataset.off_when
    return json.dumps(config)


def _rule(machine_id: str, service: str) -> Json:
    return {
        "machine_id": machine_id,
        "name": f"Beyond normal (imported from {service})",
        "condition": {
            "version": 1,
            "when": {"signal": "anomaly.distance_ratio", "op": "gte", "value": 1.0},
        },
        "actions": {"version": 1},
        "severity": "medium",
    }
