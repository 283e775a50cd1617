"""Use cases of quotas. Callers open the transaction."""

from collections.abc import Sequence
from uuid import UUID

from services.analysis.database.unit import Unit
from services.analysis.quotas.domain import DAY, Quota, Quotas
from services.analysis.quotas.errors import QuotaExceeded
from shared.clock import Clock


class QuotaService:
    def __init__(self, clock: Clock, quotas: Quotas) -> None:
        self._clock = clock
        self._quotas = quotas

    async def list(self, unit: Unit) -> Sequence[Quota]:
        """What the organization of the transaction uses, and its limits."""
        return list(self._quotas.of(await unit.uploads.usage(self._clock.now() - DAY)))

    async def check(self, unit: Unit, organization_id: UUID, upload_bytes: int) -> None:
        """Raises QuotaExceeded if another upload would be too much; concurrent ones wait for each other."""
        if not self._quotas.exist:
            return
        await unit.uploads.lock_usage(organization_id)
        usage = await unit.uploads.usage(self._clock.now() - DAY)
        quota = self._quotas.exceeded(usage, upload_bytes)
        if quota is not None and quota.limit is not None:
            raise QuotaExceeded(quota.name, quota.used, quota.limit)
