"""Which client a request comes from, where the client itself cannot choose the answer."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network


def client_address(peer: str, own_header: bytes, forwarded: bytes, hops: int) -> str:
    """Return the key of a client: an IPv4 address, or the /64 network of an IPv6 one.

    Args:
        peer: Address at the other end of the connection.
        own_header: Value of the header that the platform overwrites, or nothing.
        forwarded: All X-Forwarded-For lines, joined by commas in their order.
        hops: Number of trusted proxies that append to X-Forwarded-For. Entries further left are the client's claims.
    """
    if own_header:
        return _normalise(own_header) or peer
    if hops and forwarded:
        entries = forwarded.split(b",")
        if len(entries) >= hops:
            return _normalise(entries[-hops]) or peer
    return _normalise(peer.encode()) or peer


@lru_cache(maxsize=4096)
def _normalise(text: bytes) -> str | None:
    try:
        address = ip_address(text.decode("ascii").strip())
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        # A single customer holds a whole /64.
        return str(ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
