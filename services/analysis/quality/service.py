"""Reads the quality of a run's data."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.analysis.database.unit import Unit
from services.analysis.domain import Status
from services.analysis.errors import AnalysisNotFound
from services.analysis.quality.errors import QualityUnknown
from services.analysis.results.errors import NotComplete

ENDED = (Status.COMPLETED, Status.ARCHIVED)


class QualityService:
    async def quality(self, unit: Unit, analysis_id: UUID) -> Mapping[str, Any]:
        """Return it. Raises AnalysisNotFound, NotComplete and QualityUnknown."""
        analysis = await unit.analyses.get(analysis_id)
        if analysis is None:
            raise AnalysisNotFound(analysis_id)
        if analysis.status not in ENDED:
            raise NotComplete(analysis_id, analysis.status)
        found = await unit.qualities.get(analysis_id)
        if found is None:
            raise QualityUnknown(analysis_id)
        return found
