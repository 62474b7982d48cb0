"""Addresses as people write them -> where a server is."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import Problem
from .paths import unwrapped

_HINT = "Write it like http://127.0.0.1:8188."
# A server that listens everywhere says so by an address at which it cannot be reached on every system.
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class Address:
    """`port` is None where it was not said: then it is the scheme's own."""

    host: str
    port: int | None
    secure: bool

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this computer, so that no internet is involved."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.rstrip(".") == "localhost"


def read_address(text: str) -> Address:
    """Where an address leads.

    Understood are addresses with and without their scheme, in any case, with a path behind them; a port alone ("8188",
    ":8188"); IPv6 without its brackets; slashes left out ("http:127.0.0.1:8188"); "host 8188"; and quotes and blanks
    round it.

    Raises:
        Problem: "address-unreadable".
    """
    plain = unwrapped(text)
    scheme, rest = _split_scheme(plain)
    rest = rest.lstrip("/")
    if re.fullmatch(r":?\d{2,5}", rest):
        rest = f"127.0.0.1:{rest.lstrip(':')}"
    rest = re.sub(r"^([^\s/:]+)\s+(\d{1,5})$", r"\1:\2", rest)
    with_colons = rest.split("/")[0]
    if with_colons.count(":") > 1 and not with_colons.startswith("["):
        rest = f"[{with_colons}]"
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        host, port = (parts.hostname or "").lower(), parts.port
        good = scheme in ("http", "https") and _is_host(host)
    except ValueError:
        good = False
    if not good:
        raise Problem("address-unreadable", f"{text!r} is no address.", _HINT)
    return Address(_EVERYWHERE.get(host, host), port, scheme == "https")


def _split_scheme(text: str) -> tuple[str, str]:
    found = re.match(r"(?i)(https?):(?!\d+$)/*|([a-z][a-z0-9+.-]*)://", text)
    if found is None:
        return "http", text
    return (found[1] or found[2]).lower(), text[found.end() :]


def _is_host(name: str) -> bool:
    """Raises ValueError for a name that cannot be asked for."""
    return bool(name.encode("idna")) and name.isprintable() and " " not in name
