"""What every implementation of the repository of mail does."""

from services.auth.database.unit import Units
from services.auth.mail.domain import MailStatus
from shared.access import Scope
from tests.unit.auth.database.examples import MINUTE, NOW, a_message


class MailSuite:
    """Subclasses give the fixture `units`."""

    async def test_a_message_waits_until_it_is_finished(self, units: Units) -> None:
        message = a_message()
        async with units(Scope()) as unit:
            assert await unit.mail.waiting(message.id) is None
            await unit.mail.add(message)
            assert await unit.mail.waiting(message.id) == message
            await unit.mail.failed(message.id, "TimeoutError")
            assert await unit.mail.waiting(message.id) == message
            await unit.mail.finish(message.id, MailStatus.SENT, None, NOW)
            assert await unit.mail.waiting(message.id) is None

    async def test_only_finished_messages_are_deleted(self, units: Units) -> None:
        message = a_message()
        async with units(Scope()) as unit:
            await unit.mail.add(message)
            await unit.mail.delete_finished(NOW + MINUTE)
            assert await unit.mail.waiting(message.id) == message
            await unit.mail.finish(message.id, MailStatus.GIVEN_UP, "TimeoutError", NOW)
            await unit.mail.delete_finished(NOW + MINUTE)
            # Its id can be used again.
            await unit.mail.add(message)
