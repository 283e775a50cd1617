"""Which sign-ins the device tokens of responses speak of."""

import asyncpg
import pyotp

from services.auth.sign_in.devices import Devices
from shared.clock import SystemClock, time_ordered_id
from tests.integration.auth.conftest import PASSWORD, PEPPER, Person
from tests.support.installation import TestDatabase


async def verify(database: TestDatabase, person: Person) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute("UPDATE auth.users SET email_verified = true WHERE id = $1", person.id)
    finally:
        await connection.close()


async def test_only_a_second_factor_makes_a_device_known_for_codes(
    person: Person, database: TestDatabase
) -> None:
    devices = Devices(PEPPER, SystemClock(), time_ordered_id)
    by_password = person.tokens["device_token"]
    assert devices.known(person.email, by_password)
    assert not devices.known(person.email, by_password, factor=True)

    await verify(database, person)
    begun = await person.send("POST", "/users/me/totp")
    code = pyotp.TOTP(begun.json()["secret"]).now()
    confirmed = await person.send("POST", "/users/me/totp/confirmation", {"code": code})
    recovery_code = confirmed.json()["recovery_codes"][0]
    credentials = {"email": person.email, "password": PASSWORD}
    needed = (await person.api.post("/api/v1/auth/login", json=credentials)).json()
    answer = {"challenge": needed["challenge"], "recovery_code": recovery_code}
    signed_in = await person.api.post("/api/v1/auth/second-factor", json=answer)
    assert devices.known(person.email, signed_in.json()["device_token"], factor=True)
