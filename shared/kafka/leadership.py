"""Which of a service's relays is at work: the one whose session holds the service's advisory lock."""

import zlib


def relay_lock(service: str) -> int:
    """The key of the lock."""
    return zlib.crc32(f"dinsight relay {service}".encode())
