"""Command lines as tasks of Slurm, through submitit: handed in as array jobs, requeued when their time is up."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import server
from server.errors import BadRequest

if TYPE_CHECKING:
    from submitit.core.utils import DelayedSubmission

# Slurm allows arrays of 1000 unless its administrator says otherwise (MaxArraySize).
MOST_AT_ONCE = 1000
# A task goes on from its checkpoint each time; one that gets nowhere ends some day.
MOST_TIMEOUTS = 50


@dataclass(frozen=True)
class Wishes:
    """What every task is to be given, in Slurm's words.

    Attributes:
        partition: None: the cluster's usual one.
        gres: generic resources, for example "gpu:1"; None: none.
        minutes: after which a task is requeued.
    """

    partition: str | None
    gres: str | None
    minutes: int


@dataclass(frozen=True)
class CommandLine:
    """A command in a process of its own, which goes on from where it was when it is started again."""

    arguments: tuple[str, ...]

    def __call__(self) -> int:
        """Returns its exit code."""
        command = [sys.executable, "-m", "server", *self.arguments]
        return subprocess.call(command, preexec_fn=_leave_notices_to_the_parent)

    def checkpoint(self) -> DelayedSubmission:
        """submitit asks for what is to be started when the task is requeued."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _leave_notices_to_the_parent() -> None:
    """Slurm tells every process that it will end soon. submitit answers; the work goes on until it is killed."""
    for notice in (signal.SIGTERM, signal.SIGUSR2):
        signal.signal(notice, signal.SIG_IGN)


def check_slurm() -> None:
    """Raises BadRequest: "submitit-missing" or "slurm-missing"."""
    try:
        import submitit  # noqa: F401
    except ImportError:
        raise BadRequest(
            "submitit-missing",
            "Slurm is spoken to through the package submitit, which is not installed.",
            'Install it: pip install "blender-msd[farm]", or pip install submitit.',
        ) from None
    missing = [name for name in ("sbatch", "srun", "squeue") if shutil.which(name) is None]
    if missing:
        hint = "Give the command on a computer of the cluster from which jobs are submitted."
        raise BadRequest("slurm-missing", f"There is no Slurm here: {', '.join(missing)} was not found.", hint)


def submit(commands: Sequence[Sequence[str]], logs: Path, wishes: Wishes) -> list[str]:
    """Hand in up to MOST_AT_ONCE commands as one array job.

    Args:
        commands: arguments of `python -m server`; they may run in any order, at the same time, on any computer.
        logs: folder, which all computers see, for what they print.

    Returns:
        Slurm's names of the tasks, in the order of `commands`: "12_0", "12_1", ..., or "12" of a single one.

    Raises:
        BadRequest: "slurm-refused", with Slurm's words.
        OSError: `logs` cannot be written.
    """
    from submitit import SlurmExecutor
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    logs.mkdir(parents=True, exist_ok=True)
    executor = SlurmExecutor(logs, max_num_timeout=MOST_TIMEOUTS)
    asked = {"partition": wishes.partition, "gres": wishes.gres}
    root = Path(server.__file__).parents[1]
    executor.update_parameters(
        job_name="msd",
        time=wishes.minutes,
        array_parallelism=MOST_AT_ONCE,
        stderr_to_stdout=True,
        # Where `python -m server` is found, whatever folder the command was given in.
        setup=[f'export PYTHONPATH="{root}${{PYTHONPATH:+:$PYTHONPATH}}"'],
        **{name: wish for name, wish in asked.items() if wish is not None},
    )
    try:
        jobs = executor.submit_array([CommandLine(tuple(command)) for command in commands])
    except (FailedJobError, FailedSubmissionError) as error:
        said = " ".join(str(error).split()) or "no reason was given"
        hint = "Mend what it names; sinfo lists partitions and limits."
        raise BadRequest("slurm-refused", f"Slurm does not take the tasks: {said}", hint) from None
    return [str(job.job_id) for job in jobs]


def log_of(logs: Path, task: str) -> Path:
    """Where a task's output is, over all its starts."""
    return logs / f"{task}_0_log.out"


def tasks_alive() -> Mapping[str, bool] | None:
    """Slurm's names of all our tasks that have not ended, each with whether it runs now; None: Slurm gave no answer."""
    asked = ["squeue", "--me", "--noheader", "--array", "--format=%i %t"]
    done = subprocess.run(asked, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        return None
    return {task: state == "R" for task, state in (line.split() for line in done.stdout.splitlines())}
