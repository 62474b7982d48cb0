"""What threads tell Blender: only plain values and checked arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .arrays import Mesh, Pixels, Png
from .client import Client
from .errors import Problem
from .offer import Offer


@dataclass(frozen=True)
class Connected:
    """The server answers."""

    client: Client


@dataclass(frozen=True)
class Offered:
    """What the server can do, as it says now."""

    offer: Offer


@dataclass(frozen=True)
class Retrying:
    """The server is out of reach and was tried again so often; 0 once it is reached again."""

    attempts: int


@dataclass(frozen=True)
class Submitted:
    job_id: str


@dataclass(frozen=True)
class StateChanged:
    state: str


@dataclass(frozen=True)
class Progressed:
    """Fields as the server sends them: `fraction` in [0, 1] of the whole job, `seconds_left` and `q` None while not
    known; `elapsed` are seconds since a worker began with it, this time."""

    phase: str
    fraction: float
    step: int
    steps: int
    seconds_left: float | None
    denoiser_calls: int
    elapsed: float = 0.0
    q: float | None = None


@dataclass(frozen=True)
class Looked:
    """It was a quick look, which is there: it is paused now."""


@dataclass(frozen=True)
class Noted:
    """A line for the panel: the server's warning, or a preview that was left out."""

    text: str


@dataclass(frozen=True)
class LiveMesh:
    mesh: Mesh


@dataclass(frozen=True)
class LiveImage:
    pixels: Pixels


@dataclass(frozen=True)
class Finished:
    """The end of a good job.

    Attributes:
        result: a mesh or a picture, as the recipe's kind says.
        report: the server's report; with "faces" of a mesh, "width" and "height" of a picture.
        recipe: the full recipe, filled in by the server.
        folder: where all files of the result lie.
        maps: of a picture, by their names in the recipe.
        reused: whether the server had made it before.
    """

    result: Mesh | Png
    report: dict[str, Any]
    recipe: dict[str, Any]
    folder: Path
    maps: Mapping[str, Png] = field(default_factory=dict)
    reused: bool = False


@dataclass(frozen=True)
class Failed:
    problem: Problem


@dataclass(frozen=True)
class CancelledElsewhere:
    """Somebody else cancelled the job on the server."""


@dataclass(frozen=True)
class Standing:
    """How one job is doing, as the server's list says it.

    Attributes:
        state: as the server names it; "unknown" when it has no such job any more.
        problem: why it failed.
        others_before: jobs of others that are worked on before it, while it waits.
        place: jobs that wait before it.
        task: what is done with it; "looked" of a quick look that is there.
    """

    job_id: str
    state: str
    progress: Progressed | None = None
    problem: Problem | None = None
    report: dict[str, Any] | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    others_before: int = 0
    place: int = 0
    task: str = ""


@dataclass(frozen=True)
class Obeyed:
    """The server did as it was told about a job, or refused to."""

    order: str
    done: bool = True


@dataclass(frozen=True)
class Unheard:
    """The server was out of reach when it was to cancel a job."""

    job_id: str


@dataclass(frozen=True)
class Rendering:
    """Blender has begun to render, or has ended."""

    renders: bool


@dataclass(frozen=True)
class Rolled:
    """How all jobs are doing that were asked about, at `asked` of time.monotonic; None when the server did not say."""

    standings: tuple[Standing, ...] | None
    asked: float = 0.0


@dataclass(frozen=True)
class Answered:
    """A question to the server was answered; `then` takes the answer on Blender's main thread."""

    then: Callable[[], None]


@dataclass(frozen=True)
class Pictured:
    """The small picture of a result is in this file."""

    job_id: str
    file: Path


@dataclass(frozen=True)
class RequestFailed:
    """A request beside the job (start, stop, finish now) failed; the job itself is not concerned."""

    problem: Problem


Message = (
    Connected
    | Offered
    | Retrying
    | Submitted
    | StateChanged
    | Progressed
    | Looked
    | Noted
    | LiveMesh
    | LiveImage
    | Finished
    | Failed
    | CancelledElsewhere
    | Obeyed
    | Unheard
    | Rendering
    | Rolled
    | Answered
    | Pictured
    | RequestFailed
)
