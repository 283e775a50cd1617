"""Lists in one environment variable."""

import pytest

from services.gateway.settings import Settings
from shared.settings import InstallationSettings


def test_origins_and_proxies_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINSIGHT_ALLOWED_ORIGINS", "https://a.example, https://b.example,")
    monkeypatch.setenv("DINSIGHT_GATEWAY_TRUSTED_PROXIES", "10.0.0.0/8")
    assert InstallationSettings().allowed_origins == ("https://a.example", "https://b.example")
    assert Settings().trusted_proxies == ("10.0.0.0/8",)


def test_none_by_default() -> None:
    assert Settings().trusted_proxies == ()
