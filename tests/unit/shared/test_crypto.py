"""Secrets at rest: only the right key and purpose decrypt them, and keys can be rotated."""

import base64
import os

import pytest

from shared.crypto import EncryptionError, Encryptor


def a_key(name: str) -> str:
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def test_an_encrypted_value_is_decrypted() -> None:
    encryptor = Encryptor(a_key("one"))
    sealed = encryptor.encrypt("sesame ü", purpose="webhook")
    assert "sesame" not in sealed
    assert sealed.startswith("one.")
    assert encryptor.decrypt(sealed, purpose="webhook") == "sesame ü"
    assert encryptor.decrypt(encryptor.encrypt("", purpose="p"), purpose="p") == ""


def test_the_same_text_is_never_sealed_the_same_way() -> None:
    encryptor = Encryptor(a_key("one"))
    assert len({encryptor.encrypt("sesame", purpose="p") for _ in range(50)}) == 50


def test_keys_rotate() -> None:
    old, new = a_key("old"), a_key("new")
    sealed = Encryptor(old).encrypt("sesame", purpose="p")
    both = Encryptor(f"{new}, {old}")
    assert both.current_key_id == "new"
    assert both.decrypt(sealed, purpose="p") == "sesame"
    assert both.encrypt("sesame", purpose="p").startswith("new.")
    with pytest.raises(EncryptionError, match="no key with id 'old'"):
        Encryptor(new).decrypt(sealed, purpose="p")


def test_a_value_is_decrypted_for_its_purpose_only() -> None:
    encryptor = Encryptor(a_key("one"))
    sealed = encryptor.encrypt("sesame", purpose="webhook")
    with pytest.raises(EncryptionError, match="for this purpose"):
        encryptor.decrypt(sealed, purpose="signing key")


def test_another_key_under_the_same_id_does_not_decrypt_it() -> None:
    sealed = Encryptor(a_key("one")).encrypt("sesame", purpose="p")
    with pytest.raises(EncryptionError):
        Encryptor(a_key("one")).decrypt(sealed, purpose="p")


def test_a_key_id_cannot_be_exchanged() -> None:
    material = a_key("x").partition(":")[2]
    encryptor = Encryptor(f"one:{material},two:{material}")
    sealed = encryptor.encrypt("sesame", purpose="p")
    with pytest.raises(EncryptionError):
        encryptor.decrypt("two" + sealed.removeprefix("one"), purpose="p")


def test_every_changed_byte_is_noticed() -> None:
    encryptor = Encryptor(a_key("one"))
    raw = base64.b64decode(encryptor.encrypt("sesame", purpose="p").partition(".")[2])
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        with pytest.raises(EncryptionError) as refused:
            encryptor.decrypt(f"one.{base64.b64encode(changed).decode()}", purpose="p")
        assert "sesame" not in str(refused.value)


@pytest.mark.parametrize("value", ["", "one", "one.", "one.!!!", "one.AAAA", "sesame", ".AAAA"])
def test_a_value_that_is_not_sealed_is_refused(value: str) -> None:
    with pytest.raises(EncryptionError):
        Encryptor(a_key("one")).decrypt(value, purpose="p")


@pytest.mark.parametrize(
    "keys",
    [
        "",
        " , ",
        "one",
        "one:",
        "one:c2hvcnQ=",
        "one:not base64 at all!",
        f":{base64.b64encode(bytes(32)).decode()}",
        f"one:{base64.b64encode(bytes(31)).decode()}",
        f"one:{base64.b64encode(bytes(32)).decode()},two:short",
    ],
)
def test_bad_keys_are_refused_without_being_shown(keys: str) -> None:
    with pytest.raises(EncryptionError, match="DINSIGHT_ENCRYPTION_KEYS") as refused:
        Encryptor(keys)
    for part in filter(None, keys.split(",")):
        secret = part.partition(":")[2].strip()
        assert not secret or secret not in str(refused.value)
