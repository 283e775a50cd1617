"""Fixtures of every test: the servers are started only when a test asks for them."""

import pytest
import structlog
from hypothesis import settings

pytest_plugins = ["tests.fixtures_servers"]

# By default tracebacks are drawn with all local variables: slow where faults are provoked by the hundred.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_configure(config: pytest.Config) -> None:
    """Generated data is the same in every run, and new in those that look for what fails only sometimes.

    How long an example takes says how busy the machine is.
    """
    shuffled = bool(config.getoption("random_order_enabled"))
    settings.register_profile("dinsight", deadline=None, derandomize=not shuffled)
    settings.load_profile("dinsight")
