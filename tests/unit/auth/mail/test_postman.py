"""Letters leave, come again or are given up, and are forgotten."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from services.auth.mail.domain import LONGEST_RETRY, Letter, LetterStatus, QueuedLetter, Sending, retry_delay
from services.auth.mail.mailers import mailer_for
from shared.crypto import Encryptor
from tests.unit.auth.accounts_setting import FIRST_RETRY, AccountsSetting
from tests.unit.auth.database.fakes.mail import Queued

AWAY = Sending("SMTPConnectError")
OTHER_KEYS = "other:" + "B" * 43 + "="


@pytest.fixture
async def setting() -> AccountsSetting:
    """One letter waits."""
    setting = AccountsSetting()
    await setting.register()
    return setting


def queued(setting: AccountsSetting) -> Queued:
    [queued] = setting.units.mail.letters.values()
    return queued


async def test_a_letter_is_encrypted_while_it_waits_and_gone_when_it_was_sent(
    setting: AccountsSetting,
) -> None:
    sealed = queued(setting).letter.sealed
    assert sealed.startswith("test.")
    assert "ada" not in sealed
    [letter] = await setting.mail()
    assert (letter.recipient, letter.subject) == ("ada@example.org", "DInsight: Verify your address")
    assert "http://dinsight.example/verify-email#token=" in letter.text
    assert "token" not in repr(letter)
    assert [line for line in letter.text.splitlines() if len(line) > 76 and "#token=" not in line] == []
    assert (queued(setting).status, queued(setting).letter.sealed) == (LetterStatus.SENT, "")
    assert await setting.mail() == []


async def test_a_failed_attempt_is_followed_by_others_after_growing_pauses(setting: AccountsSetting) -> None:
    setting.mailer.answers = [AWAY, AWAY]
    assert await setting.mail() == []
    setting.clock.time += FIRST_RETRY - timedelta(seconds=1)
    assert await setting.postman.once() == 0, "it is too early"
    setting.clock.advance(seconds=1)
    assert await setting.postman.once() == 1
    setting.clock.time += 4 * FIRST_RETRY - timedelta(seconds=1)
    assert await setting.postman.once() == 0, "the second pause is longer"
    setting.clock.advance(seconds=1)
    assert len(await setting.mail()) == 1


async def test_a_letter_is_given_up_after_the_last_attempt(setting: AccountsSetting) -> None:
    setting.mailer.answers = [AWAY] * 3
    for _ in range(3):
        await setting.postman.once()
        setting.clock.advance(hours=1)
    assert (queued(setting).status, queued(setting).error) == (LetterStatus.GIVEN_UP, AWAY.error)
    assert queued(setting).letter.sealed == ""
    assert await setting.mail() == []


async def test_a_refused_address_is_given_up_at_once(setting: AccountsSetting) -> None:
    setting.mailer.answers = [Sending("SMTPRecipientsRefused 550", final=True)]
    await setting.postman.once()
    assert queued(setting).status is LetterStatus.GIVEN_UP


async def test_a_letter_whose_link_is_dead_is_not_sent(setting: AccountsSetting) -> None:
    setting.clock.advance(days=3)
    assert await setting.mail() == []
    assert queued(setting).status is LetterStatus.GIVEN_UP


async def test_a_letter_that_cannot_be_read_stops_nobody(setting: AccountsSetting) -> None:
    setting.postman = setting.postman_with(Encryptor(OTHER_KEYS))
    assert await setting.mail() == []
    assert queued(setting).status is LetterStatus.GIVEN_UP
    assert "DINSIGHT_ENCRYPTION_KEYS" in (queued(setting).error or "")


async def test_a_letter_taken_by_one_who_died_is_sent_by_another(setting: AccountsSetting) -> None:
    now = setting.clock.now()
    await setting.unit.mail.claim(8, now, now + timedelta(minutes=5))
    assert await setting.postman.once() == 0
    setting.clock.advance(minutes=5)
    assert len(await setting.mail()) == 1


def test_pauses_grow_fourfold_and_no_further_than_the_longest() -> None:
    assert [retry_delay(attempts, FIRST_RETRY) / FIRST_RETRY for attempts in (1, 2, 3)] == [1, 4, 16]
    assert retry_delay(1_000_000, FIRST_RETRY) == LONGEST_RETRY


async def test_a_letter_that_cannot_be_written_is_told_of_not_raised(tmp_path: Path) -> None:
    """Else one of them would end the service again and again."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    queued = QueuedLetter(uuid4(), "test", "sealed", 0, now, now)
    mailer = mailer_for(tmp_path.as_uri(), "DInsight <dinsight@example.org>", 1)
    sending = await mailer.send(queued, Letter("ada@example.org", "two\nlines", "text"))
    assert sending.error is not None
