"""The platform's address: from the caller, from variables, or of the running local environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dinsight.installation import KAFKA_BOOTSTRAP
from tools.demo.errors import DemoError
from tools.local.connect import running_environment
from tools.local.errors import LocalError
from tools.local.layout import Layout
from tools.local.settings import DEFAULT_GATEWAY_PORT, port_variable
from tools.local.state import load_state

GATEWAY_ADDRESS = "gateway"
TOKEN_VARIABLE = "DINSIGHT_DEMO_TOKEN"  # noqa: S105 - a variable's name
ORGANIZATION_VARIABLE = "DINSIGHT_DEMO_ORGANIZATION"


@dataclass(frozen=True)
class Place:
    """`kafka_bootstrap` is None if the broker's address is unknown."""

    gateway: str
    page: str
    kafka_bootstrap: str | None
    token: str | None
    organization_id: str | None


def find_place(environ: Mapping[str, str], gateway: str | None) -> Place:
    try:
        layout = Layout.from_environ(environ)
        address = (gateway or _gateway(environ, layout)).rstrip("/")
        return Place(
            gateway=address,
            # A browser's sessions and passkeys belong to a host by name.
            page=address.replace("//127.0.0.1:", "//localhost:"),
            kafka_bootstrap=environ.get(KAFKA_BOOTSTRAP) or _local_broker(environ, layout),
            token=environ.get(TOKEN_VARIABLE) or None,
            organization_id=environ.get(ORGANIZATION_VARIABLE) or None,
        )
    except LocalError as error:
        raise DemoError(str(error)) from error


def _gateway(environ: Mapping[str, str], layout: Layout) -> str:
    if port := environ.get(port_variable("gateway")):
        return f"http://127.0.0.1:{port}"
    state = load_state(layout.state_file)
    if state is not None and state.supervised() and GATEWAY_ADDRESS in state.addresses:
        return state.addresses[GATEWAY_ADDRESS]
    return f"http://127.0.0.1:{DEFAULT_GATEWAY_PORT}"


def _local_broker(environ: Mapping[str, str], layout: Layout) -> str | None:
    state = load_state(layout.state_file)
    if state is None or not state.supervised():
        return None
    return running_environment(layout, environ).kafka_bootstrap
