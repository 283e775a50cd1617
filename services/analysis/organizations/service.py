"""Keeps the replica of organizations up to date."""

from services.analysis.database.unit import Unit
from services.analysis.organizations.domain import OrganizationRef
from shared.events.auth import OrganizationChanged


class OrganizationFollower:
    async def follow(self, unit: Unit, organization: OrganizationChanged) -> None:
        """Store the limits of an organization, unless newer ones are known."""
        await unit.organizations.merge(
            OrganizationRef(
                organization_id=organization.organization_id,
                retention=organization.retention.model_dump(exclude_defaults=True),
                version=organization.version,
                deleted=organization.deleted,
                changed_at=organization.changed_at,
            )
        )
