"""Ends a test run's servers when the run itself was killed: `python -m tests.leash`.

Reads lines from a pipe whose other end only the test run holds. When that end closes, in whatever way, the
processes named so far that still live are killed and the folders named so far are removed.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.local.processes import ProcessRef, send, session_members, wait_gone

_PATIENCE_S = 10.0


class Leash:
    """The test run's end of the pipe."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.leash"],
            stdin=subprocess.PIPE,
            text=True,
            # Its own session: Ctrl-C ends the test run, which then ends its servers in the usual way.
            start_new_session=True,
        )

    def hold(self, ref: ProcessRef) -> None:
        self._tell({"process": [ref.pid, ref.started]})

    def remove_in_the_end(self, folder: Path) -> None:
        self._tell({"folder": str(folder)})

    def _tell(self, message: dict[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(_PATIENCE_S * 2)


def main(lines: Iterable[str]) -> None:
    held: list[ProcessRef] = []
    folders: list[str] = []
    for line in lines:
        message = json.loads(line)
        if "process" in message:
            held.append(ProcessRef(*message["process"]))
        else:
            folders.append(message["folder"])
    helpers = [member for leader in held for member in session_members(leader)]
    for ref in [*held, *helpers]:
        send(ref, signal.SIGKILL)
    wait_gone(held, _PATIENCE_S)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.stdin)
