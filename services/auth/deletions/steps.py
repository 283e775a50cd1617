"""What this service deletes of an organization or an account. Both leave a tombstone for the audit trail."""

from datetime import datetime
from uuid import UUID

from services.auth.feeds.domain import FeedBroker
from services.auth.members.events import tombstone
from shared.access import Scope
from shared.clock import Clock
from shared.erasure.eraser import Steps
from shared.erasure.steps import (
    BATCH_ROWS,
    CANCEL_JOBS,
    MENTIONS,
    OF_ORGANIZATION,
    OF_USER,
    TURNS,
    Erased,
    Erasing,
    Query,
    Step,
)
from shared.events.auth import MEMBERSHIP_CHANGED
from shared.events.deletions import DeletionRequested
from shared.events.feeds import feed_topic
from shared.postgres.connection import SET_SCOPE, Database

BATCH_MEMBERS = 100


class Members(Step):
    """Ends the memberships of an organization."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def erase(self, erasing: Erasing) -> Erased:
        found = erasing.queries.erase_members(erasing.connection, **erasing.ids, batch=BATCH_MEMBERS)
        gone = [row async for row in found]
        for row in gone:
            await _publish(erasing, row["organization_id"], row["user_id"], row["version"], self._clock.now())
        return Erased({"user_organizations": len(gone)}, more=len(gone) == BATCH_MEMBERS)


class Memberships(Step):
    """Ends the memberships of a user, one organization at a time, with what the user made in each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def erase(self, erasing: Erasing) -> Erased:
        connection, queries, user_id = erasing.connection, erasing.queries, erasing.deletion.subject_id
        place = await queries.next_membership(connection, subject=user_id)
        if place is None:
            return Erased()
        await connection.execute(SET_SCOPE, str(place), str(user_id))
        gone = {
            "api_keys": await queries.erase_created_api_keys(connection, subject=user_id),
            "invitations": await queries.erase_sent_invitations(connection, subject=user_id),
            "user_organizations": 1,
        }
        version = await queries.erase_membership(connection, subject=user_id, place=place)
        await _publish(erasing, place, user_id, version, self._clock.now())
        return Erased(gone, more=True)


async def _publish(
    erasing: Erasing, organization_id: UUID, user_id: UUID, version: int, now: datetime
) -> None:
    payload = tombstone(organization_id, user_id, version, now)
    await erasing.outbox.add(
        MEMBERSHIP_CHANGED, f"{organization_id}:{user_id}", payload, organization_id=organization_id
    )


class FeedOfOrganization(Step):
    """Ends the feed: its user, and its topic with all records."""

    def __init__(self, broker: FeedBroker) -> None:
        self._broker = broker

    async def prepare(self, database: Database, scope: Scope, deletion: DeletionRequested) -> None:
        await self._broker.remove(feed_topic(deletion.subject_id))

    async def erase(self, erasing: Erasing) -> Erased:
        return Erased({"feeds": await erasing.queries.erase_feed(erasing.connection, **erasing.ids)})


def steps(clock: Clock, feeds: FeedBroker) -> Steps:
    mail = (Query("", "erase_mail_jobs"), Query("mail", "erase_mail", BATCH_ROWS))
    return {
        "organization": (
            CANCEL_JOBS,
            Members(clock),
            Query("invitations", "erase_invitations", BATCH_ROWS),
            Query("api_keys", "erase_api_keys", BATCH_ROWS),
            FeedOfOrganization(feeds),
            *mail,
            Query("organizations", "tombstone_organization"),
            *OF_ORGANIZATION,
            TURNS,
        ),
        "user": (
            Memberships(clock),
            Query("refresh_tokens", "erase_refresh_tokens", BATCH_ROWS),
            Query("one_time_tokens", "erase_one_time_tokens"),
            Query("user_identities", "erase_identities"),
            Query("totp_secrets", "erase_totp"),
            Query("passkeys", "erase_passkeys"),
            Query("recovery_codes", "erase_recovery_codes"),
            Query("sign_in_challenges", "erase_challenges"),
            *mail,
            Query("reset_requests", "erase_reset_requests"),
            Query("invitations", "erase_received_invitations"),
            Query("audit_logs (anonymised)", "anonymise_trail", BATCH_ROWS),
            Query("users", "tombstone_user"),
            *OF_USER,
        ),
        "machine": MENTIONS,
        "analysis": MENTIONS,
    }
