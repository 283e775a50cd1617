"""Which headers pass the gateway, and with which values."""

from collections.abc import Iterable, Mapping

from multidict import CIMultiDict

RawHeaders = Iterable[tuple[bytes, bytes]]

# RFC 9110, 7.6.1: headers of one connection, not of the message.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# The gateway sets these for a service, whatever a client sends. `Expect` has been answered by then.
SET_FOR_SERVICE = frozenset(
    {
        b"host",
        b"expect",
        b"x-dinsight-client",
        b"forwarded",
        b"x-real-ip",
        b"traceparent",
        b"tracestate",
        b"baggage",
    }
)
FORWARDED = b"x-forwarded-"
# A service gets the access token that the key was exchanged for, and never the key.
API_KEY = b"x-api-key"
COOKIE = b"cookie"
# The gateway sets these for a client, if at all.
SET_FOR_CLIENT = frozenset({b"server", b"date", b"x-powered-by"})


def for_service(
    client_headers: RawHeaders,
    *,
    client_address: str | None,
    scheme: str,
    trace: Mapping[str, str],
    cookies: bool = False,
) -> CIMultiDict[str]:
    """The client's headers for a service, with the client's address and the trace context.

    The cookies of the page are a session: they pass only to the services that read `cookies`.
    """
    received = [(name.lower(), value) for name, value in client_headers]
    dropped = HOP_BY_HOP | SET_FOR_SERVICE | _named_by_connection(received) | {API_KEY}
    if not cookies:
        dropped |= {COOKIE}
    headers: CIMultiDict[str] = CIMultiDict(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in received
        if name not in dropped and not name.startswith(FORWARDED)
    )
    if client_address:
        headers["X-Forwarded-For"] = client_address
    headers["X-Forwarded-Proto"] = scheme
    headers.update(trace)
    return headers


def for_client(service_headers: RawHeaders, *, service_url: str) -> list[tuple[bytes, bytes]]:
    """A service's headers for the client. A redirect does not reveal the service's address."""
    received = [(name.lower(), value) for name, value in service_headers]
    named = _named_by_connection(received)
    origin = service_url.encode("latin-1")
    return [
        (name, value.removeprefix(origin) if name == b"location" else value)
        for name, value in received
        if name not in HOP_BY_HOP | SET_FOR_CLIENT | named
    ]


def content_length(client_headers: RawHeaders) -> int | None:
    """The declared length; None for a chunked body or none at all."""
    for name, value in client_headers:
        if name.lower() == b"content-length" and value.isdigit():
            return int(value)
    return None


def has_body(client_headers: RawHeaders) -> bool:
    """Whether a body follows, by RFC 9112, 6.3."""
    return any(
        name.lower() == b"transfer-encoding" or (name.lower() == b"content-length" and value.strip(b" 0"))
        for name, value in client_headers
    )


def _named_by_connection(headers: RawHeaders) -> frozenset[bytes]:
    return frozenset(
        token.strip().lower()
        for name, value in headers
        if name == b"connection"
        for token in value.split(b",")
    )
