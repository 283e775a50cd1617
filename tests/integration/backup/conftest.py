"""A machine with servers and the program `backup`, for all tests of backups."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drill.machine import Machine
from tests.leash import Leash


@pytest.fixture(scope="package")
def place() -> Iterator[Path]:
    """A folder that PostgreSQL's user can enter."""
    made = Path(tempfile.mkdtemp(prefix="dinsight-backup-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="package")
def leash(place: Path) -> Iterator[Leash]:
    made = Leash()
    made.remove_in_the_end(place)
    yield made
    made.close()


@pytest.fixture(scope="package")
def machine(place: Path, leash: Leash) -> Iterator[Machine]:
    """Up, with a backup."""
    made = Machine(place / "machine", place / "repository", leash, services=False)
    made.up()
    yield made
    if made.layout.state_dir.exists():
        made.down()
