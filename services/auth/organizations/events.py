"""Publishes the state of organizations."""

from datetime import datetime

from services.auth.organizations.domain import Organization
from shared.events.auth import ORGANIZATION_CHANGED, OrganizationChanged
from shared.kafka.outbox import Outbox
from shared.retention import OwnRetention


async def publish_organization(outbox: Outbox, organization: Organization) -> None:
    payload = OrganizationChanged(
        organization_id=organization.id,
        name=organization.name,
        slug=organization.slug,
        is_active=organization.is_active,
        version=organization.version,
        changed_at=organization.updated_at,
        retention=OwnRetention.of(organization.settings),
        demands=[str(demand) for demand in organization.rules.demands],
    )
    await outbox.add(ORGANIZATION_CHANGED, organization.id, payload, organization_id=organization.id)


async def publish_tombstone(outbox: Outbox, organization: Organization, now: datetime) -> None:
    """What stays of a deleted organization on the topic."""
    payload = OrganizationChanged(
        organization_id=organization.id,
        name="",
        slug="",
        is_active=False,
        deleted=True,
        version=organization.version + 1,
        changed_at=now,
    )
    await outbox.add(ORGANIZATION_CHANGED, organization.id, payload, organization_id=organization.id)
