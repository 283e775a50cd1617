"""`make flakes`: all tests several times in random order, while another process keeps one core busy.

Modules run in random order, and so do the tests within each: what a module shares is set up once.
Arguments that are not known here are pytest's.
"""

import argparse
import secrets
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.flakes.busy import busy_core
from tests.flakes.outcomes import failed_tests, report

FAILED = 1


def run(seed: int, arguments: Sequence[str]) -> set[str]:
    """One run; what failed in it."""
    with tempfile.TemporaryDirectory() as folder:
        junit = Path(folder) / "junit.xml"
        command = [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                "tests.flakes.at_once",
                f"--junitxml={junit}",
                "-o",
                "junit_family=xunit1",
            ),
            *("--random-order", f"--random-order-seed={seed}", f"--hypothesis-seed={seed}", *arguments),
        ]
        status = subprocess.run(command, check=False).returncode
        failed = failed_tests(junit) if junit.exists() else set()
    # pytest also ends with this status when it ends badly after the last test.
    explained = status == 0 or (status == FAILED and failed)
    return failed if explained else failed | {f"the run itself (status {status})"}


def main() -> int:
    reader = argparse.ArgumentParser(
        prog="python -m tests.flakes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    reader.add_argument("--runs", type=int, default=3)
    reader.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**6), help="of the first run; the others count on"
    )
    wanted, arguments = reader.parse_known_args()
    failures: dict[str, list[int]] = defaultdict(list)
    with busy_core():
        for seed in range(wanted.seed, wanted.seed + wanted.runs):
            print(f"Run {seed - wanted.seed + 1} of {wanted.runs}, seed {seed}", flush=True)
            for test in run(seed, arguments):
                failures[test].append(seed)
    print("\n".join(report(failures, wanted.runs)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
