"""The one way in which files are written: each is seen whole or not at all, and what was there stays until then; a
finished result is not lost when its place cannot be written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from server.errors import disk_problem

NOT_WRITABLE = "out-not-writable"
# What file systems allow for a name; some count characters instead, which is never less room.
MOST_BYTES = 255


@contextmanager
def replaced(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file to fill, which takes the place of `path` when the block ends well. Links are followed.

    Args:
        mode: permissions of the file, before the umask.

    Raises:
        OSError: it cannot be written; `path` is as it was.
    """
    target = Path(os.path.realpath(path))
    part = beside(target, ".part")
    # Left behind by a process that was killed.
    part.unlink(missing_ok=True)
    try:
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
        os.replace(part, target)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename in (None, str(part)):
            # Nobody knows the part.
            error.filename, error.filename2 = str(path), None
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes | memoryview, mode: int = 0o666) -> None:
    """Replace `path`. Raises OSError, as `replaced`."""
    with replaced(path, mode) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Replace `path`, in UTF-8 with the line ends that the text has. Raises OSError, as `replaced`."""
    write_bytes(path, text.encode())


def write_together(files: Mapping[Path, bytes]) -> None:
    """Replace several files once all of them are written, the first of them last. Raises OSError, as `replaced`."""
    with ExitStack() as stack:
        opened = [stack.enter_context(replaced(path)) for path in files]
        for file, data in zip(opened, files.values(), strict=True):
            file.write(data)
        for file in opened:
            file.flush()


def beside(path: Path, ending: str) -> Path:
    """The hidden neighbour ".NAME" + `ending` of a file; for a long NAME, with a digest in its place."""
    name = f".{path.name}{ending}"
    if len(os.fsencode(name)) > MOST_BYTES:
        name = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:20]}{ending}"
    return path.with_name(name)


def save_results(files: Mapping[Path, bytes], otherwise: str = "") -> None:
    """Write the files of one result, all or none; when that fails, into a temporary folder that stays.

    Args:
        otherwise: what to do, in a sentence, when not even that can be written.

    Raises:
        JobFailed: "out-not-writable" or "disk-full", which says where the files are.
    """
    try:
        write_together(files)
    except OSError as error:
        raise disk_problem(error, NOT_WRITABLE, _rescue(files) or otherwise) from None


def _rescue(files: Mapping[Path, bytes]) -> str:
    folder = None
    try:
        folder = Path(tempfile.mkdtemp(prefix="blender-msd-"))
        write_together({folder / path.name: data for path, data in files.items()})
    except OSError:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        return ""
    names = ", ".join(path.name for path in files)
    return f"Nothing is lost: the result is in {folder} ({names}); copy it from there."


@contextmanager
def noted(warnings: list[str]) -> Iterator[None]:
    """For pictures that illustrate numbers: one that cannot be written is a warning, and the work goes on."""
    try:
        yield
    except OSError as error:
        warnings.append(disk_problem(error).message)
