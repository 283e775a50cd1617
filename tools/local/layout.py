"""The files of the local environment, all in one folder, `.local/` by default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "DINSIGHT_HOME"
STATE_DIR_VARIABLE = "DINSIGHT_STATE_DIR"


def project_root(environ: Mapping[str, str]) -> Path:
    """Return the checkout: DINSIGHT_HOME, or the folder that this package was installed from (editable)."""
    if named := environ.get(HOME_VARIABLE):
        return Path(named).resolve()
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


@dataclass(frozen=True)
class Layout:
    """The folders and files of one local environment."""

    root: Path
    state_dir: Path

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Layout:
        root = project_root(environ)
        named = environ.get(STATE_DIR_VARIABLE)
        return cls(root=root, state_dir=Path(named).resolve() if named else root / ".local")

    @property
    def logs(self) -> Path:
        return self.state_dir / "logs"

    @property
    def storage(self) -> Path:
        return self.state_dir / "storage"

    @property
    def mail(self) -> Path:
        """Outgoing mail, where no mail server is configured."""
        return self.state_dir / "mail"

    @property
    def backups(self) -> Path:
        """The repository of backups, until it is put elsewhere."""
        return self.state_dir / "backups"

    @property
    def spool(self) -> Path:
        """WAL on its way to the repository."""
        return self.state_dir / "spool"

    @property
    def postgres(self) -> Path:
        """The database cluster; a link when the database's user cannot enter this folder."""
        return self.state_dir / "postgres"

    @property
    def kafka(self) -> Path:
        return self.state_dir / "kafka"

    @property
    def secrets_file(self) -> Path:
        return self.state_dir / "secrets.json"

    @property
    def ports_file(self) -> Path:
        return self.state_dir / "ports.json"

    @property
    def state_file(self) -> Path:
        return self.state_dir / "state.json"

    @property
    def lock_file(self) -> Path:
        return self.state_dir / "supervisor.lock"

    @property
    def starting_file(self) -> Path:
        """The file that a running `up` holds a lock on."""
        return self.state_dir / "up.lock"

    def log_file(self, program: str) -> Path:
        return self.logs / f"{program}.log"

    def create(self) -> None:
        """Create the folders. Only the owner may read uploads, WAL, and mail, which contains links."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(exist_ok=True)
        self.storage.mkdir(mode=0o700, exist_ok=True)
        self.mail.mkdir(mode=0o700, exist_ok=True)
        self.spool.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically. Only its owner can read it at any time."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(scratch, path)
