"""Signing in through an OpenID Connect provider, whom an organization's IT department runs."""

import secrets
from collections.abc import Mapping
from typing import Any

from services.auth.database.unit import Unit
from services.auth.errors import AccountClosed, AddressNotVerified, FlowUnknown, OidcOff, ProviderRefused
from services.auth.mail.letters import LetterWriter
from services.auth.oidc.domain import FLOW_LIFETIME, Flow, Link, Named
from services.auth.oidc.provider import Provider
from services.auth.opaque_tokens import TOKEN_BYTES, token_hash
from services.auth.sign_in.domain import Client, Grant
from services.auth.sign_in.service import SignInService
from services.auth.users.domain import User
from services.auth.users.service import DEFAULT_ROLE
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.errors import DInsightError

METHOD = "oidc"


class OidcService:
    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        sign_in: SignInService,
        letters: LetterWriter,
        provider: Provider | None,
    ) -> None:
        """Without a `provider` everything answers OidcOff."""
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._sign_in = sign_in
        self._letters = letters
        self._provider = provider

    @property
    def provider(self) -> Provider:
        if self._provider is None:
            raise OidcOff
        return self._provider

    @property
    def over_https(self) -> bool:
        return self.provider.access.redirect_url.startswith("https:")

    def new_flow(self) -> Flow:
        state, secret = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES)
        return Flow(state, secret, self._clock.now() + FLOW_LIFETIME)

    async def place(self, flow: Flow) -> str:
        """Where the browser goes. Called outside transactions, as is `identify`: both ask the provider."""
        return await self.provider.authorization_url(
            state=flow.state, nonce=flow.nonce, challenge=flow.challenge
        )

    async def begin(self, unit: Unit, flow: Flow) -> None:
        await unit.oidc.begin(token_hash(flow.state), token_hash(flow.secret), flow.expires_at)

    async def take(self, unit: Unit, state: str, secret: str | None) -> None:
        """Use up the browser's flow, whatever becomes of it. Raises FlowUnknown."""
        self.provider  # noqa: B018 - raises when sign-in by provider is off
        now = self._clock.now()
        if secret is None or not await unit.oidc.take(token_hash(state), token_hash(secret), now):
            raise FlowUnknown

    async def identify(
        self, code: str | None, error: str | None, issuer: str | None, secret: str | None
    ) -> Named | ProviderRefused:
        """Whom the provider's answer names, or why it names nobody. Raises ProviderAway."""
        try:
            if error is not None or code is None:
                raise ProviderRefused("the sign-in there was not completed")
            # RFC 9207: an answer that says whose it is must be this provider's.
            if issuer not in (None, self.provider.access.issuer):
                raise ProviderRefused("the answer is another provider's")
            return await self.provider.identify(code, secret or "")
        except ProviderRefused as refusal:
            return refusal

    async def sign_in(
        self, unit: Unit, named: Named | ProviderRefused, client: Client
    ) -> Grant | DInsightError:
        """Begin a session in the account of whom the provider named; open one at the first time."""
        if isinstance(named, ProviderRefused):
            return await self._failed(unit, None, named)
        user_id = await unit.oidc.user_of(named.issuer, named.subject)
        found = await unit.users.get(user_id) if user_id else await self._by_address(unit, named)
        if isinstance(found, AddressNotVerified):
            return await self._failed(unit, await unit.users.by_email(named.email), found)
        if found is None or not found.is_active:
            return await self._failed(unit, found, AccountClosed())
        return await self._sign_in.begin(unit, found, client, {"method": METHOD, "issuer": named.issuer})

    async def _by_address(self, unit: Unit, named: Named) -> User | AddressNotVerified:
        """The account with the verified address, from now on linked.

        An account whose address nobody verified may be a stranger's, who waits there for its owner. One that
        is verified may have been opened by a stranger, too: what opened it until now does so no more.
        """
        known = await unit.users.by_email(named.email)
        user = known or await self._opened(unit, named)
        if user is None or not user.email_verified:
            return AddressNotVerified()
        if user.is_active:
            now = self._clock.now()
            await unit.oidc.link(Link(named.issuer, named.subject, user.id, now))
            if known is not None:
                await unit.users.drop_password(user.id, now)
                await unit.sessions.revoke_all(user.id, now, kept=None)
                await self._letters.provider_linked(unit, user, named.issuer)
            await self._audit(unit, "user.identity_linked", user, {"after": {"issuer": named.issuer}})
        return user

    async def _opened(self, unit: Unit, named: Named) -> User | None:
        """A new account without a password; None when the address was taken this moment."""
        now = self._clock.now()
        user = User(
            id=self._new_id(),
            email=named.email,
            full_name=named.full_name,
            role=DEFAULT_ROLE,
            is_active=True,
            email_verified=True,
            last_login=None,
            created_at=now,
            updated_at=now,
        )
        if not await unit.users.add_without_password(user):
            return await unit.users.by_email(named.email)
        changes = {"after": {"email": user.email, "full_name": user.full_name}, "method": METHOD}
        await self._audit(unit, "user.registered", user, changes)
        return user

    async def _failed(self, unit: Unit, user: User | None, why: DInsightError) -> DInsightError:
        await self._audit(unit, "user.login_failed", user, {"method": METHOD, "reason": why.detail})
        return why

    async def _audit(self, unit: Unit, action: str, user: User | None, changes: Mapping[str, Any]) -> None:
        await self._auditor.record(
            unit.outbox,
            action,
            user_id=user.id if user else None,
            organization_id=None,
            resource_type="user",
            resource_id=user.id if user else None,
            changes=changes,
        )
