"""Writes messages into the mail queue, in the transaction of the change that they report.

Besides a link, a message contains little that users chose: otherwise anyone who creates an account could send
arbitrary text to arbitrary addresses.
"""

import json
import textwrap
from datetime import datetime, timedelta
from uuid import UUID

from services.auth.database.unit import Unit
from services.auth.invitations.domain import INVITATION_LIFETIME, Invitation
from services.auth.mail import texts
from services.auth.mail.domain import MESSAGE_JOB, NOTICE_LIFETIME, QUEUE, Message, StoredMessage
from services.auth.organizations.domain import Organization
from services.auth.recovery.domain import RESET_LIFETIME
from services.auth.users.domain import User
from services.auth.verification.domain import VERIFICATION_LIFETIME
from shared.clock import Clock, IdGenerator
from shared.crypto import Encryptor
from shared.jobs.queue import NewJob
from shared.mail.names import quoted

PURPOSE = "auth.mail.sealed"
LINE_LENGTH = 76
# Browsers do not send the fragment after `#`, so the token reaches no proxy's log.
LINK = "{base}/{page}#token={token}"


class MessageWriter:
    def __init__(self, clock: Clock, new_id: IdGenerator, encryptor: Encryptor, public_url: str) -> None:
        self._clock = clock
        self._new_id = new_id
        self._encryptor = encryptor
        self._base = public_url.rstrip("/")

    async def verification(self, unit: Unit, user: User, token: str) -> None:
        text = texts.VERIFICATION.format(
            link=self._link("verify-email", token), until=self._until(VERIFICATION_LIFETIME)
        )
        subject = "Verify your e-mail address for DInsight"
        await self._enqueue(unit, "verification", user.id, user.email, subject, text, VERIFICATION_LIFETIME)

    async def registration_repeated(self, unit: Unit, user: User) -> None:
        subject, text = "You already have a DInsight account", texts.REGISTRATION_REPEATED
        await self._enqueue(
            unit, "registration-repeated", user.id, user.email, subject, text, VERIFICATION_LIFETIME
        )

    async def reset(self, unit: Unit, user: User, token: str) -> None:
        text = texts.RESET.format(link=self._link("reset-password", token), until=self._until(RESET_LIFETIME))
        await self._enqueue(
            unit, "reset", user.id, user.email, "Reset your DInsight password", text, RESET_LIFETIME
        )

    async def reset_at_provider(self, unit: Unit, user: User, issuer: str) -> None:
        subject, text = (
            "Sign in to DInsight through your provider",
            texts.RESET_AT_PROVIDER.format(issuer=issuer),
        )
        await self._enqueue(unit, "reset-at-provider", user.id, user.email, subject, text, NOTICE_LIFETIME)

    async def password_changed(self, unit: Unit, user: User) -> None:
        subject, text = "Your DInsight password was changed", texts.CHANGED.format(at=self._now())
        await self._enqueue(unit, "password-changed", user.id, user.email, subject, text, NOTICE_LIFETIME)

    async def provider_linked(self, unit: Unit, user: User, issuer: str) -> None:
        subject = "Your DInsight sign-in method has changed"
        text = texts.PROVIDER_LINKED.format(at=self._now(), issuer=issuer)
        await self._enqueue(unit, "provider-linked", user.id, user.email, subject, text, NOTICE_LIFETIME)

    async def provider_refused(self, unit: Unit, user: User, issuer: str) -> None:
        subject = "A sign-in to your DInsight account was refused"
        text = texts.PROVIDER_REFUSED.format(at=self._now(), issuer=issuer)
        await self._enqueue(unit, "provider-refused", user.id, user.email, subject, text, NOTICE_LIFETIME)

    async def second_factor_changed(self, unit: Unit, user: User) -> None:
        subject, text = (
            "The second factors of your DInsight account",
            texts.SECOND_FACTOR_CHANGED.format(at=self._now()),
        )
        await self._enqueue(
            unit, "second-factor-changed", user.id, user.email, subject, text, NOTICE_LIFETIME
        )

    async def second_factors_removed(self, unit: Unit, user: User) -> None:
        subject = "The second factors of your DInsight account were removed"
        text = texts.SECOND_FACTORS_REMOVED.format(at=self._now())
        await self._enqueue(
            unit, "second-factors-removed", user.id, user.email, subject, text, NOTICE_LIFETIME
        )

    async def second_factor_failed(self, unit: Unit, user: User) -> None:
        subject, text = (
            "Somebody may know your DInsight password",
            texts.SECOND_FACTOR_FAILED.format(at=self._now()),
        )
        await self._enqueue(unit, "second-factor-failed", user.id, user.email, subject, text, NOTICE_LIFETIME)

    async def recovery_code_used(self, unit: Unit, user: User) -> None:
        subject, text = (
            "A recovery code of your DInsight account was used",
            texts.RECOVERY_CODE_USED.format(at=self._now()),
        )
        await self._enqueue(unit, "recovery-code-used", user.id, user.email, subject, text, NOTICE_LIFETIME)

    async def guessed(self, unit: Unit, about: UUID, recipient: str) -> None:
        subject = "Somebody is trying to guess your DInsight password"
        text = texts.GUESSED.format(at=self._now())
        await self._enqueue(unit, "guessed", about, recipient, subject, text, NOTICE_LIFETIME)

    async def backups_late(self, unit: Unit, user: User, verified_at: datetime | None) -> None:
        last = texts.BACKUP_NEVER
        if verified_at is not None:
            last = texts.BACKUP_LAST.format(at=f"{verified_at:%Y-%m-%d at %H:%M} UTC")
        text = texts.BACKUPS_LATE.format(base=self._base, last=last)
        subject = "Backups of DInsight are late"
        await self._enqueue(unit, "backups-late", user.id, user.email, subject, text, NOTICE_LIFETIME)

    async def invitation(
        self, unit: Unit, invitation: Invitation, organization: Organization, inviter: str, token: str
    ) -> None:
        text = texts.INVITATION.format(
            inviter=quoted(inviter),
            organization=quoted(organization.name),
            role=invitation.role.label,
            link=self._link("invitation", token),
            until=self._until(INVITATION_LIFETIME),
        )
        subject = f"Join {quoted(organization.name)} on DInsight"
        await self._enqueue(
            unit, "invitation", organization.id, invitation.email, subject, text, INVITATION_LIFETIME
        )

    async def _enqueue(
        self, unit: Unit, kind: str, about: UUID, recipient: str, subject: str, text: str, lifetime: timedelta
    ) -> None:
        """Store a message and the job that sends it. It is not sent later than after `lifetime`."""
        now = self._clock.now()
        text = f"{_wrapped(text)}\n\n-- \n{_wrapped(texts.FOOTER.format(base=self._base))}\n"
        content = json.dumps({"recipient": recipient, "subject": subject, "text": text})
        sealed = self._encryptor.encrypt(content, purpose=PURPOSE)
        message = StoredMessage(self._new_id(), kind, sealed, now + lifetime, now, about)
        await unit.mail.add(message)
        await unit.jobs.enqueue([NewJob(message.id, QUEUE, MESSAGE_JOB, message.id)])

    def _link(self, page: str, token: str) -> str:
        return LINK.format(base=self._base, page=page, token=token)

    def _now(self) -> str:
        return f"{self._clock.now():%Y-%m-%d at %H:%M} UTC"

    def _until(self, lifetime: timedelta) -> str:
        return f"{self._clock.now() + lifetime:%Y-%m-%d at %H:%M} UTC"


def _wrapped(text: str) -> str:
    """Wrap each paragraph so that mail programs do not; a link stays whole."""
    return "\n\n".join(
        textwrap.fill(paragraph, LINE_LENGTH, break_long_words=False, break_on_hyphens=False)
        for paragraph in text.strip().split("\n\n")
    )


def unseal(encryptor: Encryptor, message: StoredMessage) -> Message:
    """Decrypt a stored message. Raises EncryptionError."""
    return Message(**json.loads(encryptor.decrypt(message.sealed, purpose=PURPOSE)))
