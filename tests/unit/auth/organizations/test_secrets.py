"""Secrets in the settings of an organization: encrypted, kept, removed, never shown."""

import base64
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from services.auth.encrypted import COLUMNS
from services.auth.errors import TooManySecrets
from services.auth.organizations.domain import MAX_SECRETS
from services.auth.organizations.schemas import OrganizationCreate, OrganizationOut, OrganizationUpdate
from services.auth.organizations.secrets import SettingsEncryptor, secret_purpose
from shared.crypto import EncryptionError, Encryptor
from tests.unit.auth.database.examples import an_organization

OLD = "old:" + base64.b64encode(b"o" * 32).decode()
NEW = "new:" + base64.b64encode(b"n" * 32).decode()
SECRET = "hunter two"
ORGANIZATION = uuid4()


@pytest.fixture
def encryptor() -> Encryptor:
    return Encryptor(OLD)


def opened(encryptor: Encryptor, settings: dict[str, Any], name: str) -> str:
    return encryptor.decrypt(settings["secrets"][name], purpose=secret_purpose(ORGANIZATION, name))


def test_a_secret_is_encrypted_for_its_organization_only(encryptor: Encryptor) -> None:
    settings = SettingsEncryptor(encryptor).merged(ORGANIZATION, {}, {"a": 1, "secrets": {"smtp": SECRET}})
    assert settings["a"] == 1
    assert SECRET not in str(settings)
    assert opened(encryptor, settings, "smtp") == SECRET
    with pytest.raises(EncryptionError):
        encryptor.decrypt(settings["secrets"]["smtp"], purpose=secret_purpose(uuid4(), "smtp"))


def test_omitted_secrets_are_kept_and_null_removes_one(encryptor: Encryptor) -> None:
    settings_encryptor = SettingsEncryptor(encryptor)
    first = settings_encryptor.merged(
        ORGANIZATION, {}, {"a": 1, "secrets": {"smtp": SECRET, "cmms": "other"}}
    )
    second = settings_encryptor.merged(ORGANIZATION, first, {"b": 2})
    assert second == {"b": 2, "secrets": first["secrets"]}
    third = settings_encryptor.merged(ORGANIZATION, second, {"secrets": {"smtp": None, "unknown": None}})
    assert third == {"secrets": {"cmms": first["secrets"]["cmms"]}}
    assert settings_encryptor.merged(ORGANIZATION, third, {"secrets": {"cmms": None}}) == {}


def test_only_the_names_of_secrets_are_returned(encryptor: Encryptor) -> None:
    sent = {"a": 1, "secrets": {"smtp": SECRET, "cmms": "other"}}
    settings = SettingsEncryptor(encryptor).merged(ORGANIZATION, {}, sent)
    shown = OrganizationOut.of(replace(an_organization(), settings=settings))
    assert shown.settings == {"a": 1}
    assert shown.secret_names == ["cmms", "smtp"]
    assert "old." not in shown.model_dump_json()


@pytest.mark.parametrize(
    "secrets",
    [
        "all",
        [],
        {"": SECRET},
        {"A": SECRET},
        {"smtp": 7},
        {"smtp": ""},
        {"smtp": SECRET * 1000},
        {"smtp": {}},
    ],
    ids=lambda secrets: str(secrets)[:20],
)
def test_an_invalid_secret_is_refused_without_repeating_it(secrets: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        OrganizationUpdate.model_validate({"settings": {"secrets": secrets}})
    assert all(SECRET not in error["msg"] for error in refused.value.errors())


def test_an_organization_cannot_be_created_with_secrets() -> None:
    assert OrganizationCreate.model_validate({"name": "Plant", "settings": {"a": 1}}).settings == {"a": 1}
    with pytest.raises(ValidationError, match="secrets can only be set with PATCH"):
        OrganizationCreate.model_validate({"name": "Plant", "settings": {"secrets": {"smtp": SECRET}}})


def test_secrets_are_re_encrypted_with_the_current_key(encryptor: Encryptor) -> None:
    before = SettingsEncryptor(encryptor).merged(ORGANIZATION, {}, {"a": 1, "secrets": {"smtp": SECRET}})
    [settings] = [column for column in COLUMNS if column.table == "organizations"]
    after = settings.renew(ORGANIZATION, before, Encryptor(f"{NEW},{OLD}").renewed)
    assert opened(Encryptor(NEW), after, "smtp") == SECRET
    assert settings.renew(ORGANIZATION, after, Encryptor(f"{NEW},{OLD}").renewed) == after
    for without in (None, {}, {"a": 1}):
        assert settings.renew(ORGANIZATION, without, encryptor.renewed) == without


def test_the_number_of_secrets_is_bounded_over_all_changes(encryptor: Encryptor) -> None:
    """Not per request, because the whole row is read with every request."""
    settings_encryptor = SettingsEncryptor(encryptor)
    full = settings_encryptor.merged(
        ORGANIZATION, {}, {"secrets": {f"s{n}": "x" for n in range(MAX_SECRETS)}}
    )
    with pytest.raises(TooManySecrets):
        settings_encryptor.merged(ORGANIZATION, full, {"secrets": {"another": "x"}})
    swapped = settings_encryptor.merged(ORGANIZATION, full, {"secrets": {"another": "x", "s0": None}})
    assert len(swapped["secrets"]) == MAX_SECRETS
