"""Organizations."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.auth.sessions.methods import SignInRules
from shared.access import Role

MAX_SLUG_LENGTH = 100
# The values under this key of an organization's settings are encrypted, and only their names are shown.
SECRETS = "secrets"
# They are part of the row, which is read with every request.
MAX_SECRETS = 50


@dataclass(frozen=True, slots=True)
class Organization:
    """A tenant. `version` increases with every change and orders the events that report it."""

    id: UUID
    name: str
    slug: str
    description: str | None
    industry: str | None
    settings: Mapping[str, Any]
    subscription_tier: str
    is_active: bool
    created_at: datetime
    updated_at: datetime
    version: int
    single_sign_on_only: bool = False
    second_factor_required: bool = False

    @property
    def rules(self) -> SignInRules:
        return SignInRules(self.single_sign_on_only, self.second_factor_required)

    @property
    def public_settings(self) -> dict[str, Any]:
        return {name: value for name, value in self.settings.items() if name != SECRETS}

    @property
    def secret_names(self) -> list[str]:
        return sorted(self.settings.get(SECRETS, {}))

    def changed(self, changes: Mapping[str, Any], now: datetime) -> "Organization":
        """The organization with these fields changed."""
        return replace(self, **changes, updated_at=now, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class OrganizationAccess:
    """An organization, and the role of the user in it."""

    organization: Organization
    role: Role


def slug_of(name: str) -> str:
    """A name for URLs: lower-case ASCII letters, digits and single hyphens; never empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MAX_SLUG_LENGTH].strip("-") or "organization"
