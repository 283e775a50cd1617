"""Which addresses are on the public internet. Servers that users name must not be in a service's network."""

import ipaddress

# Carries an IPv4 address in its last 32 bits (RFC 6052); IPv6-only networks reach IPv4 through it.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# All allocated unicast IPv6 space. Everything outside it (IPv4-compatible and translated addresses, local
# NAT64, site-local, segment routing) leads into private networks or nowhere.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Within it but not on the public internet: tunnels that carry an IPv4 address, and documentation prefixes.
NOT_PUBLIC = (
    ipaddress.IPv6Network("2001::/32"),
    ipaddress.IPv6Network("2002::/16"),
    ipaddress.IPv6Network("3fff::/20"),
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
)
# The interface identifier of an ISATAP address starts with one of these; an IPv4 address follows (RFC 5214).
ISATAP = (0x00005EFE, 0x02005EFE)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: Address) -> bool:
    """Whether the address is on the public internet, in every IPv4-in-IPv6 notation."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped
        if inner is None and address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.scope_id is not None or address not in GLOBAL_UNICAST:
            return False
        if int(address) >> 32 & 0xFFFFFFFF in ISATAP:
            return False
    if any(address in network for network in NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast
