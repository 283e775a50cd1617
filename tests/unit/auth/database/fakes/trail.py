"""The audit trail in memory."""

from dataclasses import dataclass, field

from services.auth.trail.domain import AuditEntry, AuditFilter
from shared.http.pages import PageRequest, Slice


@dataclass
class FakeTrail:
    entries: list[AuditEntry] = field(default_factory=list)

    async def add(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    async def list(self, wanted: AuditFilter, page: PageRequest) -> Slice[AuditEntry]:
        found = [e for e in self.entries if wanted.action in (None, e.action)]
        return Slice(found[: page.limit], None)
