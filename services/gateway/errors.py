"""Errors of the gateway itself; those of the services pass through unchanged."""

from typing import ClassVar

from shared.errors import (
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
        super().__init__(f"There is nothing at {path}. GET /docs lists every operation.")


class ServiceDown(Unavailable):
    """The request did not reach the service, so it may be sent again."""

    code = "service-down"

    def __init__(self, service: str) -> None:
        super().__init__(
            f"The {service} service does not answer at the moment. Nothing was done; try again shortly."
        )


class AnswerBroken(BadGateway):
    """The connection broke after the request was sent; whether it was carried out is not known."""

    code = "answer-broken"

    def __init__(self, service: str) -> None:
        super().__init__(
            f"The {service} service broke off before it answered. Check whether your request was carried out"
            " before you send it again, or send it with the same Idempotency-Key."
        )


class AnswerTooLate(DInsightError):
    status: ClassVar[int] = 504
    title: ClassVar[str] = "Answer too late"
    code: ClassVar[str] = "answer-too-late"

    def __init__(self, service: str) -> None:
        super().__init__(
            f"The {service} service has not answered in time. Check whether your request was carried out"
            " before you send it again, or send it with the same Idempotency-Key."
        )


class BodyTooSlow(DInsightError):
    status: ClassVar[int] = 408
    title: ClassVar[str] = "Request too slow"
    code: ClassVar[str] = "request-too-slow"

    def __init__(self) -> None:
        super().__init__("The request's body stopped, or came too slowly. Send it again.")


class BodyTooLarge(PayloadTooLarge):
    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The request's body is larger than the {limit} bytes that are accepted here. Split it.",
            extra={"limit": limit},
        )


class TooOften(TooManyRequests):
    def __init__(self, limit: str, wait: int) -> None:
        super().__init__(
            f"Too many requests in a minute (limit: {limit}). Try again in {wait} s.",
            headers={"Retry-After": str(wait)},
        )


class TwoCredentials(BadRequest):
    def __init__(self) -> None:
        super().__init__(
            "The request has an access token and an API key. Send Authorization or X-API-Key, not both."
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
            f"A request may have at most {max_headers} headers, of {max_bytes} bytes in total. Send fewer."
        )


class AddressTooLong(DInsightError):
    status: ClassVar[int] = 414
    title: ClassVar[str] = "Address too long"
    code: ClassVar[str] = "address-too-long"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The address is longer than {max_bytes} bytes. Shorten the query.")
