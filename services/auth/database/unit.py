"""The unit of work: one transaction, and the repositories in it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

from services.auth.database.api_keys import ApiKeyRepository, PostgresApiKeyRepository
from services.auth.database.attempts import AttemptRepository, PostgresAttemptRepository
from services.auth.database.backups import BackupRepository, PostgresBackupRepository
from services.auth.database.deletions import DeletionRepository, PostgresDeletionRepository
from services.auth.database.feeds import FeedRepository, PostgresFeedRepository
from services.auth.database.invitations import InvitationRepository, PostgresInvitationRepository
from services.auth.database.keys import KeyRepository, PostgresKeyRepository
from services.auth.database.mail import MailRepository, PostgresMailRepository
from services.auth.database.members import MembershipRepository, PostgresMembershipRepository
from services.auth.database.oidc import OidcRepository, PostgresOidcRepository
from services.auth.database.one_time_tokens import OneTimeTokenRepository, PostgresOneTimeTokenRepository
from services.auth.database.organizations import OrganizationRepository, PostgresOrganizationRepository
from services.auth.database.reset_requests import PostgresResetRequestRepository, ResetRequestRepository
from services.auth.database.second_factors import PostgresSecondFactorRepository, SecondFactorRepository
from services.auth.database.sessions import PostgresSessionRepository, SessionRepository
from services.auth.database.trail import PostgresTrailRepository, TrailRepository
from services.auth.database.users import PostgresUserRepository, UserRepository
from shared.access import Scope
from shared.clock import Clock, IdGenerator
from shared.jobs.postgres import PostgresQueue
from shared.jobs.queue import Jobs
from shared.kafka.inbox import Inbox, PostgresInbox
from shared.kafka.outbox import Outbox, PostgresOutbox
from shared.postgres.connection import SET_SCOPE, Database
from shared.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class Unit:
    """The repositories in one transaction."""

    users: UserRepository
    organizations: OrganizationRepository
    memberships: MembershipRepository
    sessions: SessionRepository
    attempts: AttemptRepository
    keys: KeyRepository
    mail: MailRepository
    one_time: OneTimeTokenRepository
    reset_requests: ResetRequestRepository
    invitations: InvitationRepository
    api_keys: ApiKeyRepository
    feeds: FeedRepository
    oidc: OidcRepository
    second_factors: SecondFactorRepository
    trail: TrailRepository
    deletions: DeletionRepository
    backups: BackupRepository
    jobs: Jobs
    outbox: Outbox
    inbox: Inbox
    # Who signs in is known only after a look-up: from then on the transaction sees what that user may see.
    act_as: Callable[[Scope], Awaitable[None]]
    # With `undo`, the work inside is done and then rolled back, so that it takes the same time.
    savepoint: Callable[[bool], AbstractAsyncContextManager[None]]


Units = Callable[[Scope], AbstractAsyncContextManager[Unit]]


class _Undone(Exception):
    """Rolls back a savepoint."""


class PostgresUnits:
    """Opens units of work."""

    def __init__(self, database: Database, queue: PostgresQueue, clock: Clock, new_id: IdGenerator) -> None:
        self._database = database
        self._queue = queue
        self._clock = clock
        self._new_id = new_id
        self.queries = load_queries(__file__)

    @asynccontextmanager
    async def __call__(self, scope: Scope) -> AsyncIterator[Unit]:
        async with self._database.transaction(scope) as connection:

            async def act_as(scope: Scope) -> None:
                await connection.execute(
                    SET_SCOPE, str(scope.organization_id or ""), str(scope.user_id or "")
                )

            @asynccontextmanager
            async def savepoint(undo: bool) -> AsyncIterator[None]:
                with suppress(_Undone):
                    async with connection.transaction():
                        yield
                        if undo:
                            raise _Undone

            yield Unit(
                users=PostgresUserRepository(connection, self.queries),
                organizations=PostgresOrganizationRepository(connection, self.queries),
                memberships=PostgresMembershipRepository(connection, self.queries),
                sessions=PostgresSessionRepository(connection, self.queries),
                attempts=PostgresAttemptRepository(connection, self.queries),
                keys=PostgresKeyRepository(connection, self.queries),
                mail=PostgresMailRepository(connection, self.queries),
                one_time=PostgresOneTimeTokenRepository(connection, self.queries),
                reset_requests=PostgresResetRequestRepository(connection, self.queries),
                invitations=PostgresInvitationRepository(connection, self.queries),
                api_keys=PostgresApiKeyRepository(connection, self.queries),
                feeds=PostgresFeedRepository(connection, self.queries),
                oidc=PostgresOidcRepository(connection, self.queries),
                second_factors=PostgresSecondFactorRepository(connection, self.queries),
                trail=PostgresTrailRepository(connection, self.queries),
                deletions=PostgresDeletionRepository(connection, self.queries),
                backups=PostgresBackupRepository(connection, self.queries),
                jobs=self._queue.jobs(connection),
                outbox=PostgresOutbox(connection, self._clock, self._new_id),
                inbox=PostgresInbox(connection),
                act_as=act_as,
                savepoint=savepoint,
            )
