"""The process that does the work: `python -m server.jobs.worker DEVICE [--low-vram]`, one a device, warm between jobs.

It reads orders as JSON lines from stdin and answers with JSON lines on stdout:

    {"order": "make", "job": id, "recipe": {...}, "task": as server.jobs.job.Task, "folder": path,
     "unfinished": path, "given": path, "finish": bool}
    {"order": "cancel" | "finish" | "pause" | "resume" | "stop", "job": id}

    {"answer": "ready", "facts": {...}, "memory": {...}, "others": ["cuda:1"]}  once; with DEVICE auto, the other cards
    {"answer": "alive", "memory": {"memory_free", "memory_total"}}              every second
    {"answer": "event", "job": id, "name": ..., "data": {...}}                  while a job runs
    {"answer": "done", "job": id, "report": {...}}
    {"answer": "cancelled", "job": id}
    {"answer": "left", "job": id, "why": "pause" | "stop" | "look"}
    {"answer": "failed", "job": id, "error": {"code", "headline", "detail", "next"}, "fatal": bool}
                                                                                one of these four ends a job

A job that is paused or stopped is kept on disk and left; SIGTERM stops the job and ends the process. After a fatal
failure the process cannot be trusted with another job, and its owner replaces it. The end of stdin is the end of the
process. torch is imported here and nowhere above.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server import accelerators
from server.accelerators import choose_device, is_device, others_like
from server.console import keep_stdout_for_answers, prepare_console
from server.errors import Cancelled, Problem, disk_problem
from server.jobs.answers import Answers, Reporter
from server.jobs.artifacts import check_is_no_link
from server.jobs.control import Control, LeftForLater, Orders
from server.jobs.deaths import RETRY
from server.jobs.process import JOB_LINE
from server.recipe import Recipe, read_recipe
from server.studio.events import OnEvent, Progress
from server.studio.journal import NAME, Journal
from server.studio.kept_names import STATE, THUMBNAIL

if TYPE_CHECKING:
    from server.priors.denoiser import Prior


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
        recipe = read_recipe(order["recipe"])
        check_is_no_link(folder)
        # Not its parents: a data folder that was removed is not to come back half empty.
        folder.mkdir(exist_ok=True)
        told = Reporter(job_id, folder, answers, partial(accelerators.used_on, priors.device))
        report = Journal(folder / NAME, told, priors.device)
        control.leave_if_asked()
        work = _mesh_again if order["task"] == "remesh" else _make
        answers.send("done", job=job_id, report=work(order, recipe, folder, control, priors, report))
    except Cancelled:
        answers.send("cancelled", job=job_id)
    except LeftForLater as left:
        told.catch_up()
        if left.why == "look":
            answers.send("event", job=job_id, name="look", data={"artifact": THUMBNAIL})
        answers.send("left", job=job_id, why=left.why)
    except Problem as problem:
        answers.send("failed", job=job_id, error=problem.as_json(), fatal=False)
    except OSError as error:
        traceback.print_exc()
        disk = disk_problem(error, safe=RETRY)
        answers.send("failed", job=job_id, error=disk.as_json(), fatal=False)
    except Exception as error:
        traceback.print_exc()
        answers.send("failed", job=job_id, error=_unforeseen(error), fatal=_is_device_lost(error))


def _make(
    order: dict[str, Any], recipe: Recipe, folder: Path, control: Control, priors: PriorShelf, report: OnEvent
) -> dict[str, Any]:
    from server.studio.assignment import set_aside
    from server.studio.looking import Looked
    from server.studio.production import produce

    report(Progress("Loading", 0.0))
    prior = priors.get(recipe.prior, recipe.loras)
    control.leave_if_asked()
    goes_on = order["task"] == "continue"
    # It began where its parent ended: what is kept of it is not of a run that began with this recipe.
    unfinished = folder if goes_on else Path(order["unfinished"])
    try:
        return produce(
            recipe,
            prior,
            folder,
            report,
            control.should_stop,
            priors.device,
            unfinished,
            given=Path(order["given"]),
            begin=folder / STATE if goes_on else None,
            keeps_end=True,
            # What was given more steps is wanted as it is.
            most_starts=1 if goes_on else 2,
            is_look=order["task"] == "look",
            # Others may be under way or queued again: whoever has the list of jobs knows which nobody needs.
            most_kept=None,
        )
    except LeftForLater:
        set_aside(recipe, prior, unfinished)
        raise
    except Looked:
        set_aside(recipe, prior, unfinished)
        raise LeftForLater("look") from None


def _mesh_again(
    order: dict[str, Any], recipe: Recipe, folder: Path, control: Control, priors: PriorShelf, report: OnEvent
) -> dict[str, Any]:
    from server.studio.remeshing import remesh

    return remesh(recipe, folder, report, control.should_stop, priors.device)


def _unforeseen(error: Exception) -> dict[str, str]:
    from server.studio.health import is_out_of_memory, out_of_memory

    if is_out_of_memory(error):
        return out_of_memory(error).as_json()
    said = traceback.format_exception_only(error)[-1].strip()
    return Problem("internal", f"The job failed: {said}", "The worker's log has the details.").as_json()


def _is_device_lost(error: Exception) -> bool:
    import torch

    return isinstance(error, torch.AcceleratorError)


def _die_with_parent() -> None:
    """The end of stdin does the same; this also works while a native call holds the interpreter."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _arguments() -> tuple[str, bool]:
    """The device, and whether its memory is to be spared."""
    device, *options = sys.argv[1:] or [""]
    if not is_device(device) or options not in ([], ["--low-vram"]):
        print(f"The worker takes a device ({accelerators.NAMES}) and perhaps --low-vram.", file=sys.stderr)
        sys.exit(2)
    return device, bool(options)


def main() -> None:
    wanted, low_vram = _arguments()
    _die_with_parent()
    prepare_console()
    answers = Answers(keep_stdout_for_answers())
    # Ctrl+C in a terminal reaches the whole process group; the server decides what happens to the worker.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders = Orders(sys.stdin)
    signal.signal(signal.SIGTERM, lambda *_: orders.end())
    try:
        device = choose_device(wanted)
        others = others_like(device) if wanted == "auto" else []
        memory = partial(_memory, device)
        answers.send("ready", facts=_facts(device), memory=memory(), others=others)
        priors = PriorShelf(device, low_vram)
        answers.start_heartbeat(memory)
        while (asked := orders.next_job()) is not None:
            print(f"{JOB_LINE}{asked[0]['job']}", file=sys.stderr, flush=True)
            make(*asked, priors, answers)
        os._exit(0)
    except Problem as problem:
        print(problem, file=sys.stderr)
    except Exception:
        traceback.print_exc()
    # Not sys.exit: the interpreter cannot shut down in order while a thread waits for stdin.
    sys.stderr.flush()
    os._exit(1)


def _memory(device: str) -> dict[str, int]:
    """Bytes that a job may have here, what this process holds for the last one included; nothing where it cannot be
    told."""
    try:
        memory, own = accelerators.memory_of(device), accelerators.held_on(device)
    except RuntimeError:  # the device is lost, which its job will say
        return {}
    return {} if memory is None else {"memory_free": min(memory[0] + own, memory[1]), "memory_total": memory[1]}


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
