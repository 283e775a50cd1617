"""What this service deletes of an organization or an account. Both leave a tombstone for the audit trail."""

from datetime import datetime
from uuid import UUID

from services.auth.members.events import tombstone
from shared.clock import Clock
from shared.erasure.eraser import Steps
from shared.erasure.steps import (
    CANCEL_JOBS,
    MENTIONS,
    OF_ORGANIZATION,
    OF_USER,
    TURNS,
    Erased,
    Erasing,
    Statement,
    Step,
    filled,
    rows,
)
from shared.events.auth import MEMBERSHIP_CHANGED
from shared.postgres.connection import SET_SCOPE

BATCH = 100

MEMBERS = """
DELETE FROM user_organizations WHERE id IN (
    SELECT id FROM user_organizations WHERE organization_id = :subject ORDER BY id LIMIT $1)
RETURNING organization_id, user_id, role, nextval('membership_versions') AS version
"""
MEMBERSHIP = """
SELECT organization_id FROM user_organizations WHERE user_id = :subject ORDER BY organization_id LIMIT 1
"""
LEAVE = """
DELETE FROM user_organizations WHERE user_id = :subject AND organization_id = $1
RETURNING organization_id, user_id, role, nextval('membership_versions') AS version
"""
KEYS = "DELETE FROM api_keys WHERE created_by = :subject"
INVITATIONS = "DELETE FROM invitations WHERE invited_by = :subject"
CANCEL_MAIL = "DELETE FROM jobs WHERE subject_id IN (SELECT id FROM mail WHERE about = :subject)"
BURY_ORGANIZATION = """
UPDATE organizations SET name = 'Deleted organization', slug = 'deleted-' || id, description = NULL,
    industry = NULL, settings = '{}'
WHERE id = :subject AND slug <> 'deleted-' || id
"""
# RFC 2606: no mail reaches this domain, and nobody can register with it.
BURY_USER = """
UPDATE users SET email = 'deleted-' || id || '@deleted.invalid', full_name = 'Deleted user',
    password_hash = '!', role = 'user', email_verified = false, last_login = NULL
WHERE id = :subject AND email <> 'deleted-' || id || '@deleted.invalid'
"""


class Members(Step):
    """Ends the memberships of an organization."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def erase(self, erasing: Erasing) -> Erased:
        gone = await erasing.connection.fetch(filled(MEMBERS, erasing.deletion), BATCH)
        for row in gone:
            await _publish(erasing, row["organization_id"], row["user_id"], row["version"], self._clock.now())
        return Erased({"user_organizations": len(gone)}, more=len(gone) == BATCH)


class Memberships(Step):
    """Ends the memberships of a user, one organization at a time, with the API keys made in each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def erase(self, erasing: Erasing) -> Erased:
        connection, deletion = erasing.connection, erasing.deletion
        organization_id = await connection.fetchval(filled(MEMBERSHIP, deletion))
        if organization_id is None:
            return Erased()
        await connection.execute(SET_SCOPE, str(organization_id), str(deletion.subject_id))
        keys = await Statement("api_keys", KEYS).erase(erasing)
        invitations = await Statement("invitations", INVITATIONS).erase(erasing)
        left = await connection.fetchrow(filled(LEAVE, deletion), organization_id)
        assert left is not None
        await _publish(erasing, organization_id, deletion.subject_id, left["version"], self._clock.now())
        return Erased({**keys.rows, **invitations.rows, "user_organizations": 1}, more=True)


class Function(Step):
    """A function of the database that returns how many rows it affected."""

    def __init__(self, table: str, sql: str, batch: int) -> None:
        self._table, self._sql, self._batch = table, sql, batch

    async def erase(self, erasing: Erasing) -> Erased:
        count = await erasing.connection.fetchval(filled(self._sql, erasing.deletion))
        return Erased({self._table: count}, more=count >= self._batch)


async def _publish(
    erasing: Erasing, organization_id: UUID, user_id: UUID, version: int, now: datetime
) -> None:
    payload = tombstone(organization_id, user_id, version, now)
    await erasing.outbox.add(
        MEMBERSHIP_CHANGED, f"{organization_id}:{user_id}", payload, organization_id=organization_id
    )


def steps(clock: Clock) -> Steps:
    mail = (Statement("", CANCEL_MAIL), rows("mail", "id", "about = :subject"))
    own = "organization_id = :subject"
    return {
        "organization": (
            CANCEL_JOBS,
            Members(clock),
            rows("invitations", "id", own),
            rows("api_keys", "id", own),
            *mail,
            Statement("organizations", BURY_ORGANIZATION),
            *OF_ORGANIZATION,
            TURNS,
        ),
        "user": (
            Memberships(clock),
            rows("refresh_tokens", "id", "user_id = :subject"),
            rows("one_time_tokens", "id", "user_id = :subject"),
            rows("user_identities", "issuer, subject", "user_id = :subject"),
            *mail,
            rows("reset_requests", "id", "email = (SELECT email FROM users WHERE id = :subject)"),
            Function("invitations", "SELECT delete_invitations_to(:subject)", BATCH),
            Function("audit_logs (anonymised)", f"SELECT anonymise_trail(:subject, {BATCH})", BATCH),
            Statement("users", BURY_USER),
            *OF_USER,
        ),
        "machine": MENTIONS,
        "analysis": MENTIONS,
    }
