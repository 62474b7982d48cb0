"""A Slurm of this computer alone, with its own settings, ports and keys: nothing of it is left behind."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
# Debian keeps the daemons where only root looks.
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
PATIENCE_S = 600.0

SETTINGS = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
# A task that is queued again waits for as long as credentials live.
AuthInfo=socket={folder}/munge.sock,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=500 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Why there can be no Slurm here; empty when there can."""
    missing = [name for name in NEEDED if shutil.which(name, path=PLACES) is None]
    if missing:
        return f"needs Slurm and munge (apt install slurm-wlm munge): {', '.join(missing)} is not here"
    return "" if os.geteuid() == 0 else "Slurm's daemons are started as root"


@contextmanager
def slurm_here() -> Iterator[None]:
    """While it is open, sbatch and its kin speak to a cluster of this computer."""
    folder = Path(tempfile.mkdtemp(prefix="msd-slurm-"))
    daemons: list[subprocess.Popen[bytes]] = []
    before = os.environ.get("SLURM_CONF")
    try:
        _write_settings(folder)
        os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
        with (folder / "log").open("wb") as log:
            for command in _daemons(folder):
                daemons.append(subprocess.Popen(command, stdout=log, stderr=log))
                if command[0].endswith("munged"):
                    _wait(folder, (folder / "munge.sock").exists)
        _wait(folder, lambda: "idle" in _said("sinfo", "--noheader", "--format=%T"))
        yield
    finally:
        _said("scancel", "--full", f"--user={getpass.getuser()}")
        _said("scontrol", "shutdown")
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()
        os.environ.pop("SLURM_CONF")
        if before is not None:
            os.environ["SLURM_CONF"] = before
        shutil.rmtree(folder, ignore_errors=True)


def _write_settings(folder: Path) -> None:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    with socket.socket() as one, socket.socket() as other:
        for free in (one, other):
            free.bind(("127.0.0.1", 0))
        ports = (one.getsockname()[1], other.getsockname()[1])
    host, cores = socket.gethostname().partition(".")[0], os.cpu_count()
    said = SETTINGS.format(host=host, user=getpass.getuser(), ports=ports, folder=folder, cores=cores)
    (folder / "slurm.conf").write_text(said, encoding="utf-8")


def _daemons(folder: Path) -> Iterator[list[str]]:
    for name in ("munged", "slurmctld", "slurmd"):
        program = shutil.which(name, path=PLACES)
        assert program is not None
        if name == "munged":
            places = {"key-file": "key", "socket": "sock", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
            options = [f"--{option}={folder}/munge.{place}" for option, place in places.items()]
            yield [program, "--foreground", "--force", *options]
        else:
            yield [program, "-D", "-f", str(folder / "slurm.conf")]


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False).stdout


def _wait(folder: Path, is_ready: object) -> None:
    assert callable(is_ready)
    deadline = time.monotonic() + PATIENCE_S
    while not is_ready():
        assert time.monotonic() < deadline, (folder / "log").read_text(encoding="utf-8")
        time.sleep(0.1)
