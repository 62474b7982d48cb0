"""Build the extension's zip with Python alone: `build_extension.py OUT_DIR`.

It holds what Blender's own `extension build` would pack, and is the same, byte for byte, wherever and whenever it is
built from the same files with the same zlib.
"""

from __future__ import annotations

import os
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from manifest_rules import complaints

ROOT = Path(__file__).parent.parent.parent
MANIFEST = "blender_manifest.toml"
# What else lies beside them, such as somebody's results, is not shipped.
SHIPPED = (MANIFEST, "__init__.py", "LICENSE", "blender_msd", "server")

# The earliest day that a zip can name.
LONG_AGO = (1980, 1, 1, 0, 0, 0)
READABLE_FILE = 0o100644 << 16
UNIX = 3


class Refused(RuntimeError):
    """There is something that Blender would not accept; carries the words."""


def build(out: Path, root: Path = ROOT) -> Path:
    """Check the manifest in `root` and build `out`/blender_msd-VERSION.zip, which is returned.

    Raises:
        Refused: the manifest is wrong, or a file is missing.
    """
    manifest = read_manifest(root / MANIFEST)
    patterns = manifest["build"]["paths_exclude_pattern"]
    missing = [name for name in SHIPPED if not (root / name).exists()]
    if missing:
        raise Refused(f"{root} has no {', '.join(missing)}.")
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{manifest['id']}-{manifest['version']}.zip"
    half = target.with_suffix(".part")
    with zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(name for top in SHIPPED for name in files_below(root, PurePosixPath(top), patterns)):
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.create_system, entry.external_attr = UNIX, READABLE_FILE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, (root / name).read_bytes(), compresslevel=9)
    os.replace(half, target)
    return target


def read_manifest(path: Path) -> dict[str, Any]:
    """Raises Refused with everything that is wrong with it."""
    try:
        manifest = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read: {error}.") from None
    wrong = complaints(manifest)
    if wrong:
        raise Refused("\n".join(f"{path}: {what}." for what in wrong))
    return manifest


def files_below(root: Path, place: PurePosixPath, patterns: list[str]) -> Iterator[str]:
    """Names, relative to `root`, of the files at or below `place` that no pattern leaves out. Links are left out."""
    path = root / place
    is_folder = path.is_dir()
    if path.is_symlink() or any(is_left_out(place, is_folder, pattern) for pattern in patterns):
        return
    if not is_folder:
        yield str(place)
        return
    for inside in path.iterdir():
        yield from files_below(root, place / inside.name, patterns)


def is_left_out(place: PurePosixPath, is_folder: bool, pattern: str) -> bool:
    """Whether a pattern of the manifest names this very file or folder."""
    if pattern.endswith("/") and not is_folder:
        return False
    if not pattern.startswith("/"):
        return fnmatchcase(place.name, pattern.rstrip("/"))
    parts = pattern.strip("/").split("/")
    return len(parts) == len(place.parts) and all(map(fnmatchcase, place.parts, parts))


if __name__ == "__main__":
    try:
        built = build(Path(sys.argv[1]))
    except Refused as refusal:
        raise SystemExit(str(refusal)) from None
    print(f"{built} ({built.stat().st_size / 1e6:.2f} MB)")
