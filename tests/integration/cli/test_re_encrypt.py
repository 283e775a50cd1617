"""Changing the encryption key: every stored secret moves, whatever table it lies in, and nothing is lost."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from dinsight.installation import SERVICES
from dinsight.provision.databases import provision
from dinsight.re_encrypt.columns import COLUMNS, Moved, move
from services.alerting.contact_points.sealing import purpose as contact_purpose
from services.alerting.rules.sealing import address_purpose
from services.alerting.rules.sealing import secret_purpose as webhook_purpose
from services.analysis.sources.sealing import purpose as source_purpose
from services.auth.feeds.service import PURPOSE as FEED
from services.auth.keys.service import KeyRing
from services.auth.mail.messages import PURPOSE as MAIL
from services.auth.organizations.secrets import secret_purpose as settings_purpose
from services.auth.second_factor.totp import purpose as totp_purpose
from services.machines.sealing import value_purpose
from shared.clock import SystemClock
from shared.crypto import EncryptionError, Encryptor
from shared.postgres.connection import Connection, Database, prepare_connection
from tests.integration.auth.units import units_of
from tests.support.installation import PASSWORD, TestDatabase

OLD = "old:" + base64.b64encode(b"o" * 32).decode()
NEW = "new:" + base64.b64encode(b"n" * 32).decode()
ORGANIZATIONS = 45
BATCH = 10
ADD_ORGANIZATION = "INSERT INTO auth.organizations (id, name, slug, settings) VALUES ($1, 'Plant', $2, $3)"
ADD_RULE = """
INSERT INTO alerting.alert_rules (id, organization_id, machine_id, name, condition, actions, severity,
                                  created_by)
VALUES ($1, $2, $3, 'Rule', '{}', $4, 'high', $5)
"""
ADD_FEED = """
INSERT INTO auth.feeds (organization_id, created_by, created_at, sealed_password)
VALUES (gen_random_uuid(), gen_random_uuid(), now(), $1)
"""
ADD_TEMPLATE = """
INSERT INTO alerting.rule_templates (id, organization_id, name, selector, condition, actions, severity,
                                     is_active, created_by, created_at, updated_at, version)
VALUES ($1, gen_random_uuid(), 'Rule', '{}', '{}', $2, 'high', true, gen_random_uuid(), now(), now(), 1)
"""
ADD_CONTACT_POINT = """
INSERT INTO alerting.notification_resources (id, organization_id, kind, name, document, created_by,
                                             created_at, updated_at, version)
VALUES ($1, gen_random_uuid(), 'contact_point', 'plant', $2, gen_random_uuid(), now(), now(), 1)
"""
ADD_MESSAGE = """
INSERT INTO auth.mail (id, kind, sealed, expires_at, created_at)
VALUES ($1, 'test', $2, now(), now())
"""
ADD_APP = "INSERT INTO auth.totp_secrets (user_id, sealed, created_at) VALUES ($1, $2, now())"
ADD_MACHINE = """
INSERT INTO machines.machines (id, organization_id, name, sealed_metadata) VALUES ($1, $2, 'Rig', $3)
"""
ADD_SOURCE = """
INSERT INTO analysis.sources (id, organization_id, machine_id, name, is_active, place, sealed, pattern, every,
                              delay, take_changed, config, counts, created_by, created_at, updated_at)
VALUES ($1, gen_random_uuid(), gen_random_uuid(), 'Logger', true, '{}', $2, '*', '5 min', '1 min', false,
        '{}', '{}', gen_random_uuid(), now(), now())
