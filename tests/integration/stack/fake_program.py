"""A stand-in for a service: `python fake_program.py PORT JOURNAL [option...]`.

Answers /health/ready on its port and writes what happens to it in the journal. Options: `stubborn` ignores
SIGTERM, `lingers` takes a second to end, `helper` starts a process of its own, `fails` ends at once with
status 3, `unready` answers 503.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


def main(port: int, journal: str, options: set[str]) -> int:
    def note(event: str) -> None:
        with open(journal, "a", encoding="utf-8") as file:
            file.write(f"{event} {os.getpid()}\n")

    if "fails" in options:
        print("cannot find the flux capacitor", flush=True)
        note("failed")
        return 3
    note("started")
    if "helper" in options:
        helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        note(f"helper {helper.pid}")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if "unready" in options else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", port), Handler)

    def asked_to_stop(signum: int, frame: object) -> None:
        note("asked")
        if "stubborn" not in options:
            threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, asked_to_stop)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    if "lingers" in options:
        time.sleep(1)
    note("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], set(sys.argv[3:])))
