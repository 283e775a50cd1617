"""Secrets in the settings of an organization are accepted, and leave the service nowhere."""

from uuid import UUID

import asyncpg

from shared.events.auth import AUDIT_RECORDED, ORGANIZATION_CHANGED
from tests.integration.auth.conftest import Person
from tests.support.installation import TestDatabase
from tests.support.records import reading

SECRET = "hunter-two-hunter-two"


async def test_a_secret_is_stored_encrypted_and_never_returned(
    person: Person, database: TestDatabase, bootstrap: str
) -> None:
    place = f"/organizations/{person.organization_id}"
    key = {"Idempotency-Key": "secret-of-the-organization"}
    body = {"settings": {"line": 4, "secrets": {"cmms": SECRET}}}
    changed = await person.api.patch(f"/api/v1{place}", json=body, headers=person.headers | key)
    assert changed.status_code == 200, changed.text
    assert changed.json()["settings"] == {"line": 4}
    assert changed.json()["secret_names"] == ["cmms"]
    shown = [changed.text, str(await person.get(place)), str(await person.get("/organizations"))]
    # Settings that were read and are written back lose no secret.
    again = await person.send("PATCH", place, {"settings": changed.json()["settings"]})
    assert again.json()["secret_names"] == ["cmms"]

    async with reading(bootstrap, ORGANIZATION_CHANGED, AUDIT_RECORDED) as reader:
        await reader.wait_for(ORGANIZATION_CHANGED, 3, organization_id=person.organization_id)
        # Founded, and changed twice.
        await reader.wait_for(AUDIT_RECORDED, 3, resource_id=person.organization_id)
        ours = str(person.organization_id).encode()
        about_it = [
            record for record in reader.records if any(ours in header for _, header in record.headers)
        ]
        assert len(about_it) >= 6
        shown += [str(record.value) for record in about_it]
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        settings = await stored(connection, person.organization_id)
        kept = await connection.fetchval(
            "SELECT count(*) FROM auth.idempotency_keys WHERE key = $1", *key.values()
        )
    finally:
        await connection.close()
    assert '"cmms": "test.' in settings
    assert [text for text in (*shown, settings) if SECRET in text] == []
    assert [text for text in shown if "test." in text] == []
    assert kept == 0

    gone = await person.send("PATCH", place, {"settings": {"secrets": {"cmms": None}}})
    assert (gone.json()["settings"], gone.json()["secret_names"]) == ({}, [])


async def stored(connection: "asyncpg.Connection[asyncpg.Record]", organization_id: UUID) -> str:
    return str(
        await connection.fetchval(
            "SELECT settings::text FROM auth.organizations WHERE id = $1", organization_id
        )
    )