"""
ADD_ANSWER = """
INSERT INTO {service}.idempotency_keys (user_id, key, fingerprint, sealed_body) VALUES ($1, 'key', 'f', $2)
"""
TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
# What stands in a row when it is written out: a key's id, a dot, and at least nonce and tag in base64.
SEALED_WITH_OLD = r"\mold\.[A-Za-z0-9+/]{38,}"


@pytest.fixture
async def admin(target: TestDatabase) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(target.admin_dsn)
    await prepare_connection(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def rules(admin: Connection, target: TestDatabase) -> list[UUID]:
    """Secrets of every kind under the old key; a machine and people need not be there for that."""
    encryptor = Encryptor(OLD)
    # A copied database has lost what its roles look at first.
    await provision(target.admin_dsn, dict.fromkeys(SERVICES, PASSWORD))
    await admin.execute("SET session_replication_role = replica")
    for number in range(ORGANIZATIONS):
        id_ = uuid4()
        sealed = encryptor.encrypt(f"secret {number}", purpose=settings_purpose(id_, "smtp"))
        settings = {"a": number, "secrets": {"smtp": sealed}} if number % 2 else {"a": number}
        await admin.execute(ADD_ORGANIZATION, id_, f"plant-{number}", settings)
    rules = [uuid4() for _ in range(3)]
    for id_ in rules:
        await admin.execute(ADD_RULE, id_, uuid4(), uuid4(), actions_of(id_, encryptor), uuid4())
    await admin.execute(ADD_FEED, encryptor.encrypt("password", purpose=FEED))
    template, point = uuid4(), uuid4()
    await admin.execute(ADD_TEMPLATE, template, actions_of(template, encryptor))
    sealed = encryptor.encrypt("https://example.org/hook", purpose=contact_purpose(point, "url"))
    await admin.execute(ADD_CONTACT_POINT, point, {"kind": "webhook", "sealed": {"url": sealed}})
    user = uuid4()
    await admin.execute(ADD_APP, user, encryptor.encrypt("secret", purpose=totp_purpose(user)))
    await admin.execute("SET session_replication_role = origin")
    machine = uuid4()
    sealed = encryptor.encrypt('"secret"', purpose=value_purpose(machine, "plc"))
    await admin.execute(ADD_MACHINE, machine, uuid4(), {"plc": sealed})
    source = uuid4()
    sealed = encryptor.encrypt('{"password": "secret"}', purpose=source_purpose(source))
    await admin.execute(ADD_SOURCE, source, sealed)
    for service in ("machines", "alerting"):
        user = uuid4()
        sealed = encryptor.encrypt("{}", purpose=f"idempotency_keys/{user}/key")
        await admin.execute(ADD_ANSWER.format(service=service), user, sealed)
    await admin.execute(ADD_MESSAGE, uuid4(), encryptor.encrypt("a message", purpose=MAIL))
    await admin.execute(ADD_MESSAGE, uuid4(), None)
    await signing_key(target, OLD)
    return rules


def actions_of(id_: UUID, encryptor: Encryptor) -> dict[str, Any]:
    """Of a rule or a template, with a webhook."""
    sealed = encryptor.encrypt("webhook", purpose=webhook_purpose(id_, "cmms"))
    address = encryptor.encrypt("https://example.org/hook", purpose=address_purpose(id_, "cmms"))
    hook = {"url": "https://example.org", "secret": sealed, "sealed_url": address}
    return {"version": 1, "webhooks": {"cmms": hook}}


async def signing_key(target: TestDatabase, keys: str) -> str:
    """The id of the key that signs, which is made or opened with these encryption keys."""
    async with Database(target.dsn("auth"), service="auth", pool_size=1) as database:
        units = units_of(database)
        lifetimes = {"key_lifetime": timedelta(days=30), "token_lifetime": timedelta(minutes=15)}
        return str((await KeyRing(units, SystemClock(), Encryptor(keys), **lifetimes).signing()).kid)


async def moved(connection: Connection, encryptor: Encryptor) -> dict[str, Moved]:
    encryptors = dict.fromkeys(SERVICES, encryptor)
    return {column.place: column async for column in move(connection, encryptors, BATCH)}


async def under_the_old_key(connection: Connection) -> set[str]:
    """Tables with something sealed by the old key, found in all tables that there are."""
    found = set()
    for row in await connection.fetch(TABLES, SERVICES):
        count = f"SELECT count(*) FROM {row[0]} AS row WHERE row::text ~ $1"
        if await connection.fetchval(count, SEALED_WITH_OLD):
            found.add(str(row[0]))
    return found


async def test_every_secret_is_re_encrypted_and_the_old_key_can_be_removed(
    admin: Connection, target: TestDatabase, rules: list[UUID]
) -> None:
    signed_with = await signing_key(target, f"{NEW},{OLD}")
    listed = {f"{service}.{column.table}" for service, columns in COLUMNS.items() for column in columns}
    assert await under_the_old_key(admin) == listed
    counts = await moved(admin, Encryptor(f"{NEW},{OLD}"))
    settings = counts["auth.organizations.settings"]
    assert (settings.rows, settings.renewed) == (ORGANIZATIONS, ORGANIZATIONS // 2)
    assert counts["alerting.alert_rules.actions"].renewed == len(rules)
    for place in ("alerting.rule_templates.actions", "alerting.notification_resources.document"):
        assert counts[place].renewed == 1
    assert counts["analysis.sources.sealed"].renewed == 1
    assert counts["auth.totp_secrets.sealed"].renewed == 1
    assert counts["auth.signing_keys.private_jwk"].renewed == 1
    assert not any(column.unreadable for column in counts.values())
    assert await under_the_old_key(admin) == set()

    assert await signing_key(target, NEW) == signed_with
    await readable(admin, Encryptor(NEW))
    again = await moved(admin, Encryptor(f"{NEW},{OLD}"))
    assert not any(column.renewed for column in again.values())


async def readable(connection: Connection, encryptor: Encryptor) -> None:
    rows = await connection.fetch("SELECT id, settings FROM auth.organizations WHERE settings ? 'secrets'")
    assert len(rows) == ORGANIZATIONS // 2
    for row in rows:
        sealed = row["settings"]["secrets"]["smtp"]
        secret = encryptor.decrypt(sealed, purpose=settings_purpose(row["id"], "smtp"))
        assert secret == f"secret {row['settings']['a']}"
    for row in await connection.fetch("SELECT id, actions FROM alerting.alert_rules"):
        sealed = row["actions"]["webhooks"]["cmms"]["secret"]
        assert encryptor.decrypt(sealed, purpose=webhook_purpose(row["id"], "cmms")) == "webhook"
        sealed = row["actions"]["webhooks"]["cmms"]["sealed_url"]
        address = encryptor.decrypt(sealed, purpose=address_purpose(row["id"], "cmms"))
        assert address == "https://example.org/hook"


class Dying(Encryptor):
    """Ends the command in the middle."""

    def __init__(self, keys: str, after: int) -> None:
        super().__init__(keys)
        self._left = after

    def renewed(self, value: str, *, purpose: str) -> str:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return super().renewed(value, purpose=purpose)


async def test_it_goes_on_where_it_was_ended(
    admin: Connection, target: TestDatabase, rules: list[UUID]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        await moved(admin, Dying(f"{NEW},{OLD}", after=BATCH + 3))
    # Whole batches are kept, the one that was broken off is as it was.
    done = await admin.fetchval(
        "SELECT count(*) FROM auth.organizations WHERE settings #>> '{secrets,smtp}' LIKE 'new.%'"
    )
    assert 0 < done < ORGANIZATIONS // 2
    counts = await moved(admin, Encryptor(f"{NEW},{OLD}"))
    assert counts["auth.organizations.settings"].renewed == ORGANIZATIONS // 2 - done
    assert await under_the_old_key(admin) == set()
    await readable(admin, Encryptor(NEW))


async def test_secrets_that_no_key_decrypts_are_reported_and_kept(
    admin: Connection, rules: list[UUID]
) -> None:
    with pytest.raises(EncryptionError):
        Encryptor(NEW).renewed(Encryptor(OLD).encrypt("x", purpose="p"), purpose="p")
    broken: dict[str, Any] = {"secrets": {"smtp": "lost." + base64.b64encode(b"x" * 40).decode()}}
    lost = uuid4()
    await admin.execute(ADD_ORGANIZATION, lost, "lost", broken)
    counts = await moved(admin, Encryptor(f"{NEW},{OLD}"))
    assert counts["auth.organizations.settings"].unreadable == [str(lost)]
    assert counts["auth.organizations.settings"].renewed == ORGANIZATIONS // 2
    kept = await admin.fetchval("SELECT settings FROM auth.organizations WHERE id = $1", lost)
    assert json.dumps(kept) == json.dumps(broken)
