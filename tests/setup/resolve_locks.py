"""Resolve the sets of packages that the extension installs: `resolve_locks.py [NAME ...]` writes server/locks/NAME.txt.

Needs `uv` on the PATH and the package index. Versions are those of server/requirements.lock; what else a platform
wants (CUDA's libraries, tzdata) is found by uv. Hashes are the index's own, of the wheels that fit the platform and one
of its Pythons; a package without a fitting wheel ends the run, and nothing is written. A wheel that the index does not
carry (torch for processors alone) is read from the folder of `--wheels`.
"""

from __future__ import annotations

import argparse
import email
import hashlib
import io
import json
import os
import re
import subprocess
import tempfile
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).parents[2]
PINS = ROOT / "server" / "requirements.lock"
FOLDER = ROOT / "server" / "locks"
INDEX = "https://pypi.org/simple"
# What the index does not carry comes from here.
TORCH_CPU = "https://download.pytorch.org/whl/cpu"
MANYLINUX = [f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)] + ["manylinux2014_x86_64", "linux_x86_64"]
# Below this a wheel is not opened; what lies in it is about three times as large.
WORTH_A_LOOK = 1_000_000
READING = {"Accept": "application/vnd.pypi.simple.v1+json"}


@dataclass(frozen=True)
class Target:
    """`uv` is uv's name of the platform; `wheels` are the platform tags that fit, best first."""

    uv: str
    wheels: tuple[str, ...]
    pythons: tuple[tuple[int, int], ...] = ((3, 11), (3, 12))
    pins: tuple[str, ...] = ()
    source: str = ""


TARGETS = {
    "linux-x86_64-cpu": Target(
        "x86_64-manylinux_2_28", tuple(MANYLINUX), ((3, 11),), ("torch==2.13.0+cpu",), TORCH_CPU
    ),
    "linux-x86_64-nvidia": Target("x86_64-manylinux_2_28", tuple(MANYLINUX)),
    "windows-x86_64-cpu": Target("x86_64-pc-windows-msvc", ("win_amd64",)),
    "macos-arm64-apple": Target("aarch64-apple-darwin", tuple(mac_platforms((14, 0), "arm64"))),
}


@dataclass(frozen=True)
class Wheel:
    name: str
    size: int
    unpacked: int
    sha256: str
    licence: str
    home: str


class Slice(io.RawIOBase):
    """A file on the index that is read by pieces, so that a wheel's list of contents costs a few kilobytes."""

    def __init__(self, url: str, size: int) -> None:
        self._url, self._size, self._at = url, size, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        last = min(self._at + len(buffer), self._size) - 1
        if last < self._at:
            return 0
        asked = urllib.request.Request(self._url, headers={"Range": f"bytes={self._at}-{last}"})
        with urllib.request.urlopen(asked) as answer:
            data = answer.read()
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def resolved(target: Target, folder: Path | None) -> list[tuple[str, str]]:
    """Names and versions, of all Pythons of the target together; they must not contradict each other."""
    versions: dict[str, str] = {}
    named = {pin.partition("==")[0] for pin in target.pins}
    lines = PINS.read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#") and line.partition("==")[0] not in named]
    for python in target.pythons:
        with tempfile.TemporaryDirectory() as scratch:
            asked = Path(scratch) / "pins.in"
            asked.write_text("\n".join([*pins, *target.pins, "pip"]), encoding="utf-8")
            command = ["uv", "pip", "compile", "--quiet", "--no-config", "--no-annotate", "--no-header"]
            command += ["--python-platform", target.uv, "--python-version", ".".join(map(str, python))]
            command += ["--only-binary", ":all:", *(["--find-links", str(folder)] if target.pins else []), str(asked)]
            environment = os.environ | {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
            done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, encoding="utf-8")
        for line in (line for line in done.stdout.splitlines() if "==" in line):
            name, _, version = line.partition("==")
            name, version = canonicalize_name(name.strip()), version.strip()
            if versions.setdefault(name, version) != version:
                raise SystemExit(f"{name} has two versions: {versions[name]} and {version}")
    return sorted(versions.items())


def fitting_tags(target: Target) -> set[Tag]:
    tags: set[Tag] = set()
    for python in target.pythons:
        tags |= set(cpython_tags(python, platforms=target.wheels))
        tags |= set(compatible_tags(python, f"cp{python[0]}{python[1]}", target.wheels))
    return tags


