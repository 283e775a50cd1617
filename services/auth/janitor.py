"""Periodic chores of the service."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from services.auth.backups.service import BackupReminder
from services.auth.database.unit import Unit, Units
from services.auth.invitations.domain import INVITATION_WINDOW
from services.auth.keys.service import KeyRing
from services.auth.mail.domain import RETENTION
from services.auth.sign_in.domain import FAILURES_EXPIRE_AFTER
from services.auth.trail.service import TABLE
from shared.access import Scope
from shared.clock import Clock
from shared.jobs.janitor import Chore, Janitor
from shared.postgres.partitions import Partitions

# Keys are created long before they are needed, so a missed hour does no harm.
EVERY_SECONDS = 3600.0


def build_janitor(
    units: Units, partitions: Partitions, clock: Clock, keys: KeyRing, reminder: BackupReminder
) -> Janitor:
    """Every replica may run one; none needs to."""

    def chore(work: Callable[[Unit, datetime], Awaitable[object]]) -> Chore:
        async def in_transaction() -> None:
            async with units(Scope()) as unit:
                await work(unit, clock.now())

        return in_transaction

    return Janitor(
        "auth janitor",
        {
            "rotate signing keys": keys.maintain,
            "make the partition of the next month": lambda: partitions.ensure_coming(TABLE, clock.now()),
            "delete expired sessions": chore(lambda unit, now: unit.sessions.delete_expired(now)),
            "delete expired sign-in flows": chore(lambda unit, now: unit.oidc.delete_expired(now)),
            "delete expired challenges": chore(lambda unit, now: unit.second_factors.delete_expired(now)),
            "forget old failures": chore(
                lambda unit, now: unit.attempts.delete_old(now - FAILURES_EXPIRE_AFTER)
            ),
            "delete expired links": chore(lambda unit, now: unit.one_time.delete_expired(now)),
            # Withdrawn ones, too, but not while their mail still counts.
            "delete expired invitations": chore(
                lambda unit, now: unit.invitations.delete_expired(now - INVITATION_WINDOW)
            ),
            "remind of late backups": chore(lambda unit, _: reminder.remind(unit)),
            "delete finished mail": chore(lambda unit, now: unit.mail.delete_finished(now - RETENTION)),
        },
        every=EVERY_SECONDS,
    )
