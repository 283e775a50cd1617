"""The use-cases around accounts and mail on repositories in memory."""

import re
from datetime import timedelta

from services.auth.database.unit import Unit
from services.auth.invitations.service import InvitationService
from services.auth.mail.domain import Letter
from services.auth.mail.letters import LetterWriter
from services.auth.mail.postman import Postman
from services.auth.one_time_tokens.service import OneTimeTokens
from services.auth.organizations.secrets import SettingsSealer
from services.auth.organizations.service import OrganizationService
from services.auth.passwords.hashing import PasswordHasher
from services.auth.passwords.rules import PasswordRules
from services.auth.recovery.service import RecoveryService
from services.auth.registration.service import RegistrationService
from services.auth.sign_in.domain import Client
from services.auth.sign_in.throttle import Throttle
from services.auth.users.domain import User
from services.auth.users.service import AccountService
from services.auth.verification.service import VerificationService
from shared.audit import Auditor
from shared.clock import time_ordered_id
from shared.crypto import Encryptor
from shared.events.auth import AUDIT_RECORDED
from tests.support.fakes import FakeClock
from tests.unit.auth.database.fakes.unit import FakeUnits
from tests.unit.auth.mail.fakes import FakeMailer

EMAIL, PASSWORD = "ada@example.org", "correct horse battery"
HERE = Client("192.0.2.1", "test")
# 32 bytes in base64.
KEYS = "test:" + "A" * 43 + "="
FIRST_RETRY = timedelta(seconds=30)
ATTEMPTS = 3


class AccountsSetting:
    def __init__(self, *, hide_taken: bool = False) -> None:
        self.clock, self.units, self.mailer = FakeClock(), FakeUnits(), FakeMailer()
        self.unit: Unit = self.units.unit()
        auditor, new_id = Auditor(self.clock), time_ordered_id
        encryptor = Encryptor(KEYS)
        hasher, rules, throttle = PasswordHasher("pepper", 4), PasswordRules(()), Throttle(self.clock)
        letters = LetterWriter(self.clock, new_id, encryptor, "http://dinsight.example/")
        tokens = OneTimeTokens(self.clock, new_id)
        self.verification = VerificationService(self.clock, auditor, tokens, letters)
        self.invitations = InvitationService(self.clock, new_id, auditor, letters, self.verification)
        organizations = OrganizationService(self.clock, new_id, auditor, SettingsSealer(encryptor))
        self.accounts = AccountService(
            self.clock, new_id, auditor, hasher, rules, throttle, organizations, letters
        )
        self.registration = RegistrationService(
            new_id,
            auditor,
            self.accounts,
            rules,
            self.verification,
            self.invitations,
            letters,
            hide_taken=hide_taken,
        )
        self.recovery = RecoveryService(
            self.clock, new_id, auditor, hasher, rules, throttle, tokens, letters, self.verification
        )
        self.postman = self.postman_with(encryptor)

    def postman_with(self, encryptor: Encryptor) -> Postman:
        return Postman(
            self.units,
            self.mailer,
            encryptor,
            self.recovery,
            self.clock,
            attempts=ATTEMPTS,
            first_retry=FIRST_RETRY,
            poll_seconds=1,
        )

    async def register(self, email: str = EMAIL) -> User:
        user, _ = await self.registration.register(self.unit, email, PASSWORD, "Ada", "Plant")
        return user

    async def mail(self) -> list[Letter]:
        """Send what is due, and give what has come since the last look."""
        while await self.postman.once():
            pass
        sent, self.mailer.sent = self.mailer.sent, []
        return sent

    def audited(self) -> list[str]:
        return [payload.action for payload in self.units.outbox.payloads(AUDIT_RECORDED)]


def token_in(letter: Letter) -> str:
    [token] = re.findall(r"#token=(\S+)", letter.text)
    return str(token)
