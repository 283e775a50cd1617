"""A way for messages to leave, in memory."""

from dataclasses import dataclass, field

from services.auth.mail.domain import Delivery, Message, StoredMessage


@dataclass
class FakeTransport:
    """Answers as it is told to, in order; then it sends. An exception among the answers is raised."""

    answers: list[Delivery | Exception] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)

    async def send(self, stored: StoredMessage, message: Message) -> Delivery:
        answer = self.answers.pop(0) if self.answers else Delivery(None)
        if isinstance(answer, Exception):
            raise answer
        if answer.error is None:
            self.sent.append(message)
        return answer
