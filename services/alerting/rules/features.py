"""What features a machine's rules can see: those that its active baseline judges."""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from services.alerting.rules.program import Program
from shared.access import Caller
from shared.errors import NotFound, Unauthenticated, Unavailable

MAX_VERSIONS = 500


class AnalysisService(Protocol):
    async def get(self, path: str, *, caller: Caller | None = None) -> Mapping[str, Any]: ...


class FeatureDirectory:
    """Asks analysis, which alone knows the features of baselines; never within a transaction."""

    def __init__(self, analysis: AnalysisService) -> None:
        self._analysis = analysis

    async def seen_by(self, caller: Caller, machine_id: UUID, program: Program) -> frozenset[str] | None:
        """The machine's features; None if the program names none, without a baseline or without an answer.

        A warning is no reason to keep a rule from being saved.
        """
        if not program.features:
            return None
        try:
            return await self._of_baseline(caller, machine_id)
        except (NotFound, Unauthenticated, Unavailable):
            return None

    async def _of_baseline(self, caller: Caller, machine_id: UUID) -> frozenset[str] | None:
        path = f"/api/v1/machines/{machine_id}/baselines?limit={MAX_VERSIONS}"
        versions = (await self._analysis.get(path, caller=caller))["items"]
        active = next((version["analysis_id"] for version in versions if version["active"]), None)
        if active is None:
            return None
        baseline = await self._analysis.get(f"/api/v1/analyses/{active}", caller=caller)
        upload = await self._analysis.get(f"/api/v1/file-uploads/{baseline['file_upload_id']}", caller=caller)
        if upload["features"] is None:
            return None
        # Results of an older version may lack them.
        dropped = (baseline["results"] or {}).get("dropped_features", ())
        return frozenset(upload["features"]) - frozenset(dropped)
