"""Mail through a server and into a folder: what arrives, and which errors are permanent."""

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest

from shared.mail.domain import Delivery, Mail
from shared.mail.transports import transport_for
from tests.integration.auth.smtp_server import HOST, PASSWORD, USER, mail_server, self_signed

SENDER = "DInsight <dinsight@plant.example>"
LINK = f"http://127.0.0.1:8000/reset-password#token={'abc-' * 11}"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MESSAGE = Mail(
    uuid4(), "test", NOW, "ada@example.org", "DInsight: Grüße", f"Zum Öffnen des Kontos:\n\n{LINK}\n"
)
LOGIN = f"{USER}:{quote(PASSWORD, safe='')}@"


async def send(url: str, message: Mail = MESSAGE, *, seconds: float = 10) -> Delivery:
    return await transport_for(url, SENDER, seconds).send(message)


def parsed(content: bytes | str | None) -> EmailMessage:
    assert isinstance(content, bytes)
    return email.message_from_bytes(content, policy=email.policy.default)


async def test_a_message_is_transmitted_unchanged() -> None:
    async with mail_server() as server:
        assert await send(f"smtp://{HOST}:{server.port}") == Delivery(None)
    [envelope] = server.handler.received
    assert (envelope.mail_from, envelope.rcpt_tos) == ("dinsight@plant.example", ["ada@example.org"])
    message = parsed(envelope.content)
    assert (message["From"], message["To"]) == (SENDER, MESSAGE.recipient)
    assert message["Subject"] == MESSAGE.subject
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@plant.example>")
    assert message.get_content().replace("\r\n", "\n") == MESSAGE.text


async def test_internationalized_addresses_are_supported() -> None:
    async with mail_server() as server:
        await send(f"smtp://{HOST}:{server.port}", replace(MESSAGE, recipient="дизель@пример.рф"))
    assert [envelope.rcpt_tos for envelope in server.handler.received] == [["дизель@пример.рф"]]


@pytest.mark.parametrize(
    ("refusal", "permanent"), [("550 no such user ada@example.org", True), ("451 try again later", False)]
)
async def test_a_permanent_refusal_is_distinguished_from_a_temporary_one(
    refusal: str, permanent: bool
) -> None:
    async with mail_server() as server:
        server.handler.refusals[MESSAGE.recipient] = refusal
        delivery = await send(f"smtp://{HOST}:{server.port}")
    assert delivery.permanent is permanent
    assert refusal[:3] in (delivery.error or "")
    assert "ada" not in (delivery.error or ""), "the server's text about the recipient must not be logged"


async def test_an_unreachable_or_slow_server_is_a_temporary_error() -> None:
    async with mail_server() as server:
        port = server.port
    away = await send(f"smtp://{HOST}:{port}")
    assert away.error is not None
    assert not away.permanent
    async with mail_server() as server:
        slow = await send(f"smtp://{HOST}:{server.port}", seconds=0.000001)
    assert slow.error is not None
    assert not slow.permanent


async def test_a_password_is_not_sent_in_the_clear_unless_configured() -> None:
    async with mail_server() as server:
        refused = await send(f"smtp://{LOGIN}{HOST}:{server.port}")
        assert refused.error is not None
        assert not refused.permanent
        assert server.handler.logins == []
        assert await send(f"smtp://{LOGIN}{HOST}:{server.port}?starttls=false") == Delivery(None)
    assert server.handler.logins == [(USER.encode(), PASSWORD.encode())]


async def test_starttls_with_a_login_and_a_trusted_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, certificate = self_signed(tmp_path)
    async with mail_server(tls) as server:
        url = f"smtp://{LOGIN}{HOST}:{server.port}?starttls=true"
        untrusted = await send(url)
        assert untrusted.error is not None
        assert not untrusted.permanent
        assert (server.handler.logins, server.handler.received) == ([], [])
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert await send(url) == Delivery(None)
        wrong = await send(f"smtp://{USER}:wrong@{HOST}:{server.port}")
        assert wrong == Delivery("SMTPAuthenticationError 535"), "a wrong password can be fixed"
    [envelope] = server.handler.received
    assert envelope.rcpt_tos == [MESSAGE.recipient]


async def test_messages_in_a_folder_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "mail box"
    assert await send(folder.as_uri()) == Delivery(None)
    [path] = folder.iterdir()
    assert (path.suffix, path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (".eml", 0o600, 0o700)
    assert parsed(path.read_bytes())["To"] == MESSAGE.recipient
    assert f"\n{LINK}\n" in path.read_text(encoding="utf-8").replace("\r", ""), (
        "it can be copied from the file"
    )


async def test_a_folder_that_cannot_be_created_is_a_temporary_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    delivery = await send((tmp_path / "file" / "mail").as_uri())
    assert delivery.error is not None
    assert not delivery.permanent


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("http://user:hush@host", SENDER),
        ("smtp://", SENDER),
        ("file://host/folder", SENDER),
        ("mail.example:587", SENDER),
        ("smtp://user:hush@host", "nobody"),
    ],
)
def test_an_invalid_url_is_reported_without_its_password(url: str, sender: str) -> None:
    with pytest.raises(ValueError, match="MAIL_") as refused:
        transport_for(url, sender, 10)
    assert "hush" not in str(refused.value)
