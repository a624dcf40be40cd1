"""Which network addresses we may talk to when users say where (SEC-02).

Written out as lists and not asked of `ipaddress.is_private`, whose answers differ between releases
of Python. IPv4 is open but for the special ranges of the IANA registry; IPv6 is closed but for
global unicast; an IPv4 address wrapped in an IPv6 one is judged as what it wraps.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address

_CLOSED_V4 = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # a cloud's own service at a public address
    )
)  # fmt: skip
_OPEN_V6 = IPv6Network("2000::/3")
_CLOSED_V6 = tuple(
    IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")
_NUMBER = re.compile(r"^(0x[0-9a-f]*|[0-9]+)$", re.IGNORECASE)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the open internet."""
    if isinstance(address, IPv4Address):
        return not any(address in net for net in _CLOSED_V4)
    if address.scope_id is not None:
        return False
    wrapped = _wrapped(address)
    if wrapped is not None:
        return is_public(wrapped)
    return address in _OPEN_V6 and not any(address in net for net in _CLOSED_V6)


def _wrapped(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to this one end up at: mapped, NAT64, 6to4, ISATAP."""
    packed = address.packed
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or packed[8:12] in _ISATAP:
        return IPv4Address(packed[12:])
    if address in _COMPATIBLE and int(address) > 0xFFFF:
        return IPv4Address(packed[12:])
    return None


def literal(host: str) -> Address | None:
    """The address that a URL's host spells out, or None for a name.

    Raises ValueError for the spellings that some resolvers take for addresses: 0x7f.1, 0177.0.0.1,
    2130706433. Their meaning differs from program to program.
    """
    try:
        return ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        pass
    last = host.rstrip(".").rpartition(".")[2]
    if _NUMBER.match(last) or ":" in host or "%" in host:
        raise ValueError(host)
    return None


@dataclass(frozen=True)
class Allowed:
    """What an operator opens by hand (`OUTBOUND_ALLOW`).

    Attributes:
        places: (host or address as written, port): reachable whatever is behind it.
        networks: closed addresses that are open here, at the usual ports.
    """

    places: frozenset[tuple[str, int]] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = field(default=())

    def place(self, host: str, port: int) -> bool:
        """Whether this very host and port were named."""
        return (host.lower().strip("[]"), port) in self.places

    def network(self, address: Address) -> bool:
        """Whether the address lies in a network that was named."""
        return any(address.version == net.version and address in net for net in self.networks)


def parse_allowed(entries: Iterable[str]) -> Allowed:
    """Read `host:port`, `[v6]:port` and CIDR entries. Raises ValueError naming a bad one."""
    networks: list[IPv4Network | IPv6Network] = []
    places: list[tuple[str, int]] = []
    for entry in _stripped(entries):
        try:
            if "/" in entry:
                networks.append(ip_network(entry))
                continue
            host, _, port = entry.rpartition(":")
            if not host or not 0 < int(port) < 65_536:
                raise ValueError(entry)
            places.append((host.lower().strip("[]"), int(port)))
        except ValueError:
            raise ValueError(
                f"OUTBOUND_ALLOW: “{entry}” is neither host:port nor a network like 10.1.0.0/16."
            ) from None
    return Allowed(frozenset(places), tuple(networks))


def _stripped(entries: Iterable[str]) -> Iterator[str]:
    return (entry.strip() for entry in entries if entry.strip())
