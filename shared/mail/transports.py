"""How messages leave the service: through a mail server, or into a folder."""

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

from shared.mail.domain import Delivery, Mail

SMTP_PORTS: Mapping[str, int] = {"smtp": 587, "smtps": 465}
# The first digit of permanent negative replies (RFC 5321, section 4.2.1).
PERMANENT = 5
STARTTLS: Mapping[str, bool] = {"true": True, "false": False}


class Transport(Protocol):
    async def send(self, mail: Mail) -> Delivery:
        """Try once. A failure is returned, not raised, and names neither the recipient nor the content."""
        ...


def transport_for(url: str, sender: str, timeout_seconds: float) -> Transport:
    """Raises ValueError for an invalid address; its message does not repeat the URL's password."""
    parts = urlsplit(url)
    if "@" not in parseaddr(sender)[1]:
        raise ValueError("the setting MAIL_SENDER must look like DInsight <dinsight@example.org>")
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        return FolderTransport(Path(unquote(parts.path)), sender)
    if parts.scheme in SMTP_PORTS and parts.hostname:
        return SmtpTransport(parts, sender, timeout_seconds)
    raise ValueError("the setting MAIL_URL must be smtp://host:port, smtps://host or file:///folder")


class FolderTransport:
    """Writes each message to a file, for a machine without a mail server; sent again, it replaces it."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, mail: Mail) -> Delivery:
        # People read the file as it is: quoted-printable or base64 would break links and their tokens.
        try:
            content = compose(self._sender, mail, encoding="8bit").as_bytes()
            await asyncio.to_thread(self._write, mail, content)
        except (OSError, ValueError) as error:
            return _failure(error)
        return Delivery(None)

    def _write(self, mail: Mail, content: bytes) -> None:
        """Only the owner may read the file: it contains one-time links."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{mail.created_at:%Y%m%dT%H%M%S}-{mail.kind}-{mail.id}.eml"
        scratch = path.with_suffix(".part")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        scratch.replace(path)


class SmtpTransport:
    """Opens a connection per message: there are few, and an idle connection may break unnoticed."""

    def __init__(self, parts: SplitResult, sender: str, timeout_seconds: float) -> None:
        self._host = parts.hostname
        self._port = parts.port or SMTP_PORTS[parts.scheme]
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._use_tls = parts.scheme == "smtps"
        self._start_tls = False if self._use_tls else self._starttls(parts)
        self._sender = sender
        self._timeout = timeout_seconds

    async def send(self, mail: Mail) -> Delivery:
        try:
            # aiosmtplib's timeout bounds each step, this one all of them.
            async with asyncio.timeout(self._timeout):
                await aiosmtplib.send(
                    compose(self._sender, mail),
                    sender=parseaddr(self._sender)[1],
                    recipients=[mail.recipient],
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
        return Delivery(None)

    def _starttls(self, parts: SplitResult) -> bool | None:
        """Required with a password unless the URL says otherwise; without one, used where offered (None)."""
        requested = parse_qs(parts.query).get("starttls", [""])[-1]
        return STARTTLS.get(requested, True if self._username else None)


def compose(sender: str, mail: Mail, *, encoding: str | None = None) -> EmailMessage:
    """The Message-ID is the same in every attempt, so that a receiver can drop duplicates.

    Without an `encoding` the text gets one that every server accepts.
    """
    ascii_only = mail.recipient.isascii()
    composed = EmailMessage(policy=SMTP if ascii_only else SMTPUTF8)
    name, address = parseaddr(sender)
    composed["From"] = Address(name, addr_spec=address)
    composed["To"] = mail.recipient
    composed["Subject"] = mail.subject
    composed["Date"] = format_datetime(mail.created_at)
    composed["Message-ID"] = f"<{mail.id}@{address.rpartition('@')[2]}>"
    # Out-of-office programs must not answer (RFC 3834).
    composed["Auto-Submitted"] = "auto-generated"
    for header, value in mail.headers.items():
        composed[header] = value
    composed.set_content(mail.text, cte=encoding)
    if mail.html is not None:
        composed.add_alternative(mail.html, subtype="html", cte=encoding)
    return composed


def _failure(error: Exception) -> Delivery:
    """Only the kind of error and the reply code are kept: the server's text may repeat the recipient."""
    code: int | None = None
    if isinstance(error, smtp.SMTPRecipientsRefused):
        code = error.recipients[0].code
    elif isinstance(error, smtp.SMTPResponseException):
        code = error.code
    # Wrong settings and server faults get fixed; a refused recipient or message stays refused.
    about_message = isinstance(
        error, smtp.SMTPRecipientsRefused | smtp.SMTPRecipientRefused | smtp.SMTPDataError
    )
    permanent = about_message and code is not None and code // 100 == PERMANENT
    return Delivery(type(error).__name__ + (f" {code}" if code else ""), permanent)
