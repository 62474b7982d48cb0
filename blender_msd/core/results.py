"""Finished results on disk, outside the .blend: a crash or an unsaved file loses nothing."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from pathlib import Path
from typing import Any

from .errors import Problem, reason
from .names import file_words


class ResultFolder:
    """The folder of one result, named by date and prompt.

    Args:
        root: where results are kept.
        prompt: becomes part of the name.
        job_id: its beginning keeps two results of one minute apart.
    """

    def __init__(self, root: Path, prompt: str, job_id: str) -> None:
        short_id = re.sub(r"[^A-Za-z0-9]", "", job_id)[:8]
        self.path = root / "-".join(
            part for part in (time.strftime("%Y%m%d-%H%M"), file_words(prompt), short_id) if part
        )

    def save(self, name: str, data: bytes) -> Path:
        """Write one file, whole or not at all.

        Raises:
            Problem: "result-not-saved".
        """
        target = self.path / Path(name).name
        half = target.with_name(target.name + ".part")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            half.write_bytes(data)
            os.replace(half, target)
        except OSError as error:
            with contextlib.suppress(OSError):
                half.unlink()
            hint = "Free some disk space, or make the folder writable, and try again."
            raise Problem("result-not-saved", f"{target} could not be written ({reason(error)}).", hint) from None
        return target

    def save_json(self, name: str, value: dict[str, Any]) -> Path:
        """Write one JSON file.

        Raises:
            Problem: "result-not-saved".
        """
        return self.save(name, json.dumps(value, indent=2).encode())
