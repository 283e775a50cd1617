"""One bounded run of Schemathesis against a running platform, in a process of its own."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
ROOT = Path(__file__).resolve().parents[2]
# Without chains of calls, which take the longest and find the least.
SHALLOW = ("--phases", "examples,coverage,fuzzing", "--generation-deterministic", "--no-shrink")


def fuzz(
    gateway_url: str,
    token: str,
    *,
    examples: int,
    options: Sequence[str],
    seconds: float,
    output: IO[str] | int | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run all checks on every operation, as the owner of an organization, and print the findings."""
    program = str(Path(sys.executable).with_name("st"))
    command = [
        *(program, "--config-file", str(CONFIGURATION), "--no-color", "run", f"{gateway_url}/openapi.json"),
        *("--header", f"Authorization: Bearer {token}", "--max-examples", str(examples)),
        # One: CPython 3.11 counts the depth of the syntax trees that hypothesis builds over all threads.
        *("--workers", "1", *options),
    ]
    return subprocess.run(
        command,
        cwd=ROOT,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
