"""Says at once what failed and why: an interrupted run has not been for nothing. A plugin of pytest."""

import os

import pytest

# The end of a traceback says what happened.
MAX_CHARACTERS = 3_000


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        print(
            f"\nfailed: {report.nodeid} ({report.when})\n{report.longreprtext[-MAX_CHARACTERS:]}", flush=True
        )
