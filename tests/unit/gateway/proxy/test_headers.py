"""Which headers pass the gateway."""

from typing import Any

import pytest

from services.gateway.proxy.headers import content_length, for_client, for_service, has_body


def test_hop_by_hop_headers_and_those_named_by_connection_are_dropped() -> None:
    passed = for_service(
        [(b"Connection", b"close, X-Hop"), (b"X-Hop", b"1"), (b"TE", b"trailers"), (b"Accept", b"a/b")],
        client_address="192.0.2.1",
        scheme="https",
        trace={"traceparent": "00-ours"},
    )
    assert dict(passed) == {
        "accept": "a/b",
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "https",
        "traceparent": "00-ours",
    }


def test_clients_cannot_set_the_gateways_headers() -> None:
    lies = [
        (b"Host", b"evil"),
        (b"Forwarded", b"for=evil"),
        (b"X-Forwarded-For", b"evil"),
        (b"x-forwarded-host", b"evil"),
        (b"X-Real-IP", b"evil"),
        (b"traceparent", b"evil"),
        (b"baggage", b"evil"),
    ]
    passed = for_service(lies, client_address=None, scheme="http", trace={})
    assert dict(passed) == {"X-Forwarded-Proto": "http"}


def test_cookies_pass_only_to_services_that_read_them() -> None:
    sent = [(b"Cookie", b"session_local_8000=tokens"), (b"X-DInsight-Client", b"forged")]
    options: dict[str, Any] = {"client_address": None, "scheme": "http", "trace": {}}
    assert "cookie" not in for_service(sent, **options)
    reading = for_service(sent, cookies=True, **options)
    assert reading["cookie"] == "session_local_8000=tokens"
    assert "x-dinsight-client" not in reading


def test_repeated_headers_are_kept() -> None:
    answer = for_client(
        [(b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2"), (b"Server", b"x"), (b"Date", b"y")],
        service_url="http://10.0.0.1:8002",
    )
    assert answer == [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]


def test_a_redirect_does_not_reveal_the_service() -> None:
    url = "http://10.0.0.1:8002"
    inside = for_client([(b"Location", b"http://10.0.0.1:8002/api/v1/machines")], service_url=url)
    outside = for_client([(b"Location", b"https://example.org/")], service_url=url)
    assert inside == [(b"location", b"/api/v1/machines")]
    assert outside == [(b"location", b"https://example.org/")]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], False),
        ([(b"content-length", b"0")], False),
        ([(b"content-length", b"12")], True),
        ([(b"Transfer-Encoding", b"chunked")], True),
    ],
)
def test_a_body_is_recognized_by_its_headers(headers: list[tuple[bytes, bytes]], expected: bool) -> None:
    assert has_body(headers) is expected


def test_the_declared_length() -> None:
    assert content_length([(b"Content-Length", b"12")]) == 12
    assert content_length([(b"transfer-encoding", b"chunked")]) is None
