"""Receives webhooks of DInsight: `WEBHOOK_SECRET=whsec_... python3 receiver.py 8080`. Python 3.9 or newer."""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
TOLERANCE_SECONDS = 300
MAX_BODY_BYTES = 1024 * 1024
# A real receiver keeps both in its database, in the transaction of what it does about an alert.
seen: set[str] = set()
versions: dict[str, int] = {}


def verified(identifier: str, timestamp: str, signatures: str, body: bytes) -> bool:
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    signed = f"{identifier}.{timestamp}.".encode() + body
    wanted = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    given = signatures.split(" ")
    return any(hmac.compare_digest(each.encode(), f"v1,{wanted}".encode()) for each in given)


def handle(identifier: str, message: dict[str, Any]) -> str:
    if identifier in seen:
        return "seen"
    seen.add(identifier)
    data = message["data"]
    if message["type"] == "test":
        return f"test: {data['summary']}"
    if data["version"] <= versions.get(data["alert_id"], 0):
        return "nothing new"
    versions[data["alert_id"]] = data["version"]
    return f"{data['severity']} alert {data['status']}: {data['summary']}"


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) if length <= MAX_BODY_BYTES else b""
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        identifier, timestamp, signatures = (self.headers.get(name, "") for name in names)
        if not verified(identifier, timestamp, signatures, body):
            self.send_response(401)
        else:
            self.send_response(204)
            sys.stdout.write(handle(identifier, json.loads(body)) + "\n")
            sys.stdout.flush()
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