def wheels(name: str, version: str, target: Target, folder: Path | None) -> list[Wheel]:
    """Of one package, those that fit."""
    tags, found = fitting_tags(target), []
    if "+" in version:
        assert folder is not None, f"{name} {version} is not on the index: name a folder by --wheels"
        for path in folder.glob(f"{name}-{version}-*.whl"):
            if parse_wheel_filename(path.name)[3] & tags:
                data = path.read_bytes()
                digest = hashlib.sha256(data).hexdigest()
                with zipfile.ZipFile(io.BytesIO(data)) as archive:
                    found.append(Wheel(path.name, len(data), *unpacked_and_facts(archive, digest)))
        return found
    with urllib.request.urlopen(urllib.request.Request(f"{INDEX}/{name}/", headers=READING)) as answer:
        files = json.load(answer)["files"]
    for file in files:
        if not file["filename"].endswith(".whl") or file.get("yanked"):
            continue
        try:
            _, its_version, _, its_tags = parse_wheel_filename(file["filename"])
        except ValueError:
            continue
        if str(its_version) == version and its_tags & tags:
            found.append(look_into(file))
    return found


def look_into(file: dict[str, object]) -> Wheel:
    url, size, sha256 = str(file["url"]), int(str(file["size"])), str(file["hashes"]["sha256"])  # type: ignore[index]
    with zipfile.ZipFile(io.BufferedReader(Slice(url, size), 1 << 17)) as archive:
        return Wheel(str(file["filename"]), size, *unpacked_and_facts(archive, sha256))


def unpacked_and_facts(archive: zipfile.ZipFile, sha256: str) -> tuple[int, str, str, str]:
    """Bytes on disk, the hash, and the licence and home page that the package names."""
    entries = archive.infolist()
    (metadata,) = [e for e in entries if re.fullmatch(r"[^/]+\.dist-info/METADATA", e.filename)]
    facts = email.message_from_bytes(archive.read(metadata))
    classified = [v.split("::")[-1].strip() for v in facts.get_all("Classifier", []) if v.startswith("License ::")]
    stated = (facts["License-Expression"] or "; ".join(classified) or facts["License"] or "see its home page").strip()
    pages = [v.partition(",")[2].strip() for v in facts.get_all("Project-URL", [])]
    # What is on disk is counted in blocks of 4 kB.
    unpacked = sum(-(-entry.file_size // 4096) * 4096 for entry in entries)
    return unpacked, sha256, stated.splitlines()[0][:80], (facts["Home-page"] or next(iter(pages), "")).strip()


def write(name: str, target: Target, folder: Path | None, licences: dict[str, str]) -> None:
    lines, links, download, installed = [], [], 0, 0
    for package, version in resolved(target, folder):
        found = wheels(package, version, target, folder)
        if not found:
            raise SystemExit(f"{name}: {package} {version} has no wheel that fits")
        # One file by its own address: a second index would be asked for every package.
        links += [f"{target.source}/{quote(wheel.name)}" for wheel in found if "+" in version]
        size = max(wheel.size for wheel in found)
        download += size
        installed += max(wheel.unpacked for wheel in found)
        hashes = " ".join(f"--hash=sha256:{digest}" for digest in sorted({wheel.sha256 for wheel in found}))
        lines.append(f"# {size} bytes\n{package}=={version} {hashes}")
        licences[package] = f"{package:28s} {version:16s} {found[0].licence:42s} {found[0].home}".rstrip()
        print(f"{name} {package} {version} {len(found)}", flush=True)
    head = [
        "# Made by tests/setup/resolve_locks.py; hashes are of the wheels that fit.",
        f"# pythons: {' '.join(f'{major}.{minor}' for major, minor in target.pythons)}",
        f"# download: {download} bytes",
        f"# installed: {installed} bytes",
        *(f"--find-links {link}" for link in links),
    ]
    (FOLDER / f"{name}.txt").write_text("\n".join([*head, *lines, ""]), encoding="utf-8", newline="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *TARGETS], default=[])
    parser.add_argument("--wheels", type=Path, help="folder with wheels that the index does not carry")
    args = parser.parse_args()
    licences: dict[str, str] = {}
    for name in args.names or TARGETS:
        write(name, TARGETS[name], args.wheels, licences)
    if not args.names:
        title = "What set-up downloads, under which licence, and where it comes from. Each is fetched with pip.\n"
        listed = "\n".join(licences[package] for package in sorted(licences))
        (FOLDER / "LICENCES.txt").write_text(f"{title}\n{listed}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
