"""What answers at an address where our server was expected, in words: "ComfyUI (aiohttp)", "no web server"."""

from __future__ import annotations

import contextlib
import html
import re
import socket

from .address import Address

# A program that is alive says something by then; of more than this much nobody wants to know.
PATIENCE = 2.0
ENOUGH = 64 * 1024


def what_answers(address: Address) -> str:
    """Ask for the first page and read what comes; empty when nobody answers, or says nothing."""
    port = address.port or (443 if address.secure else 80)
    said = _say(address.host, port, f"GET / HTTP/1.0\r\nHost: {address.host}:{port}\r\n\r\n".encode())
    if not said.strip():
        return ""
    speaks_tls = said[:1] == b"\x15" or b"HTTPS port" in said[:2000]
    if speaks_tls:
        return "" if address.secure else "a server that wants https instead of http"
    if not said.startswith(b"HTTP/"):
        first = "".join(char if char.isprintable() else "?" for char in said.splitlines()[0].decode("latin-1"))[:40]
        return f'a program that is no web server (it says "{first}")'
    if address.secure:
        return "a server that speaks http, not https"
    return _web_server(said.decode("utf-8", "replace"))


def _web_server(text: str) -> str:
    head, _, body = text.partition("\r\n\r\n")
    title = re.search(r"(?is)<title[^>]*>(.*?)</title>", body)
    server = re.search(r"(?im)^server:\s*([^\r\n]+)", head)
    # Some say their name in a line of text ("Ollama is running").
    line = body.strip() if "<" not in body and len(body.strip()) < 60 else ""
    names = [html.unescape(title[1]) if title else line, f"({server[1].strip()})" if server else ""]
    name = " ".join(" ".join(filter(None, names)).split())[:80]
    return name or f"an unknown web server ({head.splitlines()[0][:40]})"


def _say(host: str, port: int, words: bytes) -> bytes:
    said = b""
    with contextlib.suppress(OSError, UnicodeError), socket.create_connection((host, port), PATIENCE) as connection:
        connection.sendall(words)
        while len(said) < ENOUGH and (piece := connection.recv(8192)):
            said += piece
    return said
