"""A worker with a limit of memory: what needs more fails, and the process goes on."""

import subprocess
import sys

from tests.servers import ROOT

CODE = """
import numpy as np
from services.analysis.worker import bound_memory
before = int(open("/proc/self/status").read().split("VmData:")[1].split()[0]) * 1024
bound_memory(before + 200 * 2**20)
try:
    np.ones(2**29, dtype=np.uint8)
except MemoryError:
    print("refused")
print(np.ones(2**24, dtype=np.uint8).sum())
"""


def test_a_job_that_needs_more_than_the_limit_fails_alone() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["refused", str(2**24)]), done.stderr
