"""Errors of the gateway itself. Those of the services pass through unchanged."""

from typing import ClassVar

from shared.errors import (
    RETRY_AFTER_SECONDS,
    BadGateway,
    BadRequest,
    DInsightError,
    NotFound,
    PayloadTooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)


class UnknownPath(NotFound):
    def __init__(self, path: str) -> None:
        super().__init__(f"Nothing exists at {path}. GET /docs lists every operation.")


class ServiceDown(Unavailable):
    """The request did not reach the service, so it can be sent again safely."""

    code = "service-down"

    def __init__(self, service: str) -> None:
        super().__init__(
            f"The {service} service is not reachable at the moment. Nothing was done; try again shortly."
        )


class ResponseInterrupted(BadGateway):
    """The connection broke after the request was sent; whether it was processed is unknown."""

    code = "answer-broken"

    def __init__(self, service: str) -> None:
        super().__init__(
            f"The connection to the {service} service broke before it responded. Check whether your request"
            " was processed before you send it again, or send it again with the same Idempotency-Key."
        )


class ResponseTimeout(DInsightError):
    status: ClassVar[int] = 504
    title: ClassVar[str] = "Response timeout"
    code: ClassVar[str] = "answer-too-late"

    def __init__(self, service: str) -> None:
        super().__init__(
            f"The {service} service did not respond in time. Check whether your request was processed before"
            " you send it again, or send it again with the same Idempotency-Key."
        )


class BodyTooSlow(DInsightError):
    status: ClassVar[int] = 408
    title: ClassVar[str] = "Request too slow"
    code: ClassVar[str] = "request-too-slow"

    def __init__(self) -> None:
        super().__init__("The request body stopped, or arrived too slowly. Send it again.")


class BodyTooLarge(PayloadTooLarge):
    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The request body exceeds the maximum of {limit} bytes. Split it.",
            extra={"limit": limit},
        )


class RateLimited(TooManyRequests):
    def __init__(self, limit: str, retry_after: int) -> None:
        super().__init__(
            f"Too many requests within one minute (limit: {limit}). Try again in {retry_after} s.",
            headers={"Retry-After": str(retry_after)},
        )


class TooManyConnections(TooManyRequests):
    code: ClassVar[str] = "too-many-connections"

    def __init__(self, limit: str, connections: int) -> None:
        whose = "Your network has" if limit == "address" else "The server has"
        super().__init__(
            f"{whose} {connections} open connections, the maximum. Close some, or try again shortly.",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )


class TooManyStreams(TooManyRequests):
    code: ClassVar[str] = "too-many-streams"

    def __init__(self, limit: str, streams: int) -> None:
        whose = "You have" if limit == "caller" else "Your organization has"
        super().__init__(
            f"{whose} {streams} open event streams, the maximum. Close one first.",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )


class TwoCredentials(BadRequest):
    def __init__(self) -> None:
        super().__init__(
            "The request has an access token and an API key. Send either Authorization or X-API-Key."
        )


class ApiKeyRefused(Unauthenticated):
    def __init__(self) -> None:
        super().__init__(
            "The API key is not valid: it was mistyped, has expired or was deleted, or its user has left. Ask"
            " an administrator of the organization for a new one."
        )


class HeadersTooLarge(DInsightError):
    status: ClassVar[int] = 431
    title: ClassVar[str] = "Headers too large"
    code: ClassVar[str] = "headers-too-large"

    def __init__(self, max_headers: int, max_bytes: int) -> None:
        super().__init__(
            f"The headers exceed the maximum of {max_headers} headers or {max_bytes} bytes. Send fewer."
        )


class AddressTooLong(DInsightError):
    status: ClassVar[int] = 414
    title: ClassVar[str] = "Address too long"
    code: ClassVar[str] = "address-too-long"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The address exceeds the maximum of {max_bytes} bytes. Shorten the query.")
