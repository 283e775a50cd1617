"""What every implementation of the repository of mail does."""

from dataclasses import replace

from services.auth.database.unit import Unit, Units
from services.auth.mail.domain import LetterStatus, QueuedLetter
from shared.access import Scope
from tests.unit.auth.database.examples import (
    LONG_AGO,
    MINUTE,
    a_letter,
)


async def claimed(unit: Unit, letter: QueuedLetter, minutes: int) -> QueuedLetter | None:
    """The letter, when it is among those that are due then; leased for a minute."""
    now = LONG_AGO + minutes * MINUTE
    found = await unit.mail.claim(100, now, now + MINUTE)
    return next((one for one in found if one.id == letter.id), None)


class MailSuite:
    """Subclasses give the fixture `units`."""

    async def test_a_letter_is_leased_to_one_and_comes_back_when_its_lease_ends(self, units: Units) -> None:
        letter = a_letter()
        async with units(Scope()) as unit:
            await unit.mail.add(letter)
            first = await claimed(unit, letter, 0)
            assert first == replace(letter, lease_id=first.lease_id if first else None)
            assert await claimed(unit, letter, 0) is None
            second = await claimed(unit, letter, 1)
            assert first is not None
            assert second is not None
            assert second.lease_id not in (None, first.lease_id)
            assert not await unit.mail.finish(first, LetterStatus.SENT, None, LONG_AGO)
            assert not await unit.mail.finish(letter, LetterStatus.SENT, None, LONG_AGO)
            assert not await unit.mail.put_back(first, None, LONG_AGO)
            assert await unit.mail.finish(second, LetterStatus.SENT, None, LONG_AGO)
            assert await claimed(unit, letter, 30) is None
            await unit.mail.forget_finished(LONG_AGO + MINUTE)

    async def test_a_letter_that_failed_comes_again_later(self, units: Units) -> None:
        letter = a_letter()
        async with units(Scope()) as unit:
            await unit.mail.add(letter)
            first = await claimed(unit, letter, 0)
            assert first is not None
            assert await unit.mail.put_back(first, "TimeoutError", LONG_AGO + 10 * MINUTE)
            assert await claimed(unit, letter, 9) is None
            again = await claimed(unit, letter, 10)
            assert again is not None
            assert again.attempts == 1
            assert await unit.mail.finish(again, LetterStatus.GIVEN_UP, "TimeoutError", LONG_AGO)
            await unit.mail.forget_finished(LONG_AGO + MINUTE)
