"""Opening an account: alone, with an organization, or by an invitation."""

from dataclasses import replace

from services.auth.database.unit import Unit
from services.auth.errors import EmailTaken, InvitationForAnother
from services.auth.invitations.service import InvitationService
from services.auth.mail.letters import LetterWriter
from services.auth.organizations.domain import Organization
from services.auth.passwords.rules import PasswordRules
from services.auth.users.domain import User
from services.auth.users.service import AccountService
from services.auth.verification.service import VerificationService
from shared.audit import Auditor
from shared.clock import IdGenerator

# A domain that can have no mail (RFC 2606).
NOWHERE = "taken.invalid"


class RegistrationService:
    def __init__(
        self,
        new_id: IdGenerator,
        auditor: Auditor,
        accounts: AccountService,
        rules: PasswordRules,
        verification: VerificationService,
        invitations: InvitationService,
        letters: LetterWriter,
        *,
        hide_taken: bool,
    ) -> None:
        """With `hide_taken` the answer for a taken address looks like that for a free one."""
        self._new_id = new_id
        self._auditor = auditor
        self._accounts = accounts
        self._rules = rules
        self._verification = verification
        self._invitations = invitations
        self._letters = letters
        self._hide_taken = hide_taken

    async def register(
        self, unit: Unit, email: str, password: str, full_name: str, organization_name: str | None
    ) -> tuple[User, Organization | None]:
        """Open an account and send a link to its address. Raises WeakPassword, EmailTaken."""
        self._rules.check(password, email, [full_name, organization_name or ""])
        if self._hide_taken:
            return await self._hiding(unit, email, password, full_name, organization_name)
        user, organization = await self._accounts.register(
            unit, email, password, full_name, organization_name
        )
        await self._verification.tell(unit, user, await self._verification.issue(unit, user))
        return user, organization

    async def register_invited(
        self, unit: Unit, email: str, password: str, full_name: str, token: str
    ) -> tuple[User, Organization]:
        """Open an account in the organization that a link invites to.

        Raises InvalidLink, InvitationForAnother, WeakPassword, EmailTaken: whoever has the link reads the
        address's mail, and may know that there is an account.
        """
        invitation = await self._invitations.open(unit, token)
        if invitation.email != email:
            raise InvitationForAnother
        organization = await unit.organizations.get(invitation.organization_id)
        self._rules.check(password, email, [full_name, organization.name if organization else ""])
        user, _ = await self._accounts.register(unit, email, password, full_name, None)
        user, belonging = await self._invitations.join(unit, user, invitation)
        return user, belonging.organization

    async def _hiding(
        self, unit: Unit, email: str, password: str, full_name: str, organization_name: str | None
    ) -> tuple[User, Organization | None]:
        """Do the same work whether the address is taken or not, so that the time tells nothing either.

        For a taken one it is done in the name of somebody who is nobody, and undone; only the letter differs.
        """
        owner = await unit.users.by_email(email)
        address = email if owner is None else f"{self._new_id().hex}@{NOWHERE}"
        try:
            async with unit.savepoint(owner is not None):
                user, organization = await self._accounts.register(
                    unit, address, password, full_name, organization_name
                )
                token = await self._verification.issue(unit, user)
        except EmailTaken:
            # Somebody else was quicker by a moment: now the address has an owner.
            return await self._hiding(unit, email, password, full_name, organization_name)
        if owner is None:
            await self._verification.tell(unit, user, token)
            return user, organization
        await self._letters.registration_repeated(unit, owner)
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
