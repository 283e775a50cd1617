"""The letters that the service sends: plain text, written in the transaction of the change they tell of.

What they hold besides a link is little: whoever opens an account could otherwise have any text of theirs sent
to any address.
"""

import json
import textwrap
from datetime import timedelta

from services.auth.database.unit import Unit
from services.auth.invitations.domain import INVITATION_LIFETIME, Invitation
from services.auth.mail.domain import NOTICE_LIFETIME, Letter, QueuedLetter
from services.auth.organizations.domain import Organization
from services.auth.recovery.domain import RESET_LIFETIME
from services.auth.users.domain import User
from services.auth.verification.domain import VERIFICATION_LIFETIME
from shared.clock import Clock, IdGenerator
from shared.crypto import Encryptor

PURPOSE = "auth.mail.sealed"
COLUMNS = 76
# What follows `#` stays in the browser: no proxy between here and there writes it to a log.
LINK = "{base}/{page}#token={token}"
FOOTER = "You get this mail because of an account or an invitation at {base}. Nobody reads answers to it."


class LetterWriter:
    def __init__(self, clock: Clock, new_id: IdGenerator, encryptor: Encryptor, public_url: str) -> None:
        self._clock = clock
        self._new_id = new_id
        self._encryptor = encryptor
        self._base = public_url.rstrip("/")

    async def verification(self, unit: Unit, user: User, token: str) -> None:
        text = (
            f"Somebody, probably you, opened an account with this address. Follow this link to show that the"
            f" address is yours:\n\n{self._link('verify-email', token)}\n\n"
            f"It works once, until {self._until(VERIFICATION_LIFETIME)}. If it was not you, do nothing."
        )
        await self._write(
            unit, "verification", user.email, "Verify your address", text, VERIFICATION_LIFETIME
        )

    async def registration_repeated(self, unit: Unit, user: User) -> None:
        text = (
            "Somebody, perhaps you, tried to open an account with this address. There is one already, and"
            " nothing has changed.\n\nIf it was you: sign in, or ask for a new password if you forgot yours."
            " If it was not you, do nothing."
        )
        await self._write(
            unit, "registration-repeated", user.email, "You have an account", text, VERIFICATION_LIFETIME
        )

    async def reset(self, unit: Unit, user: User, token: str) -> None:
        text = (
            f"Somebody, probably you, asked for a new password for this account. Follow this link to set"
            f" one:\n\n{self._link('reset-password', token)}\n\n"
            f"It works once, until {self._until(RESET_LIFETIME)}, and ends all sessions. If it was not you,"
            f" do nothing: the password stays as it is."
        )
        await self._write(unit, "reset", user.email, "Set a new password", text, RESET_LIFETIME)

    async def password_changed(self, unit: Unit, user: User) -> None:
        text = (
            f"The password of this account was changed on {self._clock.now():%Y-%m-%d at %H:%M} UTC. Sessions"
            " elsewhere have ended.\n\nIf it was not you, ask for a new password at once, and tell an"
            " administrator of your organization."
        )
        await self._write(
            unit, "password-changed", user.email, "Your password was changed", text, NOTICE_LIFETIME
        )

    async def provider_linked(self, unit: Unit, user: User, issuer: str) -> None:
        text = (
            f"From {self._clock.now():%Y-%m-%d at %H:%M} UTC on you sign in to this account through {issuer}."
            " Its password and its sessions until then have ended; ask for a new password if you want one."
            "\n\nIf it was not you, tell an administrator of your organization."
        )
        subject = "You sign in another way"
        await self._write(unit, "provider-linked", user.email, subject, text, NOTICE_LIFETIME)

    async def invitation(
        self, unit: Unit, invitation: Invitation, organization: Organization, inviter: str, token: str
    ) -> None:
        text = (
            f"{inviter} invites you to the organization {organization.name} as {invitation.role.label}."
            f" Follow this link to join it:\n\n{self._link('invitation', token)}\n\n"
            f"If you have no account yet, open one with this address and the token of the link. It works"
            f" once, until {self._until(INVITATION_LIFETIME)}. If you do not know them, do nothing."
        )
        subject = f"Join {organization.name}"
        await self._write(unit, "invitation", invitation.email, subject, text, INVITATION_LIFETIME)

    async def _write(
        self, unit: Unit, kind: str, recipient: str, subject: str, text: str, lifetime: timedelta
    ) -> None:
        """Queue a letter. After `lifetime` its link is dead, and then it is not sent any more."""
        now = self._clock.now()
        text = f"{_wrapped(text)}\n\n-- \n{_wrapped(FOOTER.format(base=self._base))}\n"
        content = json.dumps({"recipient": recipient, "subject": f"DInsight: {subject}", "text": text})
        sealed = self._encryptor.encrypt(content, purpose=PURPOSE)
        await unit.mail.add(QueuedLetter(self._new_id(), kind, sealed, 0, now + lifetime, now))

    def _link(self, page: str, token: str) -> str:
        return LINK.format(base=self._base, page=page, token=token)

    def _until(self, lifetime: timedelta) -> str:
        return f"{self._clock.now() + lifetime:%Y-%m-%d %H:%M} UTC"


def _wrapped(text: str) -> str:
    """Paragraphs in lines that mail programs leave as they are; a link stays whole."""
    return "\n\n".join(
        textwrap.fill(paragraph, COLUMNS, break_long_words=False, break_on_hyphens=False)
        for paragraph in text.split("\n\n")
    )


def open_letter(encryptor: Encryptor, queued: QueuedLetter) -> Letter:
    """What a queued letter says. Raises EncryptionError."""
    return Letter(**json.loads(encryptor.decrypt(queued.sealed, purpose=PURPOSE)))
