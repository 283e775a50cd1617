"""Limits of retention: an organization's own ones within the installation's bounds."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from shared.retention import OwnRetention, RetentionSettings


def test_what_an_organization_does_not_choose_is_the_installations() -> None:
    limits = RetentionSettings(uploads_days=20).limits({"analyses_days": 90})
    assert limits.analyses == timedelta(days=90)
    assert limits.uploads == timedelta(days=20)
    assert limits.audit_logs == timedelta(days=730)
    assert not limits.export_audit_logs


@pytest.mark.parametrize(("chosen", "kept"), [(5, 30), (40, 40), (9999, 3650)])
def test_what_is_outside_todays_bounds_is_drawn_to_them(chosen: int, kept: int) -> None:
    assert RetentionSettings().limits({"analyses_days": chosen}).analyses == timedelta(days=kept)


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        ({"analyses_days": 29}, "/body/settings/retention/analyses_days"),
        ({"audit_logs_days": 4000}, "/body/settings/retention/audit_logs_days"),
        ({"alerts_days": "90"}, "/body/settings/retention/alerts_days"),
        ({"alerts_days": True}, "/body/settings/retention/alerts_days"),
        ({"export_audit_logs": "yes"}, "/body/settings/retention/export_audit_logs"),
        ({"everything_days": 90}, "/body/settings/retention/everything_days"),
        (90, "/body/settings/retention"),
    ],
)
def test_wrong_limits_are_named(sent: object, pointer: str) -> None:
    assert [error.pointer for error in RetentionSettings().errors(sent)] == [pointer]


def test_the_bounds_are_named() -> None:
    [error] = RetentionSettings(uploads_bounds=(7, 400)).errors({"uploads_days": 1})
    assert error.detail == "must be 7 to 400 days: the bounds of this installation"


def test_right_limits_and_none_are_accepted() -> None:
    sent = {"analyses_days": 30, "deliveries_days": None, "export_audit_logs": True}
    assert list(RetentionSettings().errors(sent)) == []


def test_bounds_are_read_from_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINSIGHT_RETENTION_ALERTS_BOUNDS", "10,1000")
    assert RetentionSettings().bounds("alerts_days") == (10, 1000)


@pytest.mark.parametrize("settings", [{"analyses_days": 20}, {"analyses_bounds": (400, 300)}])
def test_an_installation_keeps_to_its_own_bounds(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="analyses_days must lie within its bounds"):
        RetentionSettings(**settings)


@pytest.mark.parametrize("stored", [{"retention": "for ever"}, {"retention": None}, {}])
def test_settings_from_before_there_were_limits_mean_none(stored: dict[str, Any]) -> None:
    assert OwnRetention.of(stored) == OwnRetention()
