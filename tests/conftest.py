"""Fixtures of every test: the servers are started only when a test asks for them."""

import structlog

pytest_plugins = ["tests.fixtures_servers"]

# By default tracebacks are drawn with all local variables: slow where faults are provoked by the hundred.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)
