"""The services around accounts and mail, on repositories in memory."""

import re
from datetime import timedelta
from functools import partial
from uuid import UUID

from services.auth.database.unit import Unit
from services.auth.invitations.service import InvitationService
from services.auth.mail.domain import LEASE, MESSAGE_JOB, QUEUE
from services.auth.mail.messages import MessageWriter
from services.auth.mail.sender import MailSender
from services.auth.oidc.service import OidcService
from services.auth.one_time_tokens.service import OneTimeTokens
from services.auth.organizations.secrets import SettingsEncryptor
from services.auth.organizations.service import OrganizationService
from services.auth.passwords.hashing import PasswordHasher
from services.auth.passwords.rules import PasswordRules
from services.auth.recovery.answerer import ResetAnswerer
from services.auth.recovery.domain import RESET_JOB
from services.auth.recovery.service import RecoveryService
from services.auth.registration.service import RegistrationService
from services.auth.second_factor.entrance import Entrance
from services.auth.second_factor.passkeys import Passkeys
from services.auth.second_factor.service import SecondFactorService
from services.auth.sessions.domain import Client
from services.auth.sessions.service import SessionService
from services.auth.sign_in.devices import Devices
from services.auth.sign_in.policy import SignInPolicy
from services.auth.sign_in.service import SignInService
from services.auth.sign_in.throttle import Throttle
from services.auth.users.domain import User
from services.auth.users.service import AccountService
from services.auth.verification.service import VerificationService
from shared.access import Caller, Role
from shared.audit import Auditor
from shared.clock import time_ordered_id
from shared.crypto import Encryptor
from shared.events.auth import AUDIT_RECORDED
from shared.jobs.queue import JobHandler
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker
from shared.mail.domain import Mail
from shared.retention import RetentionSettings
from tests.support.fakes import FakeClock
from tests.unit.auth.database.fakes.unit import FakeUnits
from tests.unit.auth.mail.fakes import FakeTransport

ORIGIN = "http://dinsight.example"
EMAIL, PASSWORD = "ada@example.org", "correct horse battery"
HERE = Client("192.0.2.1", "test")
# 32 bytes in base64.
KEYS = "test:" + "A" * 43 + "="
FIRST_RETRY = timedelta(seconds=30)
MAX_ATTEMPTS = 3


class AccountsSetting:
    def __init__(self, policy: SignInPolicy | None = None) -> None:
        policy = policy or SignInPolicy()
        self.clock, self.transport = FakeClock(), FakeTransport()
        self.units = FakeUnits(self.clock)
        self.unit: Unit = self.units.unit()
        auditor, new_id = Auditor(self.clock), time_ordered_id
        encryptor = Encryptor(KEYS)
        hasher, rules = PasswordHasher("pepper", 4), PasswordRules(())
        self.devices = Devices("pepper", self.clock, new_id)
        throttle, passkeys = Throttle(self.clock, self.devices), Passkeys(ORIGIN)
        messages = MessageWriter(self.clock, new_id, encryptor, ORIGIN + "/")
        self.tokens = tokens = OneTimeTokens(self.clock, new_id)
        self.verification = VerificationService(self.clock, auditor, tokens, messages)
        self.invitations = InvitationService(self.clock, new_id, auditor, messages, self.verification)
        self.organizations = OrganizationService(
            self.clock, new_id, auditor, SettingsEncryptor(encryptor), RetentionSettings()
        )
        self.accounts = AccountService(
            self.clock, new_id, auditor, hasher, rules, throttle, self.organizations, messages, policy
        )
        self.registration = RegistrationService(
            new_id,
            auditor,
            self.accounts,
            rules,
            self.verification,
            self.invitations,
            messages,
            policy,
        )
        self.recovery = RecoveryService(
            self.clock, new_id, auditor, hasher, rules, throttle, tokens, messages, self.verification, policy
        )
        self.sessions = SessionService(
            self.clock,
            new_id,
            auditor,
            idle_timeout=timedelta(days=30),
            max_lifetime=timedelta(days=90),
        )
        self.entrance = Entrance(self.clock, auditor, encryptor, passkeys, throttle, self.sessions, messages)
        self.second_factors = SecondFactorService(self.clock, new_id, auditor, encryptor, passkeys, messages)
        self.sign_in = SignInService(self.clock, auditor, hasher, throttle, self.entrance, messages, policy)
        self.oidc_with = partial(
            OidcService, self.clock, new_id, auditor, throttle, self.entrance, messages, None
        )
        self.oidc = self.oidc_with(policy)
        self.worker = self.worker_with(encryptor)

    def worker_with(self, encryptor: Encryptor) -> Worker:
        retry = RetryPolicy(MAX_ATTEMPTS, first_delay=FIRST_RETRY, max_delay=timedelta(hours=1), factor=4)
        self.sender = MailSender(self.units, self.transport, encryptor, self.clock, retry)
        handlers: dict[str, JobHandler] = {
            MESSAGE_JOB: self.sender,
            RESET_JOB: ResetAnswerer(self.units, self.recovery),
        }
        pace = Pace(LEASE, heartbeat_seconds=1)
        return Worker(self.units.jobs, QUEUE, handlers, [Lane(8)], pace, retry)

    async def register(self, email: str = EMAIL) -> User:
        user, _ = await self.registration.register(self.unit, email, PASSWORD, "Ada", "Plant")
        return user

    async def invite(self, user: User, organization_id: UUID, email: str) -> None:
        caller = Caller(user.id, user.email, user.full_name, organization_id, Role.OWNER, "token")
        await self.invitations.invite(self.unit, caller, email, Role.VIEWER)

    async def mail(self) -> list[Mail]:
        """Send what is due, and return what was sent since the last call."""
        await self.worker.run_due()
        sent, self.transport.sent = self.transport.sent, []
        return sent

    def audited(self) -> list[str]:
        return [payload.action for payload in self.units.outbox.payloads(AUDIT_RECORDED)]


def token_in(message: Mail) -> str:
    [token] = re.findall(r"#token=(\S+)", message.text)
    return str(token)
