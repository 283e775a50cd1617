"""A new password for somebody who forgot theirs."""

import structlog

from services.auth.database.unit import Unit
from services.auth.mail.letters import LetterWriter
from services.auth.one_time_tokens.domain import Purpose
from services.auth.one_time_tokens.service import OneTimeTokens
from services.auth.passwords.hashing import PasswordHasher
from services.auth.passwords.rules import PasswordRules, names_around
from services.auth.recovery.domain import MOST_RESETS, RESET_LIFETIME, RESETS_COUNTED_FOR, ResetRequest
from services.auth.sign_in.domain import LONGEST_AGENT, Client
from services.auth.sign_in.throttle import Throttle
from services.auth.users.domain import User
from services.auth.verification.service import VerificationService
from shared.access import Scope
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator


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
        letters: LetterWriter,
        verification: VerificationService,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._hasher = hasher
        self._rules = rules
        self._throttle = throttle
        self._tokens = tokens
        self._letters = letters
        self._verification = verification

    async def request(self, unit: Unit, email: str, client: Client) -> None:
        """Note the wish, whoever the address belongs to. Raises TooManyAttempts."""
        await self._throttle.admit(unit, f"forgot|{email}", client)
        agent = client.agent[:LONGEST_AGENT] if client.agent else None
        await unit.reset_requests.add(
            ResetRequest(self._new_id(), email, Client(client.address, agent), self._clock.now())
        )

    async def answer(self, unit: Unit, most: int) -> int:
        """Send links for requests that were noted, and give their number. Nobody waits for this."""
        requests = await unit.reset_requests.take(most)
        for request in requests:
            # The trail shows who asked, not who answers.
            with structlog.contextvars.bound_contextvars(
                client_address=request.client.address, user_agent=request.client.agent
            ):
                await self._answer(unit, request)
        return len(requests)

    async def reset(self, unit: Unit, token: str, password: str, client: Client) -> None:
        """Set another password and end all sessions. Raises InvalidLink, WeakPassword."""
        user = await self._tokens.redeem(unit, token, Purpose.RESET_PASSWORD)
        await unit.act_as(Scope(user_id=user.id))
        self._rules.check(password, user.email, await names_around(unit, user))
        now = self._clock.now()
        await unit.users.set_password(user.id, self._hasher.prehash(password), self._hasher.cost, now)
        await unit.sessions.revoke_all(user.id, now, kept=None)
        await self._verification.verified(unit, user)
        await self._throttle.succeeded(unit, user.email, client)
        await self._letters.password_changed(unit, user)
        await self._audit(unit, "user.password_reset", user)

    async def _answer(self, unit: Unit, request: ResetRequest) -> None:
        found = await unit.users.by_email(request.email)
        # Locked: of requests that are answered side by side, each must see the tokens of the others.
        user = await unit.users.lock(found.id) if found else None
        if user is None or not user.is_active:
            return
        lately = await self._tokens.lately(unit, user, Purpose.RESET_PASSWORD, RESETS_COUNTED_FOR)
        if lately >= MOST_RESETS:
            return
        token = await self._tokens.issue(unit, user, Purpose.RESET_PASSWORD, RESET_LIFETIME)
        await self._letters.reset(unit, user, token)
        await self._audit(unit, "user.password_reset_requested", user)

    async def _audit(self, unit: Unit, action: str, user: User) -> None:
        await self._auditor.record(
            unit.outbox,
            action,
            user_id=user.id,
            organization_id=None,
            resource_type="user",
            resource_id=user.id,
        )
