"""The routing table."""

import pytest

from services.gateway.routing import Service, find, is_open

ID = "0197a2f4-5c1e-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/auth/login", Service.AUTH),
        ("/users/me/sessions/1", Service.AUTH),
        (f"/organizations/{ID}/members", Service.AUTH),
        ("/audit-logs", Service.AUTH),
        ("/machines", Service.MACHINES),
        (f"/machines/{ID}", Service.MACHINES),
        (f"/machines/{ID}/health", Service.ANALYSIS),
        (f"/machines/{ID}/deterioration", Service.ANALYSIS),
        (f"/machines/{ID}/other", Service.MACHINES),
        ("/configs/current", Service.ANALYSIS),
        ("/analyses", Service.ANALYSIS),
        (f"/file-uploads/{ID}/features", Service.ANALYSIS),
        (f"/anomalies/{ID}/acknowledge", Service.ANALYSIS),
        (f"/alert-rules/{ID}/backtest", Service.ALERTING),
        ("/alerts", Service.ALERTING),
    ],
)
def test_every_path_is_routed_to_its_service(path: str, service: Service) -> None:
    rule = find("/api/v1" + path)
    assert rule is not None
    assert rule.service is service


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", f"/o/{ID}/overview", "/assets/1/css/style.css", "/machines"]
)
def test_what_is_neither_api_nor_the_gateways_own_is_a_page(path: str) -> None:
    rule = find(path)
    assert rule is not None
    assert rule.service is Service.WEB


@pytest.mark.parametrize(
    "path", ["/docs/x", "/metrics/x", "/health/x", "/internal/x", "/openapi.json", "/asyncapi"]
)
def test_the_gateways_own_paths_are_no_pages(path: str) -> None:
    assert find(path) is None


@pytest.mark.parametrize(
    "path", ["//evil", "/o/../api/v1/machines", "/o/./x", "/o//x", "/o\\x", "/o/x\x00", "/o/"]
)
def test_an_ambiguous_path_is_no_page(path: str) -> None:
    assert find(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v2/machines",
        "/api/v1/machinesx",
        "/api/v1/metrics",
        "/api/v1/machines/",
        "/api/v1//machines",
        "/api/v1/machines/../auth/login",
        "/api/v1/auth/./login",
        "/api/v1/auth\\login",
        "/api/v1/auth/login\n",
    ],
)
def test_unknown_paths_are_not_routed(path: str) -> None:
    assert find(path) is None


def test_only_exact_paths_are_public() -> None:
    assert is_open("POST", "/api/v1/auth/login")
    assert is_open("HEAD", "/api/v1/auth/jwks.json")
    assert not is_open("GET", "/api/v1/auth/login")
    assert not is_open("POST", "/api/v1/auth/login/more")
    assert not is_open("POST", "/api/v1/users/me/password")


def test_only_upload_bodies_may_be_large() -> None:
    uploads = find("/api/v1/analyses")
    machines = find("/api/v1/machines")
    assert uploads is not None
    assert machines is not None
    assert uploads.max_body_bytes(10**10) == 10**10
    assert machines.max_body_bytes(10**10) == 1024 * 1024


@pytest.mark.parametrize(
    "path", ["/", "/sign-in", "/sign-out", "/account/profile", f"/o/{ID}/rules", "/o/data"]
)
def test_forms_of_pages_are_small_because_they_are_read_into_memory(path: str) -> None:
    rule = find(path)
    assert rule is not None
    assert rule.max_body_bytes(10**10) == 1024 * 1024


@pytest.mark.parametrize("path", ["data/analyses", "analyses/preview"])
def test_uploads_pass_through_the_page(path: str) -> None:
    rule = find(f"/o/{ID}/{path}")
    assert rule is not None
    assert (rule.service, rule.max_body_bytes(10**10)) == (Service.WEB, 10**10)
