"""The process that does the work: `python -m server.jobs.worker DEVICE [--low-vram]`, one a device, warm between jobs.

It reads orders as JSON lines from stdin and answers with JSON lines on stdout:

    {"order": "make", "job": id, "recipe": {...}, "folder": path, "unfinished": path}
    {"order": "cancel" | "finish" | "pause" | "resume", "job": id}

    {"answer": "ready", "facts": {...}}                                         once
    {"answer": "event", "job": id, "name": ..., "data": {...}}                  while a job runs
    {"answer": "done", "job": id, "report": {...}}
    {"answer": "cancelled", "job": id}
    {"answer": "failed", "job": id, "error": {"code", "headline", "detail", "next"}, "fatal": bool}
                                                                                one of these three ends a job

After a fatal failure the process cannot be trusted with another job, and its owner replaces it. The end of stdin is the
end of the process. torch is imported here and nowhere above.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

import numpy as np

from server import accelerators
from server.accelerators import choose_device, is_device
from server.console import prepare_console
from server.errors import Cancelled, Problem, disk_problem
from server.jobs.artifacts import LiveFiles
from server.jobs.events import LIVE_FILES
from server.recipe import read_recipe
from server.studio.events import Event, Log, PreviewImage, PreviewMesh, Progress

if TYPE_CHECKING:
    from server.priors.denoiser import Prior


class Control:
    """What the user asked of one job; set by the thread that reads orders, polled by the optimisation."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._cancelled = False
        self._finish = False
        self._paused = False

    def obey(self, order: str) -> None:
        with self._changed:
            if order == "cancel":
                self._cancelled = True
            elif order == "finish":
                self._finish = True
            elif order in ("pause", "resume"):
                self._paused = order == "pause"
            else:
                raise ValueError(f"unknown order {order!r}")
            self._changed.notify_all()

    def should_stop(self) -> Literal["finish"] | None:
        """Waits while the job is paused.

        Raises:
            Cancelled: once the job was cancelled.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or self._finish or not self._paused)
            if self._cancelled:
                raise Cancelled
            return "finish" if self._finish else None


class Orders:
    """Reads orders on a thread of its own, so that they arrive while a job computes."""

    def __init__(self, lines: TextIO) -> None:
        self._lines = lines
        self._jobs: queue.SimpleQueue[tuple[dict[str, Any], Control]] = queue.SimpleQueue()
        self._current: tuple[str, Control] | None = None
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def next_job(self) -> tuple[dict[str, Any], Control]:
        return self._jobs.get()

    def _read(self) -> None:
        try:
            for line in self._lines:
                order = json.loads(line)
                if order["order"] == "make":
                    control = Control()
                    self._current = (order["job"], control)
                    self._jobs.put((order, control))
                elif self._current and self._current[0] == order["job"]:
                    self._current[1].obey(order["order"])
        except Exception:
            traceback.print_exc()
            os._exit(1)
        # The parent is gone or wants us gone. Finished files were renamed into place, so there is nothing to tidy.
        os._exit(0)


class Answers:
    """Writes answers, one line each."""

    def __init__(self, lines: TextIO) -> None:
        self._lines = lines

    def send(self, answer: str, **fields: Any) -> None:
        self._lines.write(json.dumps({"answer": answer, **_plain(fields)}, allow_nan=False) + "\n")
        self._lines.flush()


class Reporter:
    """Turns the studio's events into answers, and previews into files in the job's folder."""

    def __init__(self, job_id: str, folder: Path, answers: Answers) -> None:
        self._job_id = job_id
        self._answers = answers
        self._meshes = LiveFiles(folder, LIVE_FILES["preview_mesh"])
        self._images = LiveFiles(folder, LIVE_FILES["preview_image"])
        self._unsaved = False

    def __call__(self, event: Event) -> None:
        """Previews that cannot be written are missed, and said once: the job is worth more."""
        try:
            self._tell(event)
        except OSError as error:
            if not self._unsaved:
                self._send("log", asdict(Log("warning", f"{disk_problem(error).message} Previews are missing.")))
            self._unsaved = True

    def _tell(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._send("progress", asdict(event))
        elif isinstance(event, Log):
            self._send("log", asdict(event))
        elif isinstance(event, PreviewMesh):
            mesh = event.mesh
            with self._meshes.open_next() as (name, file):
                np.savez(file, position=mesh.position, triangle=mesh.triangle, colour=mesh.colour)
            self._send("preview_mesh", {"artifact": name, "vertices": len(mesh.position), "faces": len(mesh.triangle)})
        elif isinstance(event, PreviewImage):
            height, width = event.pixels.shape[:2]
            opaque = np.full((height, width, 1), 255, np.uint8)
            with self._images.open_next() as (name, file):
                np.savez(file, pixels=np.concatenate([event.pixels, opaque], -1))
            self._send("preview_image", {"artifact": name, "width": width, "height": height})

    def _send(self, name: str, data: dict[str, Any]) -> None:
        self._answers.send("event", job=self._job_id, name=name, data=data)


class PriorShelf:
    """Keeps the prior of the last job, so that the next one with the same prior starts at once."""

    def __init__(self, device: str, low_vram: bool = False) -> None:
        self.device = device
        self._low_vram = low_vram
        self._kept: tuple[tuple[str, Sequence[str]], Prior] | None = None

    def get(self, name: str, loras: Sequence[str] = ()) -> Prior:
        wanted = name, loras
        if self._kept is None or self._kept[0] != wanted:
            from server.priors.catalogue import load_prior

            self._kept = None  # frees the old one's memory before the new one asks for its own
            self._kept = (wanted, load_prior(name, self.device, self._low_vram, loras))
        return self._kept[1]


def make(order: dict[str, Any], control: Control, priors: PriorShelf, answers: Answers) -> None:
    """Do one job and answer how it ended."""
    job_id = order["job"]
    folder = Path(order["folder"])
    try:
        from server.studio.production import produce

        recipe = read_recipe(order["recipe"])
        folder.mkdir(parents=True, exist_ok=True)
        report = Reporter(job_id, folder, answers)
        control.should_stop()
        report(Progress("Loading", 0.0))
        prior = priors.get(recipe.prior, recipe.loras)
        control.should_stop()
        unfinished = Path(order["unfinished"])
        result = produce(recipe, prior, folder, report, control.should_stop, priors.device, unfinished)
        answers.send("done", job=job_id, report=result)
    except Cancelled:
        answers.send("cancelled", job=job_id)
    except Problem as problem:
        answers.send("failed", job=job_id, error=problem.as_json(), fatal=False)
    except OSError as error:
        traceback.print_exc()
        disk = disk_problem(error, safe="Submit the recipe again: it goes on from where it was.")
        answers.send("failed", job=job_id, error=disk.as_json(), fatal=False)
    except Exception as error:
        traceback.print_exc()
        answers.send("failed", job=job_id, error=_unforeseen(error), fatal=_is_device_lost(error))


def _unforeseen(error: Exception) -> dict[str, str]:
    from server.studio.health import is_out_of_memory, out_of_memory

    if is_out_of_memory(error):
        return out_of_memory(error).as_json()
    said = traceback.format_exception_only(error)[-1].strip()
    return Problem("internal", f"The job failed: {said}", "The worker's log has the details.").as_json()


def _is_device_lost(error: Exception) -> bool:
    import torch

    return isinstance(error, torch.AcceleratorError)


def _plain(value: Any) -> Any:
    """JSON has no NaN, and numpy's numbers are not Python's."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _keep_stdout_for_answers() -> TextIO:
    """Whatever else is printed, by Python or by a native library, goes to stderr from here on."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return answers


def _die_with_parent() -> None:
    """The end of stdin does the same; this also works while a native call holds the interpreter."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m server.jobs.worker", usage=argparse.SUPPRESS)
    parser.add_argument("device", type=_device, metavar="DEVICE", help=accelerators.NAMES)
    parser.add_argument("--low-vram", action="store_true")
    return parser.parse_args()


