"""A mail transport in memory."""

from dataclasses import dataclass, field

from shared.mail.domain import Delivery, Mail


@dataclass
class FakeTransport:
    """Returns or raises the given answers in order; after that, sends everything."""

    answers: list[Delivery | Exception] = field(default_factory=list)
    sent: list[Mail] = field(default_factory=list)

    async def send(self, mail: Mail) -> Delivery:
        answer = self.answers.pop(0) if self.answers else Delivery(None)
        if isinstance(answer, Exception):
            raise answer
        if answer.error is None:
            self.sent.append(mail)
        return answer
