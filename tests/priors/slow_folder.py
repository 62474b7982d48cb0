"""A model on a disk that does not answer: whoever opens its README waits, until `release` is called."""

from __future__ import annotations

import os
from pathlib import Path


def write_slow_model(folder: Path) -> Path:
    """A folder that is taken for a model; opening a pipe for reading waits for a writer."""
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text('{"_class_name": "FluxPipeline"}', encoding="utf-8")
    os.mkfifo(folder / "README.md")
    return folder


def release(folder: Path) -> None:
    """Let go on whoever waits for the model, and everybody who comes later."""
    pipe = folder / "README.md"
    # Open for both, which waits for nobody.
    writer = os.open(pipe, os.O_RDWR)
    pipe.rename(folder / "old-pipe")
    (folder / "README.md").write_text("", encoding="utf-8")
    os.close(writer)
