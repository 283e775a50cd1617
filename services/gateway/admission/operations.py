"""Hides metrics and the details of readiness from everybody but supervisors and Prometheus."""

import json
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.errors import UnknownPath

METRICS, READY = "/metrics", "/health/ready"
# Any of these shows that a proxy forwards the request for somebody else.
FORWARDED = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via"})


class Operations:
    """ASGI middleware: outsiders get no metrics, and one word for readiness."""

    def __init__(self, app: ASGIApp, networks: Sequence[str]) -> None:
        self._app = app
        self._networks = [ip_network(network) for network in networks]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path not in (METRICS, READY) or self._inside(scope):
            return await self._app(scope, receive, send)
        if path == METRICS:
            raise UnknownPath(path)
        status, body = await self._asked(scope, receive)
        await JSONResponse({"status": json.loads(body)["status"]}, status)(scope, receive, send)

    async def _asked(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        status, body = 500, bytearray()

        async def take(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                body.extend(message.get("body", b""))

        await self._app(scope, receive, take)
        return status, bytes(body)

    def _inside(self, scope: Scope) -> bool:
        """Whether the client itself connects from a listed network: a proxy's address proves nothing."""
        if scope["client"] is None or any(name in FORWARDED for name, _ in scope["headers"]):
            return False
        try:
            address = ip_address(scope["client"][0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(_holds(network, address) for network in self._networks)


def _holds(network: IPv4Network | IPv6Network, address: object) -> bool:
    # False for an address of the other IP version.
    return address in network
