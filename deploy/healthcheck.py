"""Checks the readiness of the service in this container: `healthcheck.py PORT`. Standard library only."""

import http.client
import sys

# Longer than the service's timeout for each of its checks, shorter than the container's for this program.
TIMEOUT_SECONDS = 4.0


def ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if ready(int(sys.argv[1])) else 1)
