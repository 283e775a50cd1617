"""Changes in an organization are made one after the other."""

from uuid import UUID

from services.auth.database.unit import Unit
from services.auth.errors import OrganizationNotFound
from services.auth.organizations.domain import Organization


async def lock_active(unit: Unit, organization_id: UUID) -> Organization:
    """The organization; until the transaction ends, nobody else changes it or its members.

    It is checked again, because it may have been deleted while this request waited: what was published then
    would bring it back in other services. Raises OrganizationNotFound.
    """
    organization = await unit.organizations.lock(organization_id)
    if organization is None or not organization.is_active:
        raise OrganizationNotFound(organization_id)
    return organization
