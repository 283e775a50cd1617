"""Password reset."""

from uuid import UUID

import structlog

from services.auth.database.unit import Unit
from services.auth.mail.domain import QUEUE
from services.auth.mail.messages import MessageWriter
from services.auth.one_time_tokens.domain import Purpose
from services.auth.one_time_tokens.service import OneTimeTokens
from services.auth.passwords.hashing import PasswordHasher
from services.auth.passwords.rules import PasswordRules, related_names
from services.auth.recovery.domain import (
    MAX_RESETS,
    RESET_JOB,
    RESET_LIFETIME,
    RESET_WINDOW,
    ResetRequest,
)
from services.auth.sessions.domain import MAX_AGENT_LENGTH, Client
from services.auth.sign_in.errors import ProviderAccount
from services.auth.sign_in.policy import SignInPolicy
from services.auth.sign_in.throttle import Throttle
from services.auth.standing.endings import end_sessions
from services.auth.users.domain import User
from services.auth.verification.service import VerificationService
from shared.access import Scope
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.jobs.queue import NewJob


class RecoveryService:
    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        hasher: PasswordHasher,
        rules: PasswordRules,
        throttle: Throttle,
        tokens: OneTimeTokens,
        messages: MessageWriter,
        verification: VerificationService,
        policy: SignInPolicy,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._hasher = hasher
        self._rules = rules
        self._throttle = throttle
        self._tokens = tokens
        self._messages = messages
        self._verification = verification
        self._policy = policy

    async def request(self, unit: Unit, email: str, client: Client) -> None:
        """Store the request, whether or not the address has an account.

        Raises PasswordSignInDisabled, TooManyAttempts.
        """
        self._policy.require_password_sign_in()
        await self._throttle.admit(unit, f"forgot|{email}", client)
        agent = client.agent[:MAX_AGENT_LENGTH] if client.agent else None
        request = ResetRequest(self._new_id(), email, Client(client.address, agent), self._clock.now())
        await unit.reset_requests.add(request)
        await unit.jobs.enqueue([NewJob(request.id, QUEUE, RESET_JOB, request.id)])

    async def answer(self, unit: Unit, request_id: UUID) -> None:
        """Send a link if the address of the request has an account."""
        request = await unit.reset_requests.take(request_id)
        if request is None:
            return
        # The audit trail shows where the request came from.
        with structlog.contextvars.bound_contextvars(
            client_address=request.client.address, user_agent=request.client.agent
        ):
            await self._answer(unit, request)

    async def reset(self, unit: Unit, token: str, password: str, client: Client) -> None:
        """Set a new password and end all sessions.

        Raises PasswordSignInDisabled, InvalidLink, ProviderAccount, WeakPassword.
        """
        self._policy.require_password_sign_in()
        user = await self._tokens.redeem(unit, token, Purpose.RESET_PASSWORD)
        await unit.act_as(Scope(user_id=user.id))
        if await self._uses_provider(unit, user):
            raise ProviderAccount
        self._rules.check(password, user.email, await related_names(unit, user))
        now = self._clock.now()
        await unit.users.set_password(user.id, self._hasher.prehash(password), self._hasher.cost, now)
        await end_sessions(unit, user.id, now)
        await self._verification.mark_verified(unit, user)
        # Guesses of others must not keep the owner, who has just proved to be it, from signing in.
        await self._throttle.signed_in(unit, user.email, client, None)
        await self._messages.password_changed(unit, user)
        await self._audit(unit, "user.password_reset", user)

    async def _answer(self, unit: Unit, request: ResetRequest) -> None:
        found = await unit.users.by_email(request.email)
        # Locked, so that concurrent answers see the tokens of each other.
        user = await unit.users.lock(found.id) if found else None
        if user is None or not user.is_active:
            return
        if await self._uses_provider(unit, user):
            await self._refer_to_provider(unit, user)
            return
        recent = await self._tokens.count_recent(unit, user, Purpose.RESET_PASSWORD, RESET_WINDOW)
        if recent >= MAX_RESETS:
            return
        token = await self._tokens.issue(unit, user, Purpose.RESET_PASSWORD, RESET_LIFETIME)
        await self._messages.reset(unit, user, token)
        await self._audit(unit, "user.password_reset_requested", user)

    async def _uses_provider(self, unit: Unit, user: User) -> bool:
        """Whether the account is linked to the provider that the installation has now.

        A password would let its user in after the provider has locked them out.
        """
        issuer = self._policy.issuer
        return issuer is not None and await unit.oidc.subject_of(issuer, user.id) is not None

    async def _refer_to_provider(self, unit: Unit, user: User) -> None:
        """Say so to the owner, once until a day has passed without a request."""
        if await self._throttle.first_today(unit, f"reset-at-provider|{user.id}"):
            await self._messages.reset_at_provider(unit, user, self._policy.issuer or "")
        await self._audit(unit, "user.password_reset_refused", user)

    async def _audit(self, unit: Unit, action: str, user: User) -> None:
        await self._auditor.record(
            unit.outbox,
            action,
            user_id=user.id,
            organization_id=None,
            resource_type="user",
            resource_id=user.id,
        )
