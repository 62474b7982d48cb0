"""Where the server listens, and what must be given before anybody but this computer is let in."""

from __future__ import annotations

import ipaddress
import secrets
import ssl
from dataclasses import dataclass
from pathlib import Path

from server.api.guard import LOOPBACK_HOSTS
from server.errors import BadRequest

LEAST_TOKEN, MOST_TOKEN = 16, 200


@dataclass(frozen=True)
class Interface:
    """What the command line says of the door.

    Attributes:
        host: an IP address of this computer, or "localhost".
        port: 0 takes a free one.
        token_file: a file with the token; without one the server makes a new token at every start.
        certificate, key: PEM files for TLS; both or none.
    """

    host: str = "127.0.0.1"
    port: int = 0
    token_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def scheme(self) -> str:
        return "http" if self.certificate is None else "https"

    @property
    def shown_host(self) -> str:
        """As it stands in an address: IPv6 in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def hosts(self) -> tuple[str, ...]:
        """By what names it may be called."""
        return (*LOOPBACK_HOSTS, self.shown_host) if self._is_loopback() else (self.shown_host,)

    def check(self) -> str:
        """Returns the token.

        Raises:
            BadRequest: "address-invalid"; "interface-unprotected" when others would be let in without a token of the
                user's own and TLS; "token-unusable"; "tls-unusable".
        """
        if not self._is_loopback() and None in (self.token_file, self.certificate, self.key):
            raise BadRequest(
                "interface-unprotected",
                f"{self.host} can be reached from other computers.",
                "Give --token-file, --tls-certificate and --tls-key with it, or leave --host out.",
            )
        if (self.certificate is None) != (self.key is None):
            raise BadRequest("tls-unusable", "TLS needs a certificate and its key.", "Give both, or none.")
        if self.certificate is not None and self.key is not None:
            _check_tls(self.certificate, self.key)
        return secrets.token_urlsafe(32) if self.token_file is None else _read_token(self.token_file)

    def _is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        hint = "Use 127.0.0.1, or one of this computer's addresses."
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            raise BadRequest("address-invalid", f"{self.host!r} is not an IP address.", hint) from None
        if address.is_unspecified:
            raise BadRequest("address-invalid", f"{self.host} means every interface, not one.", hint)
        return address.is_loopback


def _read_token(file: Path) -> str:
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise BadRequest("token-unusable", f"{file} cannot be read: {reason}.", "Name another file.") from None
    is_plain = token.isascii() and token.isprintable() and " " not in token
    if not (is_plain and LEAST_TOKEN <= len(token) <= MOST_TOKEN):
        hint = f"Write {LEAST_TOKEN} to {MOST_TOKEN} letters, digits and signs into it, without blanks."
        raise BadRequest("token-unusable", f"{file} does not hold a token.", hint)
    return token


def _check_tls(certificate: Path, key: Path) -> None:
    try:
        # A key with a password would make the server ask for it on a terminal that nobody watches.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "Give PEM files that belong together, the key without a password."
        raise BadRequest("tls-unusable", f"{certificate} and {key} cannot be used: {reason}.", hint) from None
