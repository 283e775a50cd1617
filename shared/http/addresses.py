"""Client addresses."""

from ipaddress import IPv6Address, ip_address, ip_network

# Whoever has one IPv6 address has at least the 64 bits behind it.
IPV6_PREFIX = 64
# Many providers give each customer a prefix of this length (RFC 6177).
IPV6_SITE_PREFIX = 56
UNKNOWN = "unknown"


def network_of(address: str | None, ipv6_prefix: int = IPV6_PREFIX) -> str:
    """The network whose clients are counted as one: the address itself in IPv4, its prefix in IPv6."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return UNKNOWN
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), ipv6_prefix), strict=False))
