"""What a server offers: its models, what each makes and needs, and which words it understands."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .bandwidths import Leg
from .client import Client, Slow
from .errors import Interrupted, Problem
from .interrupt import Interrupt
from .kinds import shown_as
from .language import Language, read_language

# For so many seconds a server is asked again that has not told everything: its disks may be slow. And how often.
PATIENCE = 600.0
PAUSE = 1.0

_THINGS = {"mesh": "objects", "texture": "textures"}


@dataclass(frozen=True)
class Model:
    """One diffusion model (a prior, in the server's words).

    Attributes:
        name: what a recipe calls it.
        title: what people call it.
        path: where it lies on the server's computer; empty when it is part of the server.
        makes: "mesh", "texture" or both.
        takes_camera, view_prompts: whether it is told the view exactly, or by words in the prompt.
        needs: a sentence on the hardware.
        why_not: why it cannot be used; empty when it can.
        language: the words it understands; None when it reads any text.
        known_things: per kind, in words, what can be asked for.
        calls: per kind and preset, how often the network is asked.
        look_calls: per kind and preset, how often a quick look asks it.
        detail_calls: per kind and preset, how often a second pass asks it, which textures have from `detail_from`
            pixels along their shorter side.
        seconds_per_call: per kind, as measured on the server's computer; nothing where nothing was.
        steps: per kind and preset, how many a job takes.
        bandwidths: per kind, the legs of a run that is left to the model.
    """

    name: str
    title: str
    description: str
    licence: str
    path: str
    makes: tuple[str, ...]
    takes_camera: bool
    view_prompts: bool
    needs: str
    needs_cuda: bool
    why_not: str
    language: Language | None
    known_things: Mapping[str, str]
    calls: Mapping[str, Mapping[str, int]]
    seconds_per_call: Mapping[str, float]
    look_calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    detail_calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    detail_from: int = 0
    steps: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    bandwidths: Mapping[str, tuple[Leg, ...]] = field(default_factory=dict)

    def unknown_words(self, prompt: str) -> list[str]:
        """The words of a prompt that it does not understand, each once; the server finds the same ones."""
        return [] if self.language is None else self.language.unknown_words(prompt)

    @property
    def refuses(self) -> bool:
        """Whether a prompt with unknown words is refused; else those words are left out."""
        return self.language is not None and self.language.refuses

    def refusal(self, prompt: str, kind: str) -> Problem | None:
        """Why the server will refuse this prompt, in its words; None when it will not, as far as is known here."""
        return None if self.language is None else self.language.refusal(prompt, shown_as(kind), self.title)

    def cost(self, kind: str, preset: str) -> str:
        """What a preset costs: the rest of a sentence that begins with its name; empty when the server does not say."""
        calls = self.calls.get(kind, {}).get(preset)
        return "" if calls is None else f"asks the model {calls:,} times."

    def look_share(self, kind: str, preset: str, side: int = 0) -> float | None:
        """What a quick look costs, of the whole; None when the server does not say. `side`: as `seconds`."""
        calls, look = self._calls(kind, preset, side), self.look_calls.get(kind, {}).get(preset)
        return look / calls if calls and look else None

    def seconds(self, kind: str, preset: str, side: int = 0) -> float | None:
        """What a preset takes on the server's computer; None where no job of that kind was done yet.

        Args:
            side: the shorter one of a texture, in pixels.
        """
        calls, pace = self._calls(kind, preset, side), self.seconds_per_call.get(kind)
        return None if calls is None or pace is None else calls * pace

    def _calls(self, kind: str, preset: str, side: int) -> int | None:
        calls = self.calls.get(kind, {}).get(preset)
        is_large = 0 < self.detail_from <= side
        return calls if calls is None or not is_large else calls + self.detail_calls.get(kind, {}).get(preset, 0)

    def cannot_make(self, kind: str) -> str:
        """Why it can do no job of a kind, in a sentence; empty when it can."""
        if self.why_not:
            return f"{self.title} cannot be used. {self.why_not}"
        kind = shown_as(kind)
        if kind not in self.makes:
            made = " and ".join(_THINGS[other] for other in self.makes if other in _THINGS) or "neither"
            return f"{self.title} makes {made}, no {_THINGS[kind]}."
        return ""


@dataclass(frozen=True)
class Offer:
    """Attributes:
    models: in the server's order; empty while no server was asked.
    default: name of the model that is used when none is chosen.
    has_cuda: whether the server has an NVIDIA graphics card; None while it does not know yet.
    refreshing: whether the server is still looking for models.
    device: the name of the first device that computes; empty while it is not known.
    free_gb: its free memory, when the server says it.
    presets: per kind and preset, the fields of a recipe that it fills.
    """

    models: tuple[Model, ...] = field(default=())
    default: str = ""
    has_cuda: bool | None = None
    refreshing: bool = False
    device: str = ""
    free_gb: float | None = None
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether asking again would tell nothing new."""
        return not self.refreshing and (self.has_cuda is not None or not self.models)

    def find(self, name: str) -> Model | None:
        """The model that a recipe with this name gets; an empty name is the default."""
        wanted = name.strip() or self.default
        return next((model for model in self.models if model.name == wanted), None)

    def is_too_slow(self, model: Model) -> bool:
        """Whether the model wants a graphics card that the server certainly does not have."""
        return model.needs_cuda and self.has_cuda is False


def read_offer(capabilities: Mapping[str, Any]) -> Offer:
    """What the answer to /v1/capabilities says; whatever a server leaves out counts as unproblematic."""
    recipe = capabilities.get("recipe", {}).get("properties", {})
    return Offer(
        tuple(_read_model(said) for said in capabilities.get("priors", [])),
        str(recipe.get("prior", {}).get("default", "")),
        _has_cuda(capabilities.get("devices", [])),
        capabilities.get("priors_refreshing") is True,
        *_first_device(capabilities.get("devices", [])),
        capabilities.get("presets", {}),
    )


def follow_offer(client: Client, stop: Interrupt, refresh: bool = False) -> Iterator[Offer]:
    """What the server says, asked again until it knows its devices, which takes it some seconds after its start, and
    its models, which takes as long as its disks do. A server that is slow is asked again.

    Args:
        refresh: let it look for models again.

    Raises:
        Interrupted: `stop` was set.
        Problem: there is no server.
    """
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        try:
            offer = read_offer(client.capabilities(refresh))
            refresh = False
            yield offer
            if offer.is_complete:
                return
        except Slow:
            pass
        except Problem:
            if stop.is_set():  # it was stopped meanwhile
                raise Interrupted from None
            raise
        stop.wait(PAUSE)


def _read_model(said: Mapping[str, Any]) -> Model:
    language = said.get("language") or {}
    return Model(
        name=str(said["name"]),
        title=str(said.get("title") or said["name"]),
        description=str(said.get("description", "")),
        licence=str(said.get("licence", "")),
        path=str(said.get("path") or ""),
        makes=tuple(said.get("makes", _THINGS)),
        takes_camera=bool(said.get("takes_camera")),
        view_prompts=bool(said.get("view_prompts")),
        needs=str(said.get("needs", "")),
        needs_cuda=bool(said.get("needs_cuda")),
        why_not="" if said.get("usable", True) else str(said.get("why_not") or "The server does not say why."),
        language=read_language(language),
        known_things=dict(language.get("known_things", {})),
        calls=_of_presets(said, "denoiser_calls"),
        look_calls=_of_presets(said, "look_calls"),
        detail_calls=_of_presets(said, "detail_calls"),
        detail_from=int(said.get("detail_from") or 0),
        bandwidths=_bandwidths(said),
        seconds_per_call={str(kind): float(pace) for kind, pace in said.get("seconds_per_call", {}).items()},
        steps=_of_presets(said, "steps"),
    )


def _of_presets(said: Mapping[str, Any], what: str) -> dict[str, dict[str, int]]:
    """One number of what each preset costs, per kind and preset; 0 where the server leaves it out."""
    return {
        str(kind): {str(preset): int(cost.get(what, 0)) for preset, cost in presets.items()}
        for kind, presets in said.get("costs", {}).items()
    }


def _bandwidths(said: Mapping[str, Any]) -> dict[str, tuple[Leg, ...]]:
    schedule, start, end = (said.get(f"bandwidth_{name}") for name in ("schedule", "start", "end"))
    if not schedule or not start or not end:
        return {}
    picture = tuple(
        Leg(str(schedule), float(leg["bandwidth_start"]), float(leg["bandwidth_end"]), float(leg["share"]))
        for leg in said.get("picture", [])
    )
    return {"mesh": (Leg(str(schedule), float(start), float(end)),)} | ({"texture": picture} if picture else {})


def in_words(seconds: float) -> str:
    """A time for people: "25 s", "4 min", "1.5 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _first_device(devices: list[dict[str, Any]]) -> tuple[str, float | None]:
    """Name and free memory of the first device that is up."""
    first = next((device for device in devices if "device" in device), {})
    free = first.get("free_gb")
    return str(first.get("name") or first.get("device", "")), float(free) if isinstance(free, int | float) else None


def _has_cuda(devices: list[dict[str, Any]]) -> bool | None:
    if any(str(device.get("device", "cpu")) != "cpu" for device in devices):
        return True
    waits = any("device" not in device and device.get("state") != "down" for device in devices)
    return None if waits or not devices else False
