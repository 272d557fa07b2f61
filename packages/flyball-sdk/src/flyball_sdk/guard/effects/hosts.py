"""Which host an address names, and whether that is outside, inside, or a cloud's metadata service."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import unquote, urlsplit

# The addresses at which clouds hand out credentials to whoever asks from inside.
_METADATA = frozenset({"169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192", "fd00:ec2::254",
                       "metadata.google.internal", "metadata", "metadata.goog", "instance-data", "metadata.azure.com", "metadata.tencentyun.com"})  # fmt: skip
_INSIDE = (
    ".local",
    ".localhost",
    ".internal",
    ".lan",
    ".home.arpa",
    ".intranet",
    ".corp",
    ".svc",
    ".cluster.local",
    ".localdomain",
    ".test",
)
_URL = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]{1,20}://")


def host_of(url: str) -> str:
    """The host of a URL, or of `host:port` or `user@host:path`; in lower case, "" if there is none."""
    try:
        if _URL.match(url):
            return (urlsplit(url).hostname or "").lower().rstrip(".")
        if url.startswith("//"):
            return (urlsplit("x:" + url).hostname or "").lower()
    except ValueError:
        return url.split("://", 1)[-1].split("/", 1)[0].lower()
    return unquote(url.split("/", 1)[0].rpartition("@")[2].split(":", 1)[0]).lower().rstrip(".")


def shown(url: str) -> str:
    """The URL as it may be told: without its query, its fragment and its user, where secrets ride."""
    bare = url.partition("?")[0].partition("#")[0]
    head, scheme, rest = bare.rpartition("://")
    return f"{head}{scheme}{rest.rpartition('@')[2]}"


def kind_of(host: str) -> str:
    """`metadata`, `loopback`, `inside`, `outside`, or `unknown`.

    Addresses are read as inet_aton(3) does: 2852039166, 0xA9FEA9FE and 0251.0376.0251.0376 are all 169.254.169.254.
    """
    host = host.strip("[]").lower().rstrip(".")
    if not host or "\0" in host:
        return "unknown"
    if host in _METADATA:
        return "metadata"
    address = _address(host)
    if address is not None:
        return _kind_of_address(address)
    if host == "localhost" or host.endswith(".localhost"):
        return "loopback"
    embedded = re.match(
        r"^(?:.*\.)?(\d{1,3})[-.](\d{1,3})[-.](\d{1,3})[-.](\d{1,3})\.(?:nip\.io|sslip\.io|xip\.io)$", host
    )
    if embedded:
        return kind_of(".".join(embedded.groups()))
    return "inside" if "." not in host or host.endswith(_INSIDE) else "outside"


def _kind_of_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    if inner:
        return _kind_of_address(inner)
    if str(address) in _METADATA:
        return "metadata"
    if address.is_loopback or address.is_unspecified:
        return "loopback"
    if address.is_link_local:
        return "metadata"
    return "inside" if address.is_private else "outside"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if ":" in host:
        try:
            return ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError:
            return None
    parts = host.split(".")
    if not 1 <= len(parts) <= 4 or not all(part and part[0].isdigit() for part in parts):
        return None
    try:
        numbers = [
            int(part, 16 if part[:2] in ("0x", "0X") else 8 if part[0] == "0" and len(part) > 1 else 10)
            for part in parts
        ]
        value = numbers[-1]
        for at, number in enumerate(numbers[:-1]):
            if number > 255:
                return None
            value += number << (24 - 8 * at)
        return ipaddress.IPv4Address(value)
    except (ValueError, ipaddress.AddressValueError):
        return None
