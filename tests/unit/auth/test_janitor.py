"""The janitor deletes what has expired, and nothing else."""

from dataclasses import replace
from datetime import timedelta

from services.auth.backups.service import BackupReminder
from services.auth.invitations.domain import INVITATION_LIFETIME, INVITATION_WINDOW
from services.auth.janitor import build_janitor
from services.auth.keys.service import KeyRing
from services.auth.mail.domain import RETENTION
from services.auth.mail.messages import MessageWriter
from services.auth.verification.domain import VERIFICATION_LIFETIME
from shared.clock import time_ordered_id
from shared.crypto import Encryptor
from tests.support.fakes import FakePartitions
from tests.unit.auth.accounts_setting import KEYS, AccountsSetting
from tests.unit.auth.database.examples import an_invitation, an_organization


async def test_expired_links_invitations_and_messages_are_deleted() -> None:
    setting = AccountsSetting()
    units, clock = setting.units, setting.clock
    user = await setting.register()
    invitation = an_invitation(an_organization(), user)
    expires_at = clock.now() + INVITATION_LIFETIME
    await units.invitations.add(replace(invitation, expires_at=expires_at))
    await setting.mail()
    keys = KeyRing(
        units, clock, Encryptor(KEYS), key_lifetime=timedelta(days=30), token_lifetime=timedelta(minutes=15)
    )
    messages = MessageWriter(clock, time_ordered_id, Encryptor(KEYS), "http://dinsight.example/")
    reminder = BackupReminder(clock, messages)
    janitor = build_janitor(units, FakePartitions(), clock, keys, reminder)

    def left() -> tuple[int, int, int]:
        return len(units.one_time.tokens), len(units.invitations.invitations), len(units.mail.rows)

    clock.time += VERIFICATION_LIFETIME
    await janitor.round()
    assert left() == (1, 1, 1)
    clock.advance(seconds=1)
    await janitor.round()
    assert left() == (0, 1, 1)
    clock.time = expires_at + INVITATION_WINDOW
    await janitor.round()
    assert left()[1] == 1, "one that was withdrawn at once must count for so long"
    clock.advance(seconds=1)
    await janitor.round()
    assert left() == (0, 0, 0), f"messages are kept for {RETENTION}"
