"""Reads the messages that the service wrote to a folder."""

import email
import email.policy
import re
from email.message import EmailMessage
from pathlib import Path

from pydantic import SecretStr

from tests.support.waiting import eventually

TOKEN = re.compile(r"#token=(\S+)")


class Mailbox:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def url(self) -> SecretStr:
        return SecretStr(self.folder.as_uri())

    def messages(self, recipient: str, kind: str) -> list[EmailMessage]:
        """The messages so far, oldest first."""
        found = []
        for path in sorted(self.folder.glob(f"*-{kind}-????????-*.eml")):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if message["To"] == recipient:
                found.append(message)
        return found

    async def text(self, recipient: str, kind: str, count: int = 1) -> str:
        """The text of message number `count` of that kind, once it is there, in one line."""

        async def there() -> list[EmailMessage]:
            found = self.messages(recipient, kind)
            return found if len(found) >= count else []

        found = await eventually(there, what=f"message {count} of kind {kind}")
        return " ".join(str(found[count - 1].get_content()).split())

    async def token(self, recipient: str, kind: str, count: int = 1) -> str:
        """The token in its link."""
        [token] = TOKEN.findall(await self.text(recipient, kind, count))
        return str(token)
