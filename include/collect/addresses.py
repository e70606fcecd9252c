"""Where a crawl may go: the site's own addresses, and no others of any network."""

import ipaddress
from dataclasses import dataclass
from typing import Self
from urllib.parse import urljoin, urlsplit

from include.core.errors import FatalError

PORTS = {"http": 80, "https": 443}
# RFC 6052: what stands behind this prefix is an IPv4 address in its last four bytes.
NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Site:
    """A site's origin: scheme, host and port (RFC 6454), as a base URL states them."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, base_url: str) -> Self:
        """Raises FatalError for what is no web address."""
        try:
            parts = urlsplit(base_url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme not in PORTS:
            raise FatalError(
                f"A site's root URL begins with http:// or https:// and names a host; this one is {base_url!r}.",
                fix="correct host and schema of the Airflow connection.",
            )
        return cls(parts.scheme, host, port or PORTS[parts.scheme])

    @property
    def origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == PORTS[self.scheme] else f":{self.port}")

    def path(self, url: str, base: str | None = None) -> str | None:
        """Path and query of an address of this site, None for another's. Raises ValueError for no address at all.

        A relative address is one of `base`. A site that answers under http and https alike, at their usual
        ports, is one site.
        """
        absolute = urljoin(base, url) if base else url
        parts = urlsplit(absolute)
        if parts.scheme not in PORTS or parts.hostname != self.host:
            return None
        port = parts.port or PORTS[parts.scheme]
        usual = port == PORTS[parts.scheme] and self.port == PORTS[self.scheme]
        if not usual and (parts.scheme, port) != (self.scheme, self.port):
            return None
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    @property
    def is_loopback(self) -> bool:
        """Whether the site is on this machine, where no proxy could reach it."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")

    @property
    def names_a_private_address(self) -> bool:
        """Whether the operator's own URL leads to this machine or a private network: then that is meant."""
        if self.host == "localhost":
            return True
        try:
            return not is_public(self.host)
        except ValueError:
            return False


def is_public(address: str) -> bool:
    """Whether an IP address can be a public site's: not of this machine, a private network, or a special use.

    An IPv4 address inside an IPv6 one counts as itself. Raises ValueError for what is no IP address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast
