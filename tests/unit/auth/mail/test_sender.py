"""Messages are sent, retried, given up and deleted."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from services.auth.mail.domain import LEASE, QUEUE, MailStatus
from shared.crypto import Encryptor
from shared.jobs.leases import HeldLease, Priority
from shared.jobs.queue import LeaseLost
from shared.mail.domain import Delivery, Mail
from shared.mail.transports import transport_for
from tests.unit.auth.accounts_setting import FIRST_RETRY, MAX_ATTEMPTS, AccountsSetting
from tests.unit.auth.database.fakes.mail import Row

UNREACHABLE = Delivery("SMTPConnectError")
OTHER_KEYS = "other:" + "B" * 43 + "="


@pytest.fixture
async def setting() -> AccountsSetting:
    """One message is waiting."""
    setting = AccountsSetting()
    await setting.register()
    return setting


def row(setting: AccountsSetting) -> Row:
    [row] = setting.units.mail.rows.values()
    return row


async def waiting(setting: AccountsSetting) -> int:
    return (await setting.units.jobs.depth(QUEUE)).waiting


async def test_a_message_is_encrypted_while_it_waits_and_deleted_once_sent(setting: AccountsSetting) -> None:
    sealed = row(setting).sealed
    assert sealed is not None
    assert sealed.startswith("test.")
    assert "ada@example.org" not in sealed
    [message] = await setting.mail()
    assert message.recipient == "ada@example.org"
    assert message.subject == "Verify your e-mail address for DInsight"
    assert "http://dinsight.example/verify-email#token=" in message.text
    assert "token" not in repr(message)
    assert [line for line in message.text.splitlines() if len(line) > 76 and "#token=" not in line] == []
    assert (row(setting).status, row(setting).sealed) == (MailStatus.SENT, None)
    assert await setting.mail() == []
    assert await waiting(setting) == 0


async def test_a_failed_attempt_is_repeated_within_the_bounds_of_the_policy(setting: AccountsSetting) -> None:
    setting.transport.answers = [UNREACHABLE, UNREACHABLE]
    for pause in (timedelta(), FIRST_RETRY):
        setting.clock.time += pause
        assert await setting.mail() == []
        assert (row(setting).status, row(setting).error) == (MailStatus.WAITING, UNREACHABLE.error)
    setting.clock.time += 4 * FIRST_RETRY
    assert len(await setting.mail()) == 1


async def test_a_message_is_given_up_after_the_last_attempt(setting: AccountsSetting) -> None:
    setting.transport.answers = [UNREACHABLE] * MAX_ATTEMPTS
    for _ in range(MAX_ATTEMPTS):
        await setting.mail()
        setting.clock.advance(hours=1)
    assert (row(setting).status, row(setting).error) == (MailStatus.GIVEN_UP, UNREACHABLE.error)
    assert row(setting).sealed is None
    assert await waiting(setting) == 0


async def test_a_refused_recipient_is_not_retried(setting: AccountsSetting) -> None:
    setting.transport.answers = [Delivery("SMTPRecipientsRefused 550", permanent=True)]
    await setting.mail()
    assert row(setting).status is MailStatus.GIVEN_UP


async def test_an_expired_message_is_not_sent(setting: AccountsSetting) -> None:
    setting.clock.advance(days=3)
    assert await setting.mail() == []
    assert row(setting).status is MailStatus.GIVEN_UP


async def test_a_message_that_would_expire_before_its_retry_is_given_up(setting: AccountsSetting) -> None:
    message = row(setting).message
    setting.clock.time = message.expires_at - timedelta(microseconds=1)
    setting.transport.answers = [UNREACHABLE]
    await setting.mail()
    assert row(setting).status is MailStatus.GIVEN_UP


async def test_a_message_that_cannot_be_decrypted_does_not_block_others(setting: AccountsSetting) -> None:
    setting.worker = setting.worker_with(Encryptor(OTHER_KEYS))
    assert await setting.mail() == []
    assert row(setting).status is MailStatus.GIVEN_UP
    assert "DINSIGHT_ENCRYPTION_KEYS" in (row(setting).error or "")


async def test_an_unexpected_error_is_retried_and_finally_given_up(setting: AccountsSetting) -> None:
    setting.transport.answers = [RuntimeError("unexpected")] * MAX_ATTEMPTS
    for _ in range(MAX_ATTEMPTS):
        assert row(setting).status is MailStatus.WAITING
        await setting.mail()
        setting.clock.advance(hours=1)
    assert (row(setting).status, row(setting).error) == (MailStatus.GIVEN_UP, "RuntimeError")


async def test_a_message_whose_worker_died_is_sent_by_another(setting: AccountsSetting) -> None:
    await setting.units.jobs.claim(QUEUE, 8, lease=LEASE)
    assert await setting.mail() == []
    setting.clock.time += LEASE + timedelta(seconds=1)
    assert len(await setting.mail()) == 1


async def test_a_message_that_kills_its_workers_is_given_up(setting: AccountsSetting) -> None:
    for _ in range(MAX_ATTEMPTS):
        await setting.units.jobs.claim(QUEUE, 8, lease=LEASE)
        setting.clock.time += LEASE + timedelta(seconds=1)
    assert await setting.mail() == []
    assert (row(setting).status, row(setting).error) == (MailStatus.GIVEN_UP, "the worker crashed")


async def test_a_worker_without_the_lease_sends_nothing(setting: AccountsSetting) -> None:
    [job] = await setting.units.jobs.claim(QUEUE, 8, lease=LEASE)
    lease = HeldLease(job, LEASE, Priority(), sent_at=time.monotonic())
    lease.lose()
    with pytest.raises(LeaseLost):
        await setting.sender.run(job, lease)
    assert setting.transport.sent == []
    assert row(setting).status is MailStatus.WAITING


async def test_an_outcome_without_the_lease_is_not_recorded(setting: AccountsSetting) -> None:
    """The message may have been sent: the other worker sends it again, with the same Message-ID."""
    [job] = await setting.units.jobs.claim(QUEUE, 8, lease=LEASE)
    setting.clock.time += LEASE + timedelta(seconds=1)
    [other] = await setting.units.jobs.claim(QUEUE, 8, lease=LEASE)
    assert other.id == job.id
    with pytest.raises(LeaseLost):
        await setting.sender.give_up(job, None)
    assert row(setting).status is MailStatus.WAITING


async def test_a_message_that_cannot_be_composed_is_a_failed_delivery(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    transport = transport_for(tmp_path.as_uri(), "DInsight <dinsight@example.org>", 1)
    delivery = await transport.send(Mail(uuid4(), "test", now, "ada@example.org", "two\nlines", "text"))
    assert delivery.error is not None
