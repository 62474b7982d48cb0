"""What requests and answers look like, as types: they become the schemas of the OpenAPI page."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from server.jobs.events import State
from server.jobs.job import Task
from server.priors.card import CameraLaw, Leg
from server.recipe import Kind, Preset, Recipe

Seconds = Annotated[float, Field(ge=0, description="since 1970")]
Count = Annotated[int, Field(ge=0)]
Scalar = bool | int | float | str | list[str] | None


class _Said(BaseModel):
    """A part of an answer; what it says besides the fields that are named here is for people."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class ErrorBody(_Said):
    code: str = Field(
        pattern="^[a-z]+(-[a-z]+)*$", description="stable; programs compare this. docs/errors.md lists all"
    )
    headline: str = Field(min_length=1, description="a few words")
    detail: str = Field(description="what happened, in a sentence")
    next: str = Field(description="what to do about it, in a sentence; may be empty")


class ErrorAnswer(_Said):
    error: ErrorBody


class About(_Said):
    name: Literal["blender-msd"]
    version: str
    api: int


class Device(_Said):
    wanted: str = Field(description="as --devices named it; a card that `auto` found by its number")
    state: Literal["off", "starting", "idle", "busy", "down"]
    problem: str = Field(description="why it is down; what it waits for, while it starts on a cluster")
    node: str = Field(default="", description="of the cluster: host and address")
    device: str = Field(default="", description="cpu, cuda or cuda:NUMBER; absent before the worker answers")
    name: str = ""
    torch: str = ""
    threads: Count = 0
    pid: Count = 0
    memory_free: Count | None = Field(default=None, description="bytes that a job may have there now")
    memory_total: Count | None = None


class Language(_Said):
    understood: list[str] = Field(description="every word, in lower case")
    unknown_words: Literal["refused", "left out"]
    known_things: dict[Kind, str]


class Cost(_Said):
    steps: Count
    views_per_step: Count
    denoiser_calls: Count
    look_calls: Count = Field(default=0, description="those of them that a quick look asks for")
    detail_calls: Count = Field(
        default=0, description="that a texture asks for beside them, from `detail_from` pixels on"
    )


class Prior(_Said):
    """A model; of one that cannot be read only the required fields are told."""

    name: str = Field(description="its id: what a recipe calls it")
    title: str
    description: str
    licence: str
    path: str | None
    makes: list[Kind]
    takes_camera: bool
    usable: bool
    why_not: str
    needs: str
    needs_cuda: bool
    gpu_memory_gb: float | None
    language: Language | None
    words: list[str] | None
    image_size: Count = 0
    latent_shape: list[Count] = []
    fixed_light: bool = False
    view_prompts: bool = False
    guidance_scale: float = 1.0
    estimator: str = ""
    picture_estimator: str = ""
    centre: str = ""
    kernel_time: str = ""
    interval: list[float] = []
    inversion_scale: float = 0.0
    sampler_steps: Count = 0
    perp_neg: bool = False
    bandwidth_schedule: str = ""
    bandwidth_start: float = 0.0
    bandwidth_end: float = 0.0
    picture: list[Leg] = []
    detail_from: Count = Field(
        default=0, description="pixels along a texture's shorter side from which its detail is made in a second pass"
    )
    cameras: CameraLaw = CameraLaw()
    costs: dict[Kind, dict[Preset, Cost]] = Field(
        default_factory=dict, description="what each preset asks for by default"
    )
    seconds_per_call: dict[Kind, float] = Field(
        default_factory=dict, description="of jobs that were done here with the model's own guidance"
    )


class PresetMesh(_Said):
    resolution: Count
    faces: Count
    texture_size: Count


class PresetFields(_Said):
    """Fields of a recipe that the preset fills."""

    steps: Count
    views_per_step: Count = 1
    mesh: PresetMesh | None = None


class Capabilities(About):
    devices: list[Device]
    priors: list[Prior]
    priors_taken: Seconds | None = Field(description="when the oldest part was looked at; null while some was not yet")
    priors_refreshing: bool
    prior_folders: Literal[True]
    allowed_folders: list[str] = Field(description="models in them may also be named by their paths")
    hub: bool = Field(description="whether a recipe may name hub:owner/name@revision")
    presets: dict[Kind, dict[Preset, PresetFields]]
    recipe: dict[str, Any] = Field(description="the JSON Schema of Recipe")


