"""The repositories of how alerts reach people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.alerting.acknowledgements.domain import Link
from services.alerting.deliveries.domain import TargetState, Told
from services.alerting.replicas.domain import MemberRef
from services.alerting.resources.domain import Kind, Resource, ResourceFilter
from services.alerting.rules.domain import Actions
from services.alerting.rules.signals import Severity
from shared.http.pages import PageRequest, Slice


class ResourceRepository(Protocol):
    """Contact points, rotations, silences, maintenance windows and opt-outs."""

    async def add(self, resource: Resource) -> bool:
        """Store a resource; False, without storing it, if its name is a handle that is taken."""
        ...

    async def get(self, kind: Kind, resource_id: UUID) -> Resource | None: ...

    async def lock(self, kind: Kind, resource_id: UUID) -> Resource | None: ...

    async def current(self, kinds: Sequence[Kind], at: datetime) -> Sequence[Resource]:
        """All resources of the kinds that have not ended, oldest first."""
        ...

    async def list(self, wanted: ResourceFilter, page: PageRequest) -> Slice[Resource]: ...

    async def update(self, resource: Resource) -> bool:
        """Store a change; False, without storing it, if the new name is a handle that is taken."""
        ...

    async def delete(self, resource_id: UUID) -> None: ...

    async def count(self, kind: Kind, at: datetime) -> int:
        """How many have not ended."""
        ...

    async def first_that_names(self, recipient: str) -> tuple[str, str] | None:
        """What names the recipient, and its name: an alert rule, a rule template, or a contact point."""
        ...


@dataclass(frozen=True, slots=True)
class OpenAlert:
    id: UUID
    rule_id: UUID
    severity: Severity


class Ledger(Protocol):
    """Who was told of alerts, what is known of targets, and links that acknowledge."""

    async def opened(self, alert_id: UUID) -> tuple[datetime, str] | None:
        """When and how the alert opened last: raised or reopened."""
        ...

    async def told(self, alert_id: UUID, since: datetime) -> Sequence[Told]: ...

    async def actions(self, rule_id: UUID) -> Actions | None:
        """The actions of a rule, even of a deleted one; None once its machine was deleted."""
        ...

    async def open_beside(self, machine_id: UUID) -> Sequence[OpenAlert]: ...

    async def open_and_suppressed(self) -> Sequence[UUID]:
        """Open alerts of which a message was suppressed."""
        ...

    async def target(self, organization_id: UUID, key: str) -> TargetState: ...

    async def put_target(self, state: TargetState) -> None: ...

    async def count_confirmation(
        self, organization_id: UUID, now: datetime, until: datetime
    ) -> tuple[int, datetime]:
        """Count one more mail that asks for confirmation: how many in this window, and until when it lasts.

        `until` is the end of a window that begins now. Others wait until the transaction ends.
        """
        ...

    async def forget_targets(self, prefix: str) -> None: ...

    async def add_link(self, link: Link) -> None: ...

    async def link(self, token_hash: bytes) -> Link | None: ...

    async def lock_link(self, token_hash: bytes) -> Link | None: ...

    async def end_link(self, token_hash: bytes, at: datetime) -> None: ...

    async def revoke_links(self, alert_id: UUID, at: datetime) -> int: ...

    async def members(self, roles: Sequence[str]) -> Sequence[MemberRef]:
        """Members with one of the roles who can be reached."""
        ...

    async def organization_name(self) -> str | None: ...
