"""A mail server in memory."""

from dataclasses import dataclass, field

from services.auth.mail.domain import Letter, QueuedLetter, Sending


@dataclass
class FakeMailer:
    """Answers what it is told to, in order; then it sends."""

    answers: list[Sending] = field(default_factory=list)
    sent: list[Letter] = field(default_factory=list)

    async def send(self, queued: QueuedLetter, letter: Letter) -> Sending:
        answer = self.answers.pop(0) if self.answers else Sending(None)
        if answer.error is None:
            self.sent.append(letter)
        return answer
