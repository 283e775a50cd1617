"""Administrators of the installation hear of late backups once a day, and nobody else does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.auth.backups.domain import MAX_AGE, REMIND_EVERY
from services.auth.backups.service import BackupReminder
from services.auth.mail.messages import MessageWriter
from shared.clock import time_ordered_id
from shared.crypto import Encryptor
from tests.unit.auth.accounts_setting import KEYS, AccountsSetting

SECOND = timedelta(seconds=1)


@pytest.fixture
async def setting() -> AccountsSetting:
    """An installation with one administrator, a user and a former administrator."""
    made = AccountsSetting()
    await made.register("user@example.org")
    for email, active in (("admin@example.org", True), ("gone@example.org", False)):
        user = await made.register(email)
        made.units.users.users[user.id] = replace(user, role="admin", is_active=active)
    await made.mail()
    return made


@pytest.fixture
def reminder(setting: AccountsSetting) -> BackupReminder:
    messages = MessageWriter(setting.clock, time_ordered_id, Encryptor(KEYS), "http://dinsight.example/")
    return BackupReminder(setting.clock, messages)


async def reminded(setting: AccountsSetting, reminder: BackupReminder) -> list[tuple[str, str]]:
    await reminder.remind(setting.unit)
    return [(message.recipient, message.text) for message in await setting.mail()]


async def test_late_backups_are_told_to_administrators_once_a_day(
    setting: AccountsSetting, reminder: BackupReminder
) -> None:
    backups, clock = setting.units.backups, setting.clock
    backups.watched_since = clock.now() - 10 * MAX_AGE
    backups.verified_at = clock.now() - MAX_AGE
    assert await reminded(setting, reminder) == []
    clock.time += SECOND
    [(recipient, text)] = await reminded(setting, reminder)
    assert recipient == "admin@example.org"
    assert f"{backups.verified_at:%Y-%m-%d at %H:%M} UTC" in " ".join(text.split())
    assert await reminded(setting, reminder) == []
    clock.time += REMIND_EVERY - SECOND
    assert await reminded(setting, reminder) == []
    clock.time += SECOND
    assert [recipient for recipient, _ in await reminded(setting, reminder)] == ["admin@example.org"]
    backups.verified_at = clock.now()
    clock.time += REMIND_EVERY
    assert await reminded(setting, reminder) == []


async def test_backups_that_never_worked_are_late_too(
    setting: AccountsSetting, reminder: BackupReminder
) -> None:
    setting.units.backups.watched_since = setting.clock.now() - MAX_AGE - SECOND
    [(_, text)] = await reminded(setting, reminder)
    assert "No backup of it was ever verified" in " ".join(text.split())


async def test_nobody_is_reminded_of_backups_that_were_never_set_up(
    setting: AccountsSetting, reminder: BackupReminder
) -> None:
    assert await reminded(setting, reminder) == []
