"""The use-cases around accounts and mail on repositories in memory."""

import re
from datetime import timedelta

from services.auth.domain import Client, User
from services.auth.domain_accounts import Letter
from services.auth.postman import Postman
from services.auth.repository import Unit
from services.auth.service.accounts import AccountService
from services.auth.service.invitations import InvitationService
from services.auth.service.letters import LetterWriter
from services.auth.service.one_time import OneTimeTokens
from services.auth.service.organizations import OrganizationService
from services.auth.service.password_rules import PasswordRules
from services.auth.service.passwords import PasswordHasher
from services.auth.service.recovery import RecoveryService
from services.auth.service.registration import RegistrationService
from services.auth.service.secrets import SettingsSealer
from services.auth.service.throttle import Throttle
from services.auth.service.verification import VerificationService
from shared.audit import Auditor
from shared.clock import time_ordered_id
from shared.crypto import Encryptor
from shared.events.auth import AUDIT_RECORDED
from tests.support.fakes import FakeClock
from tests.unit.auth.fakes import FakeUnits
from tests.unit.auth.fakes_accounts import FakeMailer

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
