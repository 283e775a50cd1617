"""A log line is one line of JSON, whatever a client has sent."""

import json
import subprocess
import sys

PROGRAM = r"""
import structlog
from shared.observability.setup import set_up_logs
set_up_logs("gateway", "INFO", "json")
structlog.contextvars.bind_contextvars(client_address="192.0.2.1", user_agent='x"}\r\n{"event": "forged"}')
structlog.get_logger("here").info("request", path="/a\n\u2028b", password="sesame")
"""


def test_a_line_can_be_neither_broken_nor_forged() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    [line] = done.stderr.splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["service"], entry["client_address"]) == ("request", "gateway", "192.0.2.1")
    assert entry["path"] == "/a\n\u2028b"
    assert entry["timestamp"].endswith("Z")
    assert "sesame" not in line
