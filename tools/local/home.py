"""Where `dinsight restore` puts the database of the local environment."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from json import dumps
from pathlib import Path

from tools.local import lifecycle
from tools.local.connect import stopped_environment
from tools.local.errors import LocalError
from tools.local.layout import Layout, write_private
from tools.local.secrets import LocalSecrets, load_secrets
from tools.local.state import load_state


class LocalHome:
    """Nothing is deleted: what is replaced lies beside what replaces it."""

    def __init__(self, layout: Layout, environ: Mapping[str, str]) -> None:
        self._layout = layout
        self._environ = environ
        self._mark = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"

    def make_room(self, *, replace: bool) -> None:
        layout = self._layout
        state = load_state(layout.state_file)
        if state is not None and state.supervised() and not replace:
            raise LocalError(
                "DInsight is running here. Stop it with `make down`; or let `--replace` stop it and move its"
                " data aside; or restore beside it with `--into FOLDER`."
            )
        there = layout.postgres.exists() or any(layout.storage.iterdir())
        if there and not replace:
            raise LocalError(
                f"There is data in {layout.state_dir}. `--replace` moves it aside; `--into FOLDER` restores"
                " beside it."
            )
        lifecycle.shut_down(layout, lifecycle.Silence())
        if layout.postgres.exists():
            home = layout.postgres.resolve()
            home.rename(home.with_name(f"{home.name}.replaced-{self._mark}"))
        layout.postgres.unlink(missing_ok=True)
        if there:
            layout.storage.rename(layout.storage.with_name(f"storage.replaced-{self._mark}"))
        # WAL of the database that was replaced: shipped, or lost with it.
        shutil.rmtree(layout.spool, ignore_errors=True)
        layout.create()

    def fill(self, make: Callable[[Path], None]) -> Path:
        postgres = stopped_environment(self._layout, self._environ).postgres()
        if postgres is None:
            raise LocalError(
                "The database runs on a server of yours (DINSIGHT_DATABASE_URL). Restore into a folder there,"
                " with `--data FOLDER`."
            )
        postgres.fill(make)
        return postgres.data.resolve()

    def keep_secrets(self, variables: Mapping[str, str]) -> None:
        path = self._layout.secrets_file
        restored = LocalSecrets.from_variables(variables)
        if (known := load_secrets(path)) == restored:
            return
        if known is not None:
            path.rename(path.with_name(f"{path.name}.replaced-{self._mark}"))
        write_private(path, dumps(asdict(restored), indent=2) + "\n")
