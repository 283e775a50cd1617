"""Accounts: registration, profile, password."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.auth.database.unit import Unit
from services.auth.errors import AccountClosed, EmailTaken, WeakPassword, WrongPassword
from services.auth.mail.messages import MessageWriter
from services.auth.one_time_tokens.domain import Purpose
from services.auth.organizations.domain import Organization
from services.auth.organizations.service import OrganizationService
from services.auth.passwords.hashing import PasswordHasher
from services.auth.passwords.rules import PasswordRules, related_names
from services.auth.sessions.domain import Client
from services.auth.sign_in.policy import SignInPolicy
from services.auth.sign_in.throttle import Throttle
from services.auth.standing.endings import account_changed, end_sessions
from services.auth.users.domain import User
from shared.access import Identity
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator

DEFAULT_ROLE = "user"


class AccountService:
    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        hasher: PasswordHasher,
        rules: PasswordRules,
        throttle: Throttle,
        organizations: OrganizationService,
        messages: MessageWriter,
        policy: SignInPolicy,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._hasher = hasher
        self._rules = rules
        self._throttle = throttle
        self._organizations = organizations
        self._messages = messages
        self._policy = policy

    async def register(
        self, unit: Unit, email: str, password: str, full_name: str, organization_name: str | None
    ) -> tuple[User, Organization | None]:
        """Create an account and, if a name is given, an organization that it owns.

        Raises EmailTaken.
        """
        now = self._clock.now()
        user = User(
            id=self._new_id(),
            email=email,
            full_name=full_name,
            role=DEFAULT_ROLE,
            is_active=True,
            email_verified=False,
            last_login=None,
            created_at=now,
            updated_at=now,
        )
        if not await unit.users.add(user, self._hasher.prehash(password), self._hasher.cost):
            raise EmailTaken
        await self._audit(unit, "user.registered", user, {"after": {"email": email, "full_name": full_name}})
        if organization_name is None:
            return user, None
        return user, await self._organizations.create(unit, user, {"name": organization_name})

    async def current(self, unit: Unit, identity: Identity) -> User:
        """The caller's account. Raises AccountClosed."""
        user = await unit.users.get(identity.user_id)
        if user is None or not user.is_active:
            raise AccountClosed
        return user

    async def change(self, unit: Unit, identity: Identity, changes: Mapping[str, Any]) -> User:
        """Change the given fields of the caller's profile. Raises AccountClosed."""
        before = await unit.users.lock(identity.user_id)
        if before is None or not before.is_active:
            raise AccountClosed
        if not changes:
            return before
        user = replace(before, **changes, updated_at=self._clock.now())
        await unit.users.update(user)
        await account_changed(unit, user, user.updated_at)
        old = {name: getattr(before, name) for name in changes}
        await self._audit(unit, "user.updated", user, {"before": old, "after": dict(changes)})
        return user

    async def admit(self, unit: Unit, identity: Identity, client: Client) -> None:
        """Count the attempt before it is made. Raises PasswordSignInDisabled, TooManyAttempts."""
        self._policy.require_password_sign_in()
        await self._throttle.admit(unit, str(identity.user_id), client)

    async def change_password(
        self, unit: Unit, identity: Identity, current: str, new: str, client: Client
    ) -> WrongPassword | WeakPassword | None:
        """Set a new password and end all other sessions, or return the error."""
        user = await unit.users.lock(identity.user_id)
        if user is None or not user.is_active:
            raise AccountClosed
        check = await unit.users.check_password(user.id, self._hasher.prehash(current), self._hasher.cost)
        if not check.matches:
            await self._audit(unit, "user.password_change_failed", user)
            return WrongPassword()
        await self._throttle.succeeded(unit, str(identity.user_id), client)
        try:
            names = await related_names(unit, user)
            self._rules.check(new, user.email, names, pointer="/body/new_password")
        except WeakPassword as refusal:
            return refusal
        now = self._clock.now()
        await unit.users.set_password(user.id, self._hasher.prehash(new), self._hasher.cost, now)
        await end_sessions(unit, user.id, now, kept=identity.session_id)
        # Reset links that someone else may have requested and read must not undo the change.
        await unit.one_time.revoke(user.id, Purpose.RESET_PASSWORD)
        await self._messages.password_changed(unit, user)
        await self._audit(unit, "user.password_changed", user)
        return None

    async def _audit(
        self, unit: Unit, action: str, user: User, changes: Mapping[str, Any] | None = None
    ) -> None:
        await self._auditor.record(
            unit.outbox,
            action,
            user_id=user.id,
            organization_id=None,
            resource_type="user",
            resource_id=user.id,
            changes=changes,
        )
