"""`NAME_FILE`: a setting in a file."""

from pathlib import Path

import pytest
from obstore.store import S3Store

from dinsight.backup.repository import open_store
from dinsight.installation import CommandError, named_by_environment
from services.auth.settings import Settings as AuthSettings
from services.gateway.settings import Settings as GatewaySettings
from shared.secret_files import SecretFileError, store_credentials, with_files
from shared.settings import InstallationSettings
from tests.unit.deploy.programs import settings_classes, variables


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("from a file, long enough\n", encoding="utf-8")
    return path


def test_a_file_goes_before_the_variable(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINSIGHT_ENCRYPTION_KEYS", "from the environment")
    monkeypatch.setenv("DINSIGHT_ENCRYPTION_KEYS_FILE", str(secret))
    assert InstallationSettings().encryption_keys.get_secret_value() == "from a file, long enough"


def test_secrets_with_other_names_have_files_too(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DINSIGHT_AUTH_DATABASE_URL", "DINSIGHT_PASSWORD_PEPPER", "DINSIGHT_GATEWAY_CLIENT_KEY"):
        monkeypatch.setenv(f"{name}_FILE", str(secret))
    auth, gateway = AuthSettings(), GatewaySettings()
    found = (auth.database_url, auth.password_pepper, gateway.client_key)
    assert {value.get_secret_value() for value in found} == {"from a file, long enough"}


def test_every_settings_class_reads_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in settings_classes():
        for name in variables(settings):
            monkeypatch.setenv(f"{name}_FILE", "/nowhere")
        with pytest.raises(SecretFileError, match=r"/nowhere, which cannot be read"):
            settings()
        for name in variables(settings):
            monkeypatch.delenv(f"{name}_FILE")


def test_commands_read_files_and_say_which_they_cannot(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINSIGHT_AUTH_KAFKA_PASSWORD_FILE", str(secret))
    assert named_by_environment().broker_password("auth") == "from a file, long enough"
    monkeypatch.setenv("DINSIGHT_AUTH_KAFKA_PASSWORD_FILE", str(secret.with_name("other")))
    with pytest.raises(CommandError, match="DINSIGHT_AUTH_KAFKA_PASSWORD_FILE"):
        named_by_environment()


def test_credentials_of_the_object_store_have_files_too(secret: Path) -> None:
    environ = {"AWS_SECRET_ACCESS_KEY_FILE": str(secret), "AWS_ACCESS_KEY_ID": "read by the client itself"}
    assert store_credentials(environ) == {"aws_secret_access_key": "from a file, long enough"}
    files = {"DINSIGHT_BACKUP_AWS_ACCESS_KEY_ID_FILE": str(secret), "DINSIGHT_BACKUP_AWS_REGION": "here"}
    store = open_store("s3://bucket/backups", {**environ, **files})
    assert isinstance(store, S3Store)
    assert store.config is not None
    found = dict(store.config)
    assert found["access_key_id"] == found["secret_access_key"] == "from a file, long enough"
    assert found["region"] == "here"


def test_other_variables_stay_as_they_are(secret: Path) -> None:
    environ = {"A": "1", "OTHER_FILE": str(secret), "DINSIGHT_X_FILE": ""}
    assert with_files(environ, "DINSIGHT_") == environ
