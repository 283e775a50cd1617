"""Where letters leave the service: through a mail server, or into a folder."""

import asyncio
import os
from collections.abc import Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import aiosmtplib
from aiosmtplib import errors as smtp

from services.auth.mail.domain import Letter, QueuedLetter, Sending

SMTP_PORTS: Mapping[str, int] = {"smtp": 587, "smtps": 465}
# The first digit of an answer that asking again does not change (RFC 5321, 4.2.1).
FINAL = 5
STARTTLS: Mapping[str, bool] = {"true": True, "false": False}


class Mailer(Protocol):
    async def send(self, queued: QueuedLetter, letter: Letter) -> Sending:
        """Try once. How it ended is told, not raised, and names neither address nor text."""
        ...


def mailer_for(url: str, sender: str, timeout_seconds: float) -> Mailer:
    """Raises ValueError for an address that is none; its message does not repeat the URL's password."""
    parts = urlsplit(url)
    if "@" not in parseaddr(sender)[1]:
        raise ValueError("DINSIGHT_AUTH_MAIL_SENDER must be like DInsight <dinsight@example.org>")
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        return FolderMailer(Path(unquote(parts.path)), sender)
    if parts.scheme in SMTP_PORTS and parts.hostname:
        return SmtpMailer(parts, sender, timeout_seconds)
    raise ValueError("DINSIGHT_AUTH_MAIL_URL must be smtp://host:port, smtps://host or file:///folder")


class FolderMailer:
    """For one machine without a mail server: people read the letters where they lie."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, queued: QueuedLetter, letter: Letter) -> Sending:
        # Read as it lies: an encoding for old servers would break links and change their tokens.
        try:
            content = compose(self._sender, queued, letter, encoding="8bit").as_bytes()
            await asyncio.to_thread(self._write, queued, content)
        except (OSError, ValueError) as error:
            return _failure(error)
        return Sending(None)

    def _write(self, queued: QueuedLetter, content: bytes) -> None:
        """Readable by its owner only: one-time links stand in it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{queued.created_at:%Y%m%dT%H%M%S}-{queued.kind}-{queued.id}.eml"
        scratch = path.with_suffix(".part")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        scratch.replace(path)


class SmtpMailer:
    """One connection a letter: letters are few, and a connection that is kept is one that breaks unseen."""

    def __init__(self, parts: SplitResult, sender: str, timeout_seconds: float) -> None:
        self._host = parts.hostname
        self._port = parts.port or SMTP_PORTS[parts.scheme]
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._use_tls = parts.scheme == "smtps"
        self._start_tls = False if self._use_tls else self._asked_for(parts)
        self._sender = sender
        self._timeout = timeout_seconds

    async def send(self, queued: QueuedLetter, letter: Letter) -> Sending:
        try:
            # A server that is slow at every step must not outlast the letter's lease.
            async with asyncio.timeout(self._timeout):
                await aiosmtplib.send(
                    compose(self._sender, queued, letter),
                    sender=parseaddr(self._sender)[1],
                    recipients=[letter.recipient],
                    hostname=self._host,
                    port=self._port,
                    username=self._username,
                    password=self._password,
                    use_tls=self._use_tls,
                    start_tls=self._start_tls,
                    timeout=self._timeout,
                )
        except (smtp.SMTPException, OSError, ValueError) as error:
            return _failure(error)
        return Sending(None)

    def _asked_for(self, parts: SplitResult) -> bool | None:
        """Without a word: a password travels encrypted or not at all, all else as the server can."""
        asked = parse_qs(parts.query).get("starttls", [""])[-1]
        return STARTTLS.get(asked, True if self._username else None)


def compose(
    sender: str, queued: QueuedLetter, letter: Letter, *, encoding: str | None = None
) -> EmailMessage:
    """The same letter has the same Message-ID in every attempt: a receiver may drop repeats.

    Without an `encoding` the text gets one that every server carries.
    """
    plain = letter.recipient.isascii()
    message = EmailMessage(policy=SMTP if plain else SMTPUTF8)
    name, address = parseaddr(sender)
    message["From"] = Address(name, addr_spec=address)
    message["To"] = letter.recipient
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(queued.created_at)
    message["Message-ID"] = f"<{queued.id}@{address.rpartition('@')[2]}>"
    # Out-of-office programs must not answer (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text, cte=encoding)
    return message


def _failure(error: Exception) -> Sending:
    """A server's own words may repeat the recipient, so only the kind of fault and the code are kept."""
    code: int | None = None
    if isinstance(error, smtp.SMTPRecipientsRefused):
        code = error.recipients[0].code
    elif isinstance(error, smtp.SMTPResponseException):
        code = error.code
    # What is wrong with our settings or the server gets mended; an address that is refused does not.
    about_them = isinstance(
        error, smtp.SMTPRecipientsRefused | smtp.SMTPRecipientRefused | smtp.SMTPDataError
    )
    final = about_them and code is not None and code // 100 == FINAL
    return Sending(type(error).__name__ + (f" {code}" if code else ""), final)