class Progress(_Said):
    phase: str
    fraction: float = Field(ge=0, le=1)
    step: Count = 0
    steps: Count = 0
    seconds_left: float | None = None
    denoiser_calls: Count = 0
    q: float | None = Field(
        default=None, description="how far from a mode, in bandwidths; null outside the optimisation"
    )
    shell_ratio: float | None = None
    elapsed: float = Field(default=0.0, ge=0, description="seconds since a worker began with it, this time")
    memory_bytes: Count | None = Field(default=None, description="that its worker uses on its device")


class Report(_Said):
    """How it was made; more fields tell of the kind of thing that it is."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Scalar]

    artifacts: list[str] = []
    seconds: float = 0.0
    steps: Count = 0
    stopped_by: str = ""
    denoiser_calls: Count = 0


class JobAnswer(_Said):
    id: str
    state: State
    recipe: Recipe
    report: Report | None
    error: ErrorBody | None
    progress: Progress | None
    warnings: list[str]
    created: Seconds
    started: Seconds | None
    finished: Seconds | None
    last_event: Count
    attempts: Count = Field(description="how often a worker began with it")
    finish: bool = Field(description="whether it was told to make do with what there is")
    priority: Count = Field(description="of the queued jobs, the highest is next, then the oldest")
    pausing: bool = Field(description="it is to be paused, and its worker has not left it yet")
    starred: bool = Field(description="its files are kept whatever the quota says")
    removed: list[str] = Field(description="files that are gone, to keep the quota of the data folder")
    task: Task = Field(
        description="what is done with the recipe: all of it (make); a quick look, after which it is paused (look); "
        "all of it from that look (looked); more steps from where its parent ended; another mesh of its parent's field"
    )
    parent: str | None = Field(description="the job that it begins with, which may have been deleted")
    digest: str = Field(description="jobs with the same one make the same; empty: it is like no other")
    anew: bool = Field(description="it was asked to be made even if the same was made before")
    made_on: str = Field(description="the kind of device that has or had it; empty before a worker began")
    reused: str | None = Field(description="the job that made the same before, whose result this one has; or null")
    needs: dict[str, Count] = Field(
        description="bytes of memory that it takes: `cpu` on a processor, `card` on a graphics card; empty for little"
    )
    waits: str = Field(description="why no device takes it, beside that others are before it; empty otherwise")


class Ordered(Recipe):
    """A recipe, and what is not part of it: how it is to be made."""

    anew: bool = Field(default=False, description="make it even if the same was made here before")


class Batch(_Said):
    jobs: list[JobAnswer] = Field(description="one a seed, in their order")


class JobPage(_Said):
    jobs: list[JobAnswer] = Field(description="newest first")
    next: str | None = Field(description="the cursor of the page behind this one; null on the last")


class ResultRow(_Said):
    id: str
    kind: Kind
    prompt: str
    seed: Count
    prior: str
    preset: Preset
    created: Seconds
    finished: Seconds | None
    starred: bool
    task: Task
    parent: str | None
    files: list[str] = Field(description="those that are there; with state.safetensors it can be given more steps")
    thumbnail: str | None = Field(description="the file with its picture, up to 128 pixels a side")


class ResultPage(_Said):
    results: list[ResultRow] = Field(description="newest first")
    next: str | None = Field(description="the cursor of the page behind this one; null on the last")
    total: Count = Field(description="of all pages")


class LogLines(_Said):
    lines: list[str] = Field(description="oldest first")
    next: str | None = Field(description="what to skip for those before these; null when these are the first")


class Devices(_Said):
    devices: list[Device]


class Lease(_Said):
    pid: int
    since: Seconds


class LeasesAnswer(_Said):
    leases: list[Lease] = Field(description="of programs that still run")


class MeshAnswer(_Said):
    mesh: str = Field(description="its digest, for recipes")
    faces: int = Field(ge=1)


class ImageAnswer(_Said):
    image: str = Field(description="its digest, for recipes")
    width: int = Field(ge=1)
    height: int = Field(ge=1)


# status -> what it is said for; every route may give the common ones.
_WHY = {
    400: "Not HTTP, or not whole",
    401: "The token is missing or wrong",
    403: "Host or Origin is not one of this server's",
    404: "There is no such thing",
    405: "Not with this method",
    408: "The request came too slowly",
    409: "Not in this state",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "The request, or the recipe, is wrong; the detail names the field",
    429: "A limit of the server is reached",
    431: "The headers are too large",
    500: "The server made a mistake",
    503: "The server, or its disk, is not able to now",
    507: "The disk is full",
}
_COMMON = (400, 401, 403, 405, 408, 422, 431, 500, 503, 507)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers of a route that are errors: these, and the common ones."""
    return {status: {"model": ErrorAnswer, "description": _WHY[status]} for status in sorted({*_COMMON, *statuses})}
