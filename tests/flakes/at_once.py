"""Says at once what failed and why: an interrupted run has not been for nothing. A plugin of pytest."""

import pytest

# The end of a traceback says what happened.
MAX_CHARACTERS = 3_000


class AtOnce:
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            said = report.longreprtext[-MAX_CHARACTERS:]
            print(f"\nfailed: {report.nodeid} ({report.when})\n{said}", flush=True)


def pytest_configure(config: pytest.Config) -> None:
    # Workers have it, too, and report to the process that says it.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(AtOnce())
