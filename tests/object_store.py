"""Runs the tests of the object store on that of docker-compose.yml, in its version, built from the source.

Usage: `python -m tests.object_store` (or `make test-objects`), with Go and curl. Nothing is left running.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.support.ports import reserve_port
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[1]
ENDPOINT_VARIABLE = "DINSIGHT_TEST_OBJECTS"
REGION = "us-east-1"
BUCKET = "dinsight"
ADMINISTRATOR = ("administrator", "secret-of-the-administrator")
MODULE = "github.com/versity/versitygw/cmd/versitygw"
TESTS = ("tests/integration/stack/test_object_rights.py", "tests/integration/backup/test_s3.py")


def version() -> str:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    found = re.search(r"image: versity/versitygw:(v[\d.]+)", text)
    assert found is not None
    return found[1]


def build(folder: Path) -> Path:
    """The program, compiled. Go keeps what it has fetched and compiled for the next time."""
    missing = [name for name in ("go", "curl") if shutil.which(name) is None]
    if missing:
        sys.exit(f"error: {' and '.join(missing)} needed: install Go 1.25 or newer, and curl")
    env = {**os.environ, "GOBIN": str(folder)}
    subprocess.run(["go", "install", f"{MODULE}@{version()}"], env=env, check=True)
    return folder / "versitygw"


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a store with an empty bucket."""
    program = build(folder)
    objects, logins = folder / "objects", folder / "logins"
    (objects / BUCKET).mkdir(parents=True)
    logins.mkdir()
    port = reserve_port()
    access, secret = ADMINISTRATOR
    env = {
        **os.environ,
        "ROOT_ACCESS_KEY": access,
        "ROOT_SECRET_KEY": secret,
        "VGW_PORT": f"127.0.0.1:{port}",
        "VGW_HEALTH": "/health",
        "VGW_REGION": REGION,
        "VGW_IAM_DIR": str(logins),
        "VGW_IAM_CACHE_DISABLE": "true",
    }
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([program, "posix", objects], env=env, stdout=subprocess.DEVNULL) as server:
        try:
            asyncio.run(eventually(lambda: _answers(url), what="an answer of the object store"))
            yield url
        finally:
            server.terminate()


async def _answers(url: str) -> bool:
    try:
        async with httpx2.AsyncClient() as client:
            return (await client.get(f"{url}/health")).status_code == 200
    except httpx2.HTTPError:
        return False


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="dinsight-objects-") as name, serving(Path(name)) as url:
        access, secret = ADMINISTRATOR
        env = {
            **os.environ,
            ENDPOINT_VARIABLE: url,
            "DINSIGHT_TEST_S3_URL": f"s3://{BUCKET}",
            "DINSIGHT_BACKUP_AWS_ENDPOINT": url,
            "DINSIGHT_BACKUP_AWS_REGION": REGION,
            "DINSIGHT_BACKUP_AWS_ACCESS_KEY_ID": access,
            "DINSIGHT_BACKUP_AWS_SECRET_ACCESS_KEY": secret,
            "DINSIGHT_BACKUP_AWS_ALLOW_HTTP": "true",
        }
        return subprocess.run([sys.executable, "-m", "pytest", *TESTS], env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
