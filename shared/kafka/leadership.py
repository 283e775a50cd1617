"""Leader election of the relays of a service: the leader holds an advisory lock in its database session."""

import zlib


def relay_lock(service: str) -> int:
    """The key of the advisory lock."""
    return zlib.crc32(f"dinsight relay {service}".encode())
