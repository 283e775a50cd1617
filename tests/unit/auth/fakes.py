"""The auth service's repositories in memory: the same behaviour as PostgreSQL's, which one suite checks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from uuid import UUID

from services.auth.domain import (
    AuditEntry,
    AuditFilter,
    Belonging,
    Member,
    Membership,
    Organization,
    PasswordCheck,
    RefreshToken,
    SigningKey,
    User,
)
from services.auth.errors import SlugTaken
from services.auth.repository import Unit
from shared.access import Role, Scope
from shared.http.pages import Cursor, PageRequest, Slice
from tests.support.fakes import FakeInbox, FakeOutbox
from tests.unit.auth.fakes_access import FakeApiKeys, FakeOidc
from tests.unit.auth.fakes_accounts import (
    FakeInvitations,
    FakeMail,
    FakeOneTimeTokens,
    FakeResetRequests,
    restore,
    snapshot,
)


@dataclass
class FakeUsers:
    users: dict[UUID, User] = field(default_factory=dict)
    passwords: dict[UUID, tuple[str, int]] = field(default_factory=dict)
    wasted: int = 0

    async def add(self, user: User, prehash: str, cost: int) -> bool:
        if await self.by_email(user.email):
            return False
        self.users[user.id] = user
        self.passwords[user.id] = prehash, cost
        return True

    async def add_without_password(self, user: User) -> bool:
        if await self.by_email(user.email):
            return False
        self.users[user.id] = user
        return True

    async def get(self, user_id: UUID) -> User | None:
        return self.users.get(user_id)

    async def by_email(self, email: str) -> User | None:
        return next((user for user in self.users.values() if user.email == email), None)

    async def lock(self, user_id: UUID) -> User | None:
        return self.users.get(user_id)

    async def update(self, user: User) -> None:
        self.users[user.id] = user

    async def check_password(self, user_id: UUID | None, prehash: str, cost: int) -> PasswordCheck:
        if user_id is None or user_id not in self.passwords:
            self.wasted += 1
            return PasswordCheck(matches=False, cost=cost)
        known, known_cost = self.passwords[user_id]
        return PasswordCheck(matches=known == prehash, cost=known_cost)

    async def set_password(self, user_id: UUID, prehash: str, cost: int, now: datetime) -> None:
        self.passwords[user_id] = prehash, cost

    async def drop_password(self, user_id: UUID, now: datetime) -> None:
        self.passwords.pop(user_id, None)


@dataclass
class FakeMemberships:
    users: FakeUsers
    memberships: dict[tuple[UUID, UUID], Membership] = field(default_factory=dict)
    versions: "count[int]" = field(default_factory=lambda: count(1))

    async def add(self, membership: Membership) -> Membership:
        return self._put(membership)

    async def get(self, organization_id: UUID, user_id: UUID) -> Member | None:
        membership = self.memberships.get((organization_id, user_id))
        return None if membership is None else self._member(membership)

    async def list(self, organization_id: UUID, page: PageRequest) -> Slice[Member]:
        found = [m for m in self.memberships.values() if m.organization_id == organization_id]
        found.sort(key=lambda m: (m.joined_at, m.id), reverse=True)
        if page.after:
            found = [m for m in found if (m.joined_at, m.id) < (page.after.at, page.after.id)]
        members = [self._member(m) for m in found]
        return Slice.cut(members, page.limit, lambda m: Cursor(m.membership.joined_at, m.membership.id))

    async def active_of(self, user_id: UUID) -> Sequence[Membership]:
        return [m for m in self.memberships.values() if m.user_id == user_id]

    async def has_other_owner(self, organization_id: UUID, user_id: UUID) -> bool:
        return any(
            m.role is Role.OWNER and m.user_id != user_id and self.users.users[m.user_id].is_active
            for m in self.memberships.values()
            if m.organization_id == organization_id
        )

    async def set_role(self, organization_id: UUID, user_id: UUID, role: Role) -> Membership | None:
        membership = self.memberships.get((organization_id, user_id))
        return None if membership is None else self._put(replace(membership, role=role))

    async def renew(self, user_id: UUID) -> Sequence[Membership]:
        return [self._put(m) for m in list(self.memberships.values()) if m.user_id == user_id]

    async def remove(self, organization_id: UUID, user_id: UUID) -> Membership | None:
        membership = self.memberships.pop((organization_id, user_id), None)
        return None if membership is None else replace(membership, version=next(self.versions))

    def _put(self, membership: Membership) -> Membership:
        membership = replace(membership, version=next(self.versions))
        self.memberships[membership.organization_id, membership.user_id] = membership
        return membership

    def _member(self, membership: Membership) -> Member:
        user = self.users.users[membership.user_id]
        return Member(membership, user.email, user.full_name, user.is_active)


@dataclass
class FakeOrganizations:
    memberships: FakeMemberships
    organizations: dict[UUID, Organization] = field(default_factory=dict)

    async def add(self, organization: Organization) -> bool:
        if self._taken(organization):
            return False
        self.organizations[organization.id] = organization
        return True

    async def get(self, organization_id: UUID) -> Organization | None:
        return self.organizations.get(organization_id)

    async def lock(self, organization_id: UUID) -> Organization | None:
        return self.organizations.get(organization_id)

    async def of_user(self, user_id: UUID, page: PageRequest) -> Slice[Belonging]:
        found = [
            Belonging(self.organizations[m.organization_id], m.role)
            for m in self.memberships.memberships.values()
            if m.user_id == user_id
        ]
        return Slice(found[: page.limit], None)

    async def update(self, organization: Organization) -> None:
        if self._taken(organization):
            raise SlugTaken(organization.slug)
        self.organizations[organization.id] = organization

    def _taken(self, wanted: Organization) -> bool:
        return any(o.slug == wanted.slug and o.id != wanted.id for o in self.organizations.values())


@dataclass
class FakeSessions:
    tokens: dict[UUID, RefreshToken] = field(default_factory=dict)

    async def add(self, token: RefreshToken) -> None:
        self.tokens[token.id] = token

    async def find(self, token_hash: str) -> RefreshToken | None:
        return next((token for token in self.tokens.values() if token.token_hash == token_hash), None)

    async def rotate(self, family_id: UUID, now: datetime) -> None:
        for token in list(self.tokens.values()):
            if token.family_id == family_id and token.rotated_at is None and token.revoked_at is None:
                self.tokens[token.id] = replace(token, rotated_at=now)

    async def revoke(self, family_id: UUID, now: datetime) -> None:
        for token in list(self.tokens.values()):
            if token.family_id == family_id and token.revoked_at is None:
                self.tokens[token.id] = replace(token, revoked_at=now)

    async def revoke_all(self, user_id: UUID, now: datetime, *, kept: UUID | None) -> None:
        for token in list(self.tokens.values()):
            if token.user_id == user_id and token.family_id != kept and token.revoked_at is None:
                self.tokens[token.id] = replace(token, revoked_at=now)

    async def live(
        self, user_id: UUID, now: datetime, page: PageRequest, *, family_id: UUID | None = None
    ) -> Slice[RefreshToken]:
        found = [
            token
            for token in self.tokens.values()
            if token.user_id == user_id
            and token.rotated_at is None
            and token.revoked_at is None
            and token.expires_at > now
            and family_id in (None, token.family_id)
        ]
        found.sort(key=lambda token: (token.signed_in_at, token.family_id), reverse=True)
        if page.after:
            found = [t for t in found if (t.signed_in_at, t.family_id) < (page.after.at, page.after.id)]
        return Slice.cut(found, page.limit, lambda t: Cursor(t.signed_in_at, t.family_id))

    async def delete_expired(self, before: datetime) -> None:
        self.tokens = {id_: token for id_, token in self.tokens.items() if token.expires_at >= before}


@dataclass
class _Attempts:
    failures: int
    failed_at: datetime
    free_at: datetime


@dataclass
class FakeAttempts:
    attempts: dict[str, _Attempts] = field(default_factory=dict)

    async def count(self, subject: str, now: datetime, forgotten: datetime) -> int | None:
        known = self.attempts.setdefault(subject, _Attempts(0, now, now))
        if known.free_at > now:
            return None
        known.failures = 1 if known.failed_at < forgotten else known.failures + 1
        known.failed_at = now
        return known.failures

    async def delay(self, subject: str, free_at: datetime) -> None:
        self.attempts[subject].free_at = free_at

    async def free_at(self, subject: str) -> datetime | None:
        return self.attempts[subject].free_at if subject in self.attempts else None

    async def forget(self, subject: str) -> None:
        self.attempts.pop(subject, None)

    async def forget_old(self, before: datetime) -> None:
        self.attempts = {s: known for s, known in self.attempts.items() if known.failed_at >= before}


@dataclass
class FakeKeys:
    keys: dict[str, SigningKey] = field(default_factory=dict)
    locked: int = 0

    async def lock(self) -> None:
        self.locked += 1

    async def usable(self, now: datetime) -> Sequence[SigningKey]:
        found = [k for k in self.keys.values() if k.verifies_until is None or k.verifies_until > now]
        return sorted(sorted(found, key=lambda k: k.id), key=lambda k: k.signs_from, reverse=True)

    async def add(self, key: SigningKey) -> None:
        self.keys[key.id] = key

    async def retire_others(self, successor: str, verifies_until: datetime) -> None:
        for key in list(self.keys.values()):
            if key.id != successor and key.verifies_until is None:
                self.keys[key.id] = replace(key, verifies_until=verifies_until)

    async def delete_retired(self, now: datetime) -> None:
        self.keys = {
            id_: key
            for id_, key in self.keys.items()
            if key.verifies_until is None or key.verifies_until >= now
        }


@dataclass
class FakeTrail:
    entries: list[AuditEntry] = field(default_factory=list)

    async def add(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    async def list(self, wanted: AuditFilter, page: PageRequest) -> Slice[AuditEntry]:
        found = [e for e in self.entries if wanted.action in (None, e.action)]
        return Slice(found[: page.limit], None)

    async def ensure_partitions(self, months_ahead: int) -> int:
        return 0


class FakeUnits:
    """One memory for all units; nothing is rolled back but what happens at a savepoint."""

    def __init__(self) -> None:
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
        self.oidc = FakeOidc()
        self.trail = FakeTrail()
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
            oidc=self.oidc,
            trail=self.trail,
            outbox=self.outbox,
            inbox=FakeInbox(),
            act_as=act_as,
            savepoint=savepoint,
        )

    @asynccontextmanager
    async def __call__(self, scope: Scope) -> AsyncIterator[Unit]:
        self.scopes.append(scope)
        yield self.unit()
