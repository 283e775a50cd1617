"""Ends the access of deleted users and organizations at once: their tokens are valid for minutes still."""

from dataclasses import dataclass, field
from uuid import UUID

from services.gateway.errors import OrganizationDeleted, UserDeleted
from shared.access import Identity
from shared.events.deletions import DeletionRequested
from shared.http.caller import Guard
from shared.tokens import TokenVerifier


@dataclass
class Ended:
    """Deleted users and organizations, from the events of the last hours. Ids are never used again."""

    users: set[UUID] = field(default_factory=set)
    organizations: set[UUID] = field(default_factory=set)

    def add(self, deletion: DeletionRequested) -> bool:
        """Note a deletion, and tell whether it ends anybody's access."""
        if deletion.kind == "user":
            self.users.add(deletion.subject_id)
        elif deletion.kind == "organization":
            self.organizations.add(deletion.subject_id)
        return deletion.kind in ("user", "organization")

    def covers(self, identity: Identity) -> bool:
        """Whether the user, or an organization of the token, was deleted."""
        gone = not self.organizations.isdisjoint(identity.memberships)
        return gone or identity.user_id in self.users

    def check(self, identity: Identity) -> Identity:
        """Raises UserDeleted, OrganizationDeleted. A new token does not name the organization any more."""
        if identity.user_id in self.users:
            raise UserDeleted
        if not self.organizations.isdisjoint(identity.memberships):
            raise OrganizationDeleted
        return identity


class EndingGuard(Guard):
    """A guard that knows who has been deleted."""

    def __init__(self, verifier: TokenVerifier, ended: Ended) -> None:
        super().__init__(verifier)
        self._ended = ended

    async def identify(self, authorization: str | None) -> Identity:
        return self._ended.check(await super().identify(authorization))
