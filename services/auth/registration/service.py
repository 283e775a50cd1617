"""Creating an account: on its own, with an organization, or from an invitation."""

from dataclasses import replace

from services.auth.database.unit import Unit
from services.auth.errors import EmailTaken, InvitationForAnother
from services.auth.invitations.service import InvitationService
from services.auth.mail.messages import MessageWriter
from services.auth.organizations.domain import Organization
from services.auth.passwords.rules import PasswordRules
from services.auth.sign_in.policy import SignInPolicy
from services.auth.users.domain import User
from services.auth.users.service import AccountService
from services.auth.verification.service import VerificationService
from shared.audit import Auditor
from shared.clock import IdGenerator

# A domain that cannot receive mail (RFC 2606).
PLACEHOLDER_DOMAIN = "taken.invalid"


class RegistrationService:
    def __init__(
        self,
        new_id: IdGenerator,
        auditor: Auditor,
        accounts: AccountService,
        rules: PasswordRules,
        verification: VerificationService,
        invitations: InvitationService,
        messages: MessageWriter,
        policy: SignInPolicy,
    ) -> None:
        self._new_id = new_id
        self._auditor = auditor
        self._accounts = accounts
        self._rules = rules
        self._verification = verification
        self._invitations = invitations
        self._messages = messages
        self._policy = policy

    async def register(
        self, unit: Unit, email: str, password: str, full_name: str, organization_name: str | None
    ) -> tuple[User, Organization | None]:
        """Create an account and send a link to its address.

        A taken address gets the same answer, and its owner a message. Raises PasswordSignInDisabled,
        RegistrationClosed, RegistrationNeedsInvitation, WeakPassword.
        """
        self._policy.require_password_sign_in()
        self._policy.require_registration(invited=False)
        self._rules.check(password, email, [full_name, organization_name or ""])
        return await self._register(unit, email, password, full_name, organization_name)

    async def register_invited(
        self, unit: Unit, email: str, password: str, full_name: str, token: str
    ) -> tuple[User, Organization]:
        """Create an account in the organization of an invitation.

        Raises PasswordSignInDisabled, RegistrationClosed, InvalidLink, InvitationForAnother, WeakPassword,
        EmailTaken: whoever has the link reads the address's mail, and may know that there is an account.
        """
        self._policy.require_password_sign_in()
        self._policy.require_registration(invited=True)
        invitation = await self._invitations.find(unit, token)
        if invitation.email != email:
            raise InvitationForAnother
        organization = await unit.organizations.get(invitation.organization_id)
        self._rules.check(password, email, [full_name, organization.name if organization else ""])
        user, _ = await self._accounts.register(unit, email, password, full_name, None)
        user, access = await self._invitations.join(unit, user, invitation)
        return user, access.organization

    async def _register(
        self, unit: Unit, email: str, password: str, full_name: str, organization_name: str | None
    ) -> tuple[User, Organization | None]:
        """Do the same work whether or not the address is taken, so that the response time reveals nothing.

        For a taken address the work is done for a placeholder and rolled back; only the mail differs.
        """
        owner = await unit.users.by_email(email)
        address = email if owner is None else f"{self._new_id().hex}@{PLACEHOLDER_DOMAIN}"
        try:
            async with unit.savepoint(owner is not None):
                user, organization = await self._accounts.register(
                    unit, address, password, full_name, organization_name
                )
                token = await self._verification.issue(unit, user)
        except EmailTaken:
            # Another request has just taken the address.
            return await self._register(unit, email, password, full_name, organization_name)
        if owner is None:
            await self._verification.send(unit, user, token)
            return user, organization
        await self._messages.registration_repeated(unit, owner)
        await self._audit_repeated(unit, owner)
        return replace(user, email=email), organization

    async def _audit_repeated(self, unit: Unit, owner: User) -> None:
        await self._auditor.record(
            unit.outbox,
            "user.registration_repeated",
            user_id=owner.id,
            organization_id=None,
            resource_type="user",
            resource_id=owner.id,
        )
