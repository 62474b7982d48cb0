"""The files of a result: refused before any work when they could not be written after it, and never lost then.

Free of torch, so that a wrong name is refused at once.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from server.errors import BadRequest, disk_problem
from server.files import write_bytes, write_together

NOT_WRITABLE = "out-not-writable"


def check_suffix(path: Path, known: tuple[str, ...]) -> None:
    """Raises BadRequest "format-unknown" when the name ends in none of `known` (".png"); case does not matter."""
    if path.suffix.lower() not in known:
        raise BadRequest("format-unknown", f"Cannot write {path.name}: the file must end in {' or '.join(known)}.")


def check_targets(*files: Path) -> None:
    """See that each could be written and replaced; makes their folders, and writes nothing that stays.

    Raises:
        BadRequest: "out-not-writable" or "disk-full".
    """
    for file in files:
        try:
            why = _obstacle(file)
        except OSError as error:
            raise disk_problem(error, NOT_WRITABLE, refusal=True, file=file) from None
        if why:
            raise BadRequest(NOT_WRITABLE, f"{file} cannot be written: {why}.", "Name another file.")
        check_folder(Path(os.path.realpath(file)).parent)


def _obstacle(file: Path) -> str:
    """What stands where the file should be, in words; "" when nothing does. Raises OSError for an impossible name."""
    target = Path(os.path.realpath(file))
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        dangling = file.is_symlink() and not target.parent.is_dir()
        return f"it is a link to {target}, whose folder does not exist" if dangling else ""
    if stat.S_ISDIR(mode):
        return "it is a folder"
    if not stat.S_ISREG(mode):
        return "it is no ordinary file"
    return "" if os.access(target, os.W_OK) else "it may not be changed"


def check_folder(folder: Path) -> None:
    """See that files could be written into it; makes it, and writes nothing that stays.

    Raises:
        BadRequest: "out-not-writable" or "disk-full".
    """
    trial = folder / f".trial-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(trial, b"")
        trial.unlink()
    except OSError as error:
        raise disk_problem(error, NOT_WRITABLE, refusal=True, file=folder) from None


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


@contextmanager
def noted(warnings: list[str]) -> Iterator[None]:
    """For pictures that illustrate numbers: one that cannot be written is a warning, and the work goes on."""
    try:
        yield
    except OSError as error:
        warnings.append(disk_problem(error).message)


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
