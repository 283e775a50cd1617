"""The repositories of the auth service in memory. They pass the same suite as those on PostgreSQL."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from copy import copy
from typing import Any

from services.auth.database.unit import Unit
from shared.access import Scope
from shared.clock import Clock
from shared.jobs.memory import MemoryQueue
from tests.support.fakes import FakeClock, FakeInbox, FakeOutbox
from tests.unit.auth.database.fakes.api_keys import FakeApiKeys
from tests.unit.auth.database.fakes.attempts import FakeAttempts
from tests.unit.auth.database.fakes.backups import FakeBackups
from tests.unit.auth.database.fakes.deletions import FakeDeletions
from tests.unit.auth.database.fakes.feeds import FakeFeeds
from tests.unit.auth.database.fakes.invitations import FakeInvitations
from tests.unit.auth.database.fakes.keys import FakeKeys
from tests.unit.auth.database.fakes.mail import FakeMail
from tests.unit.auth.database.fakes.members import FakeMemberships
from tests.unit.auth.database.fakes.oidc import FakeOidc
from tests.unit.auth.database.fakes.one_time_tokens import FakeOneTimeTokens
from tests.unit.auth.database.fakes.organizations import FakeOrganizations
from tests.unit.auth.database.fakes.reset_requests import FakeResetRequests
from tests.unit.auth.database.fakes.second_factors import FakeSecondFactors
from tests.unit.auth.database.fakes.sessions import FakeSessions
from tests.unit.auth.database.fakes.trail import FakeTrail
from tests.unit.auth.database.fakes.users import FakeUsers


class FakeUnits:
    """All units share one memory; only savepoints can be rolled back."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.users = FakeUsers()
        self.memberships = FakeMemberships(self.users)
        self.organizations = FakeOrganizations(self.memberships)
        self.sessions = FakeSessions()
        self.attempts = FakeAttempts()
        self.keys = FakeKeys()
        self.mail = FakeMail()
        self.one_time = FakeOneTimeTokens()
        self.reset_requests = FakeResetRequests()
        self.invitations = FakeInvitations()
        self.api_keys = FakeApiKeys()
        self.feeds = FakeFeeds()
        self.oidc = FakeOidc()
        self.second_factors = FakeSecondFactors()
        self.trail = FakeTrail()
        self.deletions = FakeDeletions(self.users, self.organizations)
        self.backups = FakeBackups()
        self.jobs = MemoryQueue(clock or FakeClock())
        self.outbox = FakeOutbox()
        self.scopes: list[Scope] = []

    def unit(self) -> Unit:
        async def act_as(scope: Scope) -> None:
            self.scopes.append(scope)

        @asynccontextmanager
        async def savepoint(undo: bool) -> AsyncIterator[None]:
            before = snapshot(vars(self).values())
            yield
            if undo:
                restore(before)

        return Unit(
            users=self.users,
            organizations=self.organizations,
            memberships=self.memberships,
            sessions=self.sessions,
            attempts=self.attempts,
            keys=self.keys,
            mail=self.mail,
            one_time=self.one_time,
            reset_requests=self.reset_requests,
            invitations=self.invitations,
            api_keys=self.api_keys,
            feeds=self.feeds,
            oidc=self.oidc,
            second_factors=self.second_factors,
            trail=self.trail,
            deletions=self.deletions,
            backups=self.backups,
            jobs=self.jobs,
            outbox=self.outbox,
            inbox=FakeInbox(),
            act_as=act_as,
            savepoint=savepoint,
        )

    @asynccontextmanager
    async def __call__(self, scope: Scope) -> AsyncIterator[Unit]:
        self.scopes.append(scope)
        yield self.unit()


Snapshot = list[tuple[dict[str, Any], dict[str, Any]]]


def snapshot(repositories: Iterable[object]) -> Snapshot:
    """The fields of every repository, and copies of their contents."""
    found = [vars(repository) for repository in repositories if hasattr(repository, "__dict__")]
    return [
        (fields, {name: copy(value) for name, value in fields.items() if isinstance(value, dict | list)})
        for fields in found
    ]


def restore(before: Snapshot) -> None:
    for fields, values in before:
        fields.update(values)
