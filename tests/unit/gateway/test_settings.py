"""Lists in one environment variable, and settings that have a former name."""

import pytest

from services.gateway.settings import Settings
from shared.settings import InstallationSettings


def test_origins_and_proxies_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINSIGHT_ALLOWED_ORIGINS", "https://a.example, https://b.example,")
    monkeypatch.setenv("DINSIGHT_GATEWAY_TRUSTED_PROXIES", "10.0.0.0/8")
    assert InstallationSettings().allowed_origins == ("https://a.example", "https://b.example")
    assert Settings().trusted_proxies == ("10.0.0.0/8",)


def test_no_proxy_is_trusted_by_default() -> None:
    assert Settings().trusted_proxies == ()


@pytest.mark.parametrize(
    ("largest", "slowest"),
    [
        ("DINSIGHT_GATEWAY_MAX_UPLOAD_BYTES", "DINSIGHT_GATEWAY_MIN_UPLOAD_BYTES_PER_SECOND"),
        ("DINSIGHT_GATEWAY_LARGEST_UPLOAD_BYTES", "DINSIGHT_GATEWAY_SLOWEST_UPLOAD_BYTES_PER_SECOND"),
    ],
)
def test_limits_of_uploads_are_read_under_both_names(
    largest: str, slowest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(largest, "1000")
    monkeypatch.setenv(slowest, "7")
    settings = Settings()
    assert (settings.max_upload_bytes, settings.min_upload_bytes_per_second) == (1000, 7)
