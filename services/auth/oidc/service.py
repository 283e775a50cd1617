"""Single sign-on through an OpenID Connect provider."""

import secrets
from collections.abc import Mapping
from typing import Any

from services.auth.database.unit import Unit
from services.auth.errors import (
    AccountClosed,
    AccountNotVerified,
    OidcDisabled,
    ProviderAccountMismatch,
    ProviderRefused,
    UnknownFlow,
)
from services.auth.mail.messages import MessageWriter
from services.auth.oidc.domain import FLOW_LIFETIME, Flow, IdentityLink, ProviderIdentity
from services.auth.oidc.provider import Provider
from services.auth.one_time_tokens.domain import Purpose
from services.auth.opaque_tokens import TOKEN_BYTES, token_hash
from services.auth.second_factor.entrance import Entrance
from services.auth.sessions.domain import Client, Grant
from services.auth.sessions.methods import Method
from services.auth.sign_in.errors import RegistrationClosed, RegistrationNeedsInvitation
from services.auth.sign_in.policy import SignInPolicy
from services.auth.sign_in.throttle import Throttle
from services.auth.standing.endings import end_sessions
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
        throttle: Throttle,
        entrance: Entrance,
        messages: MessageWriter,
        provider: Provider | None,
        policy: SignInPolicy,
    ) -> None:
        """Without a `provider` every method raises OidcDisabled."""
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._throttle = throttle
        self._entrance = entrance
        self._messages = messages
        self._provider = provider
        self._policy = policy

    @property
    def provider(self) -> Provider:
        if self._provider is None:
            raise OidcDisabled
        return self._provider

    @property
    def uses_https(self) -> bool:
        return self.provider.access.redirect_url.startswith("https:")

    def new_flow(self) -> Flow:
        state, secret = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES)
        return Flow(state, secret, self._clock.now() + FLOW_LIFETIME)

    async def authorization_url(self, flow: Flow) -> str:
        """Where to send the browser. Call it outside transactions, like `identify`: both ask the provider."""
        return await self.provider.authorization_url(
            state=flow.state, nonce=flow.nonce, challenge=flow.challenge
        )

    async def begin(self, unit: Unit, flow: Flow) -> None:
        await unit.oidc.begin(token_hash(flow.state), token_hash(flow.secret), flow.expires_at)

    async def consume(self, unit: Unit, state: str, secret: str | None) -> None:
        """End the flow of the browser, whatever its outcome. Raises UnknownFlow."""
        self.provider  # noqa: B018 - raises OidcDisabled
        now = self._clock.now()
        if secret is None or not await unit.oidc.take(token_hash(state), token_hash(secret), now):
            raise UnknownFlow

    async def identify(
        self, code: str | None, error: str | None, issuer: str | None, secret: str | None
    ) -> ProviderIdentity | ProviderRefused:
        """Return who signed in at the provider, or why nobody did. Raises ProviderUnavailable."""
        try:
            if error is not None or code is None:
                raise ProviderRefused("the sign-in at the provider was not completed")
            # RFC 9207: a response that names its issuer must be from this provider.
            if issuer not in (None, self.provider.access.issuer):
                raise ProviderRefused("the response came from a different provider")
            return await self.provider.identify(code, secret or "")
        except ProviderRefused as refusal:
            return refusal

    async def sign_in(
        self, unit: Unit, identity: ProviderIdentity | ProviderRefused, client: Client
    ) -> Grant | DInsightError:
        """Enter the account of the identity, which the first sign-in links or creates."""
        if isinstance(identity, ProviderRefused):
            return await self._failed(unit, None, identity)
        user_id = await unit.oidc.user_of(identity.issuer, identity.subject)
        found = await unit.users.get(user_id) if user_id else await self._link_by_email(unit, identity)
        if isinstance(found, DInsightError):
            return await self._failed(unit, await unit.users.by_email(identity.email), found)
        if found is None or not found.is_active:
            return await self._failed(unit, found, AccountClosed())
        methods = [Method.PROVIDER, *([Method.PROVIDER_FACTORS] if identity.is_multi_factor else [])]
        return await self._entrance.enter(unit, found, client, methods, {"issuer": identity.issuer})

    async def _link_by_email(self, unit: Unit, identity: ProviderIdentity) -> User | DInsightError:
        """Link the account with the verified e-mail address, or create one.

        An unverified account may have been created by a stranger who waits for the owner of the address. So
        may a verified one, if its owner followed the link that the stranger requested: so its password,
        its sessions and its second factors end here. A linked account belongs to one subject of the provider,
        because providers may reassign addresses.
        """
        known = await unit.users.by_email(identity.email)
        if known is None and (refusal := await self._registration_refused(unit, identity.email)):
            return refusal
        user = known or await self._create(unit, identity)
        if user is None or not user.email_verified:
            return AccountNotVerified()
        # Locked, so that of several concurrent subjects each sees the link of the one before.
        user = await unit.users.lock(user.id) or user
        linked = await unit.oidc.subject_of(identity.issuer, user.id)
        if linked is not None and linked != identity.subject:
            await self._notify_owner(unit, user, identity.issuer)
            return ProviderAccountMismatch()
        if linked is None and user.is_active:
            now = self._clock.now()
            await unit.oidc.link(IdentityLink(identity.issuer, identity.subject, user.id, now))
            if known is not None:
                await unit.users.drop_password(user.id, now)
                # Nor may a link that was requested before set one again.
                await unit.one_time.revoke(user.id, Purpose.RESET_PASSWORD)
                await end_sessions(unit, user.id, now)
                await self._drop_factors(unit, user)
                await self._messages.provider_linked(unit, user, identity.issuer)
            await self._audit(unit, "user.identity_linked", user, {"after": {"issuer": identity.issuer}})
        return user

    async def _drop_factors(self, unit: Unit, user: User) -> None:
        if (await unit.second_factors.of(user.id)).any:
            await self._audit(unit, "user.second_factor_removed", user, {"method": METHOD})
        await unit.second_factors.remove_all(user.id)

    async def _registration_refused(self, unit: Unit, email: str) -> DInsightError | None:
        invited = await unit.invitations.exists_for(email, self._clock.now())
        try:
            self._policy.require_registration(invited=invited)
        except (RegistrationClosed, RegistrationNeedsInvitation) as refusal:
            return refusal
        return None

    async def _notify_owner(self, unit: Unit, user: User, issuer: str) -> None:
        """Report a refused sign-in to the owner, once until a day has passed without one."""
        if await self._throttle.first_today(unit, f"provider-refused|{user.id}"):
            await self._messages.provider_refused(unit, user, issuer)

    async def _create(self, unit: Unit, identity: ProviderIdentity) -> User | None:
        """Create an account without a password; if the address was taken meanwhile, return that account."""
        now = self._clock.now()
        user = User(
            id=self._new_id(),
            email=identity.email,
            full_name=identity.full_name,
            role=DEFAULT_ROLE,
            is_active=True,
            email_verified=True,
            last_login=None,
            created_at=now,
            updated_at=now,
        )
        if not await unit.users.add_without_password(user):
            return await unit.users.by_email(identity.email)
        changes = {"after": {"email": user.email, "full_name": user.full_name}, "method": METHOD}
        await self._audit(unit, "user.registered", user, changes)
        return user

    async def _failed(self, unit: Unit, user: User | None, error: DInsightError) -> DInsightError:
        await self._audit(unit, "user.login_failed", user, {"method": METHOD, "reason": error.detail})
        return error

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
