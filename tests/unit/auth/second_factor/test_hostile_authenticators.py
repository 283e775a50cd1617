"""What calls itself an authenticator may send anything; it is a passkey, or refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor, parse_cbor

from services.auth.second_factor.errors import PasskeyRefused
from services.auth.sessions.methods import Method
from tests.unit.auth.accounts_setting import ORIGIN
from tests.unit.auth.second_factor.authenticator import Authenticator
from tests.unit.auth.second_factor.setting import SITE, Setting

FORMATS = ("packed", "tpm", "android-key", "android-safetynet", "apple", "fido-u2f", "compound", "", 7)
STATEMENTS: tuple[Any, ...] = (
    {},
    {"alg": -7, "sig": b""},
    {"alg": "x", "sig": 7},
    {"alg": -7, "sig": b"\x30\x06\x02\x01\x01\x02\x01\x01", "x5c": []},
    {"alg": -7, "sig": b"x", "x5c": [b"no certificate"]},
    {"alg": -65535, "sig": b"x", "x5c": [b"\x30\x82\xff"], "ver": "2.0", "certInfo": b"x", "pubArea": b"x"},
    {"ver": "14799021", "response": b"a.b.c"},
    {"ver": "14799021", "response": b"\xff"},
    [],
    None,
)
KEYS: tuple[Any, ...] = (
    {},
    {1: 2},
    {1: 3, 3: -257, -1: b"", -2: b""},
    {1: "x"},
    [],
    7,
    {1: 2, 3: -7, -1: 9, -2: 1, -3: 1},
    {1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)},
)


def attestations(genuine: bytes) -> Iterator[bytes]:
    """Damaged forms of a genuine attestation object."""
    parts = parse_cbor(genuine)
    data: bytes = parts["authData"]
    for fmt in FORMATS:
        for statement in STATEMENTS:
            yield encode_cbor({"fmt": fmt, "attStmt": statement, "authData": data})
    for length in (0, 1, 32, 36, 37, 53, 55, 60, len(data) - 1):
        yield encode_cbor({**parts, "authData": data[:length]})
    for key in KEYS:
        yield encode_cbor({**parts, "authData": data[:87] + encode_cbor(key)})
    yield encode_cbor({**parts, "authData": data + b"more"})
    yield encode_cbor({"fmt": "none", "attStmt": {}, "authData": "text"})
    yield encode_cbor([])
    yield b"\x9f" * 10_000
    yield b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff"
    yield b"\xd8\x1c" * 2_000
    yield b""


async def test_an_attestation_is_genuine_or_refused(setting: Setting) -> None:
    key, begun = (
        Authenticator(ORIGIN, SITE),
        await setting.second_factors.begin_passkey(setting.unit, setting.identity),
    )
    genuine = base64url_to_bytes(key.create(begun.options)["response"]["attestationObject"])
    for forged in attestations(genuine):
        begun = await setting.second_factors.begin_passkey(setting.unit, setting.identity)
        made = key.create(begun.options)
        made["response"]["attestationObject"] = bytes_to_base64url(forged)
        with pytest.raises(PasskeyRefused):
            await setting.second_factors.add_passkey(
                setting.unit, setting.identity, begun.challenge, "Key", made
            )
    assert setting.units.second_factors.passkeys == {}


async def test_a_signature_is_genuine_or_a_wrong_answer(setting: Setting) -> None:
    key, _ = await setting.with_passkey()
    junk = [b"", bytes(37), b"{}", b"[" * 5000, b'{"type": 7}', b"\xff" * 100]
    values: list[Any] = [*map(bytes_to_base64url, junk), None, 7, [], {}, "=", "\u00e9", "A" * 60_000]
    fields = ("authenticatorData", "clientDataJSON", "signature")
    forged = [{field: value} for field in fields for value in values]
    for change in forged:
        needed = await setting.asked()
        signed = key.get(needed.extra["passkey_options"])
        signed["response"] |= change
        answered = await setting.answer(needed, Method.PASSKEY, signed)
        assert getattr(answered, "status", None) == 401, change
