"""Addresses in any spelling."""

from __future__ import annotations

import pytest

from blender_msd.core.address import Address, read_address
from blender_msd.core.errors import Problem


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8188",
        "127.0.0.1:8188",
        "HTTP://127.0.0.1:8188/",
        "http://127.0.0.1:8188/v1/health?x=1#y",
        "http:127.0.0.1:8188",
        "http:/127.0.0.1:8188",
        "//127.0.0.1:8188",
        "8188",
        ":8188",
        "127.0.0.1 8188",
        "0.0.0.0:8188",
        " '127.0.0.1:8188'\n",
        "“127.0.0.1:8188”",
    ],
)
def test_every_spelling_of_an_address_leads_to_the_same_place(text):
    assert read_address(text) == Address("127.0.0.1", 8188, False)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("LocalHost:1", Address("localhost", 1, False)),
        ("https://Studio.example", Address("studio.example", None, True)),
        ("::1", Address("::1", None, False)),
        ("[::1]:8188", Address("::1", 8188, False)),
        ("http://[::]:8188", Address("::1", 8188, False)),
    ],
)
def test_names_and_ipv6_are_understood(text, address):
    assert read_address(text) == address


def test_loopback_is_known_in_any_spelling():
    for text in ("LOCALHOST:1", "localhost.", "127.9.9.9", "::1", ":8188", "0.0.0.0:1"):
        assert read_address(text).is_loopback
    for text in ("192.168.1.2", "localhost.example.org", "https://127.0.0.1.example.org"):
        assert not read_address(text).is_loopback


@pytest.mark.parametrize(
    "text", ["", "  ", "''", "http://", "https:", "two words", "host:port", "ssh://host:1", "1:2:3:x"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(Problem) as caught:
        read_address(text)
    assert caught.value.code == "address-unreadable"