def _device(name: str) -> str:
    if not is_device(name):
        raise argparse.ArgumentTypeError(f"there is no device {name!r}; it is {accelerators.NAMES}")
    return name


def main() -> None:
    arguments = _arguments()
    _die_with_parent()
    prepare_console()
    answers = Answers(_keep_stdout_for_answers())
    # Ctrl+C in a terminal reaches the whole process group; the server decides what happens to the worker.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders = Orders(sys.stdin)
    try:
        device = choose_device(arguments.device)
        answers.send("ready", facts=_facts(device))
        priors = PriorShelf(device, arguments.low_vram)
        while True:
            make(*orders.next_job(), priors, answers)
    except Problem as problem:
        print(problem, file=sys.stderr)
    except Exception:
        traceback.print_exc()
    # Not sys.exit: the interpreter cannot shut down in order while a thread waits for stdin.
    sys.stderr.flush()
    os._exit(1)


def _facts(device: str) -> dict[str, Any]:
    import torch

    from server.studio.threads import use_half_of_the_cores

    name = "CPU" if device == "cpu" else accelerators.name_of(device)
    # tiny-cuda-nn allocates on the current device.
    accelerators.use(device)
    threads = use_half_of_the_cores()
    return {"device": device, "name": name, "torch": torch.__version__, "threads": threads, "pid": os.getpid()}


if __name__ == "__main__":
    main()
