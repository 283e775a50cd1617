"""The object store of docker-compose.yml: who may do what there, and that the platform needs no more.

`make test-objects` starts the store, and names its address and its administrator.
"""

import asyncio
import hashlib
import os
import re
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import obstore
import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

from services.analysis.objects.store import Storage
from tests.object_store import ADMINISTRATOR, BUCKET, ENDPOINT_VARIABLE, REGION

ENDPOINT = os.environ.get(ENDPOINT_VARIABLE, "")
pytestmark = pytest.mark.skipif(not ENDPOINT, reason="runs under `make test-objects`")
DEPLOY = Path(__file__).parents[3] / "deploy" / "objects"
FOLDERS = ("uploads", "models", "archives", "exports")
# What each login may read, write and delete; everything else is refused.
READS = {"analysis": FOLDERS[:3], "maintenance": FOLDERS[1:], "backup": FOLDERS}
WRITES = {"analysis": FOLDERS[:3], "maintenance": ("archives", "exports"), "backup": ()}
DELETES = {"analysis": FOLDERS[:3], "maintenance": ("archives",), "backup": ()}
# More than one part, so that it goes up in several.
LARGE = os.urandom(11 * 2**20)


def give_rights(secrets: dict[str, str]) -> None:
    names = {f"{login.upper()}_SECRET_KEY": secret for login, secret in secrets.items()}
    access, secret = ADMINISTRATOR
    env = {
        "PATH": os.environ["PATH"],
        "ENDPOINT": ENDPOINT,
        "REGION": REGION,
        "BUCKET": BUCKET,
        "POLICY": str(DEPLOY / "policy.json"),
        "ROOT_ACCESS_KEY": access,
        "ROOT_SECRET_KEY": secret,
        **names,
    }
    subprocess.run(["/bin/sh", str(DEPLOY / "rights.sh")], env=env, check=True, timeout=60)


def store(login: str, secret: str) -> S3Store:
    return S3Store(
        BUCKET,
        endpoint=ENDPOINT,
        region=REGION,
        access_key_id=login,
        secret_access_key=secret,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


@pytest.fixture(scope="module")
def secrets() -> dict[str, str]:
    made = {login: uuid4().hex for login in READS}
    give_rights(made)
    return made


@pytest.fixture
def there(secrets: dict[str, str]) -> dict[str, str]:
    """An object in each folder, which the administrator has put there."""
    keys = {folder: f"{folder}/{uuid4()}/part" for folder in FOLDERS}
    for key in keys.values():
        obstore.put(store(*ADMINISTRATOR), key, b"content")
    return keys


def allowed(attempt: Callable[..., object], *arguments: object) -> bool:
    """Whether the store does it. Of what it refuses in a list, the error is a general one with its text."""
    try:
        attempt(*arguments)
    except BaseError as error:
        if re.search("AccessDenied|SignatureDoesNotMatch", str(error)):
            return False
        raise
    return True


def names(own: S3Store, folder: str) -> list[str]:
    return [item["path"] for batch in obstore.list(own, folder) for item in batch]


@pytest.mark.parametrize("login", READS)
def test_each_login_may_do_what_its_programs_do_and_no_more(
    login: str, secrets: dict[str, str], there: dict[str, str]
) -> None:
    own = store(login, secrets[login])
    read = [folder for folder, key in there.items() if allowed(obstore.get, own, key)]
    written = [folder for folder in FOLDERS if allowed(obstore.put, own, f"{folder}/{uuid4()}", b"new")]
    overwritten = [folder for folder, key in there.items() if allowed(obstore.put, own, key, b"other")]
    deleted = [folder for folder, key in there.items() if allowed(obstore.delete, own, key)]
    assert tuple(read) == READS[login]
    assert tuple(written) == tuple(overwritten) == WRITES[login]
    assert tuple(deleted) == DELETES[login]
    left = [folder for folder, key in there.items() if key in names(own, folder)]
    assert left == [folder for folder in FOLDERS if folder not in deleted]


@pytest.mark.parametrize("login", READS)
def test_no_login_may_change_its_rights(login: str, secrets: dict[str, str]) -> None:
    for method, path in (
        ("PUT", f"{BUCKET}?policy="),
        ("DELETE", f"{BUCKET}?policy="),
        ("PATCH", "create-user"),
    ):
        assert signed(login, secrets[login], method, f"{ENDPOINT}/{path}", "{}") == 403, path


def test_a_renewed_secret_replaces_the_former_one(secrets: dict[str, str]) -> None:
    former = dict(secrets)
    secrets.update({login: uuid4().hex for login in secrets})
    give_rights(secrets)
    for login, secret in secrets.items():
        assert allowed(names, store(login, secret), "models")
        assert not allowed(names, store(login, former[login]), "models")


def test_nobody_without_a_login_gets_in(there: dict[str, str]) -> None:
    for key in there.values():
        assert signed("", "", "GET", f"{ENDPOINT}/{BUCKET}/{key}") == 403


async def test_the_store_of_analysis_works_with_its_login(secrets: dict[str, str]) -> None:
    storage = Storage(store("analysis", secrets["analysis"]))
    folder = f"uploads/{uuid4()}"

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(LARGE), 2**20):
            yield LARGE[start : start + 2**20]

    async def broken() -> AsyncIterator[bytes]:
        yield LARGE
        raise ConnectionError("the client is gone")

    await storage.put_stream(f"{folder}/whole", chunks())
    with pytest.raises(ConnectionError):
        await storage.put_stream(f"{folder}/half", broken())
    assert await storage.measure(f"{folder}/") == (1, len(LARGE))
    with storage.open(f"{folder}/whole", lambda _: None) as stream:
        assert await asyncio.to_thread(stream.read) == LARGE
    await storage.delete([f"{folder}/whole", f"{folder}/never"])
    assert await storage.list(folder) == []


def signed(login: str, secret: str, method: str, url: str, body: str = "") -> int:
    """The status of a request that curl signs, or does not without a login."""
    command = [
        "curl",
        "--silent",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        "--request",
        method,
    ]
    if login:
        digest = hashlib.sha256(body.encode()).hexdigest()
        command += ["--user", f"{login}:{secret}", "--aws-sigv4", f"aws:amz:{REGION}:s3"]
        command += ["--header", f"X-Amz-Content-Sha256: {digest}", "--data-binary", body]
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)
