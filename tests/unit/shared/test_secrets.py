"""Secrets appear neither in the audit trail nor in the log."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from shared.audit import HIDDEN, without_secrets
from shared.observability.setup import set_up_logs


def test_secrets_are_hidden_at_any_depth() -> None:
    value = {
        "name": "hook",
        "Password": "sesame",
        "actions": [{"url": "https://example.org", "secret": "sesame"}, ["sesame", {"token": None}]],
        "nested": {"api_key": {"deep": "sesame"}},
        "counts": (1, 2),
    }
    assert without_secrets(value) == {
        "name": "hook",
        "Password": HIDDEN,
        "actions": [{"url": "https://example.org", "secret": HIDDEN}, ["sesame", {"token": HIDDEN}]],
        "nested": {"api_key": HIDDEN},
        "counts": [1, 2],
    }


def test_hiding_secrets_returns_a_copy() -> None:
    value = {"password": "sesame"}
    without_secrets(value)
    assert value == {"password": "sesame"}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The log output of a process. The logging configuration of the test run is restored afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    noisy = {name: logging.getLogger(name).level for name in ("aiokafka", "faststream", "alembic")}
    set_up_logs("machines", "INFO", "json")
    stream = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    for name, before in noisy.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


def lines(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_log_line_has_time_level_and_event(log: io.StringIO) -> None:
    structlog.get_logger("shared.tokens").info("keys fetched", count=2)
    [line] = lines(log)
    assert line["service"] == "machines"
    assert line["event"] == "keys fetched"
    assert line["count"] == 2
    assert str(line["timestamp"]).endswith("Z")


@pytest.mark.parametrize("name", ["password", "new_password", "access_token", "DATABASE_URL", "dsn"])
def test_values_under_secret_names_are_not_logged(log: io.StringIO, name: str) -> None:
    structlog.get_logger("x").warning("something", **{name: "sesame"})
    assert "sesame" not in log.getvalue()


def test_other_libraries_lines_take_the_same_form(log: io.StringIO) -> None:
    logging.getLogger("somewhere").warning("it %s", "happened")
    [line] = lines(log)
    assert (line["event"], line["level"], line["service"]) == ("it happened", "warning", "machines")
