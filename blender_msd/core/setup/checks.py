"""Checking what a person has already: a Python with the server's packages, or a server that runs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from ..client import Client
from ..errors import Problem
from .pythons import examine
from .surroundings import answer_of

PATIENCE = 120.0


def check_own_python(python: Path, home: Path) -> str:
    """Run the server's own check in a Python. Returns what was found, in a sentence.

    Args:
        home: the folder that holds the package `server`.

    Raises:
        Problem: "python-unfit", naming what is missing.
    """
    found = examine_quickly(python)
    try:
        done = answer_of([str(python), "-m", "server", "doctor", "--json"], PATIENCE, home)
        report = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        message = f"{python} did not answer within {PATIENCE:.0f} s."
        raise Problem("python-unfit", message, "Try again when the computer is less busy.") from None
    except (OSError, ValueError):
        last = done.stderr.strip().splitlines()[-1:] or ["It said nothing."]
        hint = "Install the packages of server/requirements.lock into it, or press Set up."
        raise Problem("python-unfit", f"{found} lacks what the server needs. {last[0][:200]}", hint) from None
    if report.get("problems"):
        hint = "Install the packages of server/requirements.lock into it, or press Set up."
        raise Problem("python-unfit", f"{found}: {' '.join(report['problems'])[:300]}", hint)
    devices = ", ".join(device["device"] for device in report.get("devices", []))
    torch = report["packages"].get("torch")
    return f"{found} has all that is needed: torch {torch}, {devices}."


def examine_quickly(python: Path) -> str:
    """ "Python 3.11.7", if it is one. An environment of one's own need not be able to make others."""
    try:
        return f"Python {'.'.join(map(str, examine(python).version))}"
    except Problem as problem:
        if " lacks " in problem.message:
            return "This Python"
        raise


def check_own_server(url: str, token: str, online_access: bool) -> str:
    """Reach a server that runs already. Returns what was found, in a sentence.

    Raises:
        Problem: "address-unreadable", "online-access-off", "token-wrong", "not-our-server", "server-lost", ...
    """
    client = Client(url, token)
    client.require_online_access(online_access)
    client.check()
    answer = client.capabilities()
    devices = answer.get("devices")
    names = [str(device.get("name", device)) if isinstance(device, dict) else str(device) for device in devices or []]
    return f"A server of ours, version {answer.get('version', 'unknown')}{', ' + ', '.join(names) if names else ''}."
