"""Runs programs of other packages (initdb, java, mvn) to completion and captures their output."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from dinsight.servers.account import Account


def run_tool(
    command: Sequence[str],
    *,
    account: Account | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command given as a list of arguments. No shell is involved, so paths need no quoting."""
    return subprocess.run(  # noqa: S603
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )


def said_by(ended: subprocess.CompletedProcess[str], longest: int = 2000) -> str:
    """Return the end of a tool's output, which usually states the reason, for an error message."""
    return (ended.stdout + ended.stderr).strip()[-longest:]
