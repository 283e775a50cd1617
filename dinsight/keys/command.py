"""`dinsight keys`: the public keys of events, and the certificates of the broker. Safe to repeat."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from dinsight.installation import SERVICES, CommandError, Installation

# A certificate is renewed when less is left: an installation is restarted more often than this.
RENEWED_BEFORE = timedelta(days=120)
AUTHORITY, PUBLIC_KEYS, SERVER = "authority.pem", "event-keys", "server.pem"


def keys(
    context: typer.Context,
    public: Annotated[Path, typer.Option(help="The folder that every program may read.")],
    broker: Annotated[Path, typer.Option(help="The folder that only the broker may read.")],
    host: Annotated[list[str], typer.Option(help="A name or address of the broker; may be repeated.")],
) -> None:
    """Write the public keys that verify the services' events, and the certificates of the broker.

    Certificates are made if there are none, or if they expire soon. If any were made, restart the broker and
    all programs.
    """
    from shared.events.signatures import SignatureError, public_key

    installation: Installation = context.obj()
    try:
        known = {service: public_key(installation.signing_key(service)) for service in SERVICES}
    except SignatureError as error:
        raise CommandError(f"A signing key of a service is malformed: {error}") from error
    _write(public / PUBLIC_KEYS, ",".join(f"{service}:{key}" for service, key in known.items()) + "\n", 0o644)
    typer.echo(f"Wrote the public keys of {len(known)} services.")
    if make_server_certificate(public / AUTHORITY, broker / SERVER, host, datetime.now(UTC)):
        typer.echo(f"Made a certificate of the broker for {', '.join(host)}: restart it and all programs.")


def make_server_certificate(authority: Path, server: Path, hosts: list[str], now: datetime) -> bool:
    """Make both files unless they exist and stay valid for long enough. Return whether they were made.

    The former authority stays known, because the broker shows its former certificate until it is restarted.
    """
    from dinsight.certificates import expires, make_certificates

    present = authority.is_file() and server.is_file()
    if present and expires(authority.read_text(encoding="ascii")) - now > RENEWED_BEFORE:
        return False
    made = make_certificates(hosts, now)
    former = authority.read_text(encoding="ascii") if present else ""
    _write(authority, made.authority + former, 0o644)
    # The broker runs as another user of the same group.
    _write(server, made.server, 0o640)
    return True


def _write(path: Path, text: str, mode: int) -> None:
    """Replace the file atomically."""
    scratch = path.with_name(f".{path.name}")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    scratch.replace(path)
