"""Renamed settings are read under their former names, too."""

import pytest

from services.analysis.settings import Settings

URL = "postgresql://nobody@127.0.0.1:1/none"


@pytest.mark.parametrize(
    ("upload", "files"),
    [
        ("DINSIGHT_ANALYSIS_MAX_UPLOAD_BYTES", "DINSIGHT_ANALYSIS_MAX_FILES"),
        ("DINSIGHT_ANALYSIS_LARGEST_UPLOAD_BYTES", "DINSIGHT_ANALYSIS_MOST_FILES"),
    ],
)
def test_limits_are_read_under_both_names(upload: str, files: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINSIGHT_ANALYSIS_DATABASE_URL", URL)
    monkeypatch.setenv(upload, "1000")
    monkeypatch.setenv(files, "7")
    settings = Settings()
    assert (settings.max_upload_bytes, settings.max_files) == (1000, 7)


def test_the_current_name_takes_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINSIGHT_ANALYSIS_DATABASE_URL", URL)
    monkeypatch.setenv("DINSIGHT_ANALYSIS_MOST_FILES", "7")
    monkeypatch.setenv("DINSIGHT_ANALYSIS_MAX_FILES", "8")
    assert Settings().max_files == 8
