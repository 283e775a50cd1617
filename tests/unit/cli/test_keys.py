"""`dinsight keys`: what it writes, and when a certificate is made anew."""

import asyncio
import base64
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dinsight.certificates import VALID_FOR, make_certificates
from dinsight.cli import build
from dinsight.installation import SERVICES, Installation, signing_key_variable
from dinsight.keys.command import AUTHORITY, PUBLIC_KEYS, RENEWED_BEFORE, SERVER, make_server_certificate
from shared.events.signatures import EventVerifier, public_key
from tests.support.ports import reserve_port

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_it_writes_public_keys_and_certificates(tmp_path: Path) -> None:
    keys = {service: base64.b64encode(os.urandom(32)).decode() for service in SERVICES}
    variables = {signing_key_variable(service): key for service, key in keys.items()}
    app = build(lambda: Installation(variables))
    options = ["--public", str(tmp_path), "--broker", str(tmp_path), "--host", "kafka"]
    first = CliRunner().invoke(app, ["keys", *options])
    assert first.exit_code == 0, first.output
    written = (tmp_path / PUBLIC_KEYS).read_text(encoding="ascii").strip()
    assert written == ",".join(f"{service}:{public_key(key)}" for service, key in keys.items())
    EventVerifier(written)
    assert not any(key in written for key in keys.values())
    assert (tmp_path / SERVER).stat().st_mode & 0o777 == 0o640
    server = (tmp_path / SERVER).read_text(encoding="ascii")
    assert CliRunner().invoke(app, ["keys", *options]).exit_code == 0
    assert (tmp_path / SERVER).read_text(encoding="ascii") == server


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    app = build(lambda: Installation({}))
    options = ["--public", str(tmp_path), "--broker", str(tmp_path), "--host", "kafka"]
    refused = CliRunner().invoke(app, ["keys", *options])
    assert refused.exit_code == 1
    assert "DINSIGHT_AUTH_EVENT_SIGNING_KEY" in refused.output


def test_a_certificate_is_renewed_in_time_and_the_former_authority_stays_known(tmp_path: Path) -> None:
    authority, server = tmp_path / AUTHORITY, tmp_path / SERVER
    hosts = ["kafka"]
    assert make_server_certificate(authority, server, hosts, NOW)
    first = authority.read_text(encoding="ascii")
    late = NOW + VALID_FOR - RENEWED_BEFORE
    assert not make_server_certificate(authority, server, hosts, late - timedelta(days=1))
    assert make_server_certificate(authority, server, hosts, late)
    both = authority.read_text(encoding="ascii")
    assert both.endswith(first)
    assert both != first


async def shakes_hands(server: Path, authority: Path, name: str) -> bool:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(server)
    port = reserve_port()

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", port, ssl=context):
        try:
            trust = ssl.create_default_context(cafile=str(authority))
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname=name)
        except ssl.SSLError:
            return False
        writer.close()
        return True


@pytest.mark.parametrize(("name", "accepted"), [("kafka", True), ("127.0.0.1", True), ("other", False)])
async def test_clients_accept_the_certificate_for_its_names_alone(
    tmp_path: Path, name: str, accepted: bool
) -> None:
    made = make_certificates(["kafka", "127.0.0.1"])
    server, authority = tmp_path / SERVER, tmp_path / AUTHORITY
    server.write_text(made.server)
    authority.write_text(made.authority)
    assert await shakes_hands(server, authority, name) is accepted
    authority.write_text(make_certificates(["kafka"]).authority)
    assert await shakes_hands(server, authority, name) is False
