"""What an artist does in the course of a day, and what befalls: each is a generator of waits that returns whether there
was an occasion for it."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Generator
from pathlib import Path

import bpy
from another import Another
from artist import Artist

Deed = Generator[float, None, bool]

# Of small things, with one model whose steps take a moment; an object is seen to form for some seconds.
STEPS = 16
# So many that there is a shape to be seen before the end.
LASTING = 200
# Seconds that an occasion is waited for, while something happens.
OCCASION = 60.0
MOVING = ("starting", "queued", "running", "finishing")


class Day:
    """What the deeds of one click-through share.

    Args:
        rng: decides everything that is left open.
        folder: for files.
    """

    def __init__(self, artist: Artist, rng: random.Random, folder: Path) -> None:
        self.artist = artist
        self.rng = rng
        self.folder = folder
        self.others: list[Another] = []

    # What is made.

    def generate_object(self) -> Deed:
        self._ask_for_little("mesh")
        return (yield from self._click("msd.generate_mesh"))

    def fill_texture(self) -> Deed:
        self._ask_for_little("texture")
        bpy.ops.msd.fill_texture()
        yield 0.1
        return True

    def paint_mesh(self) -> Deed:
        yield from ()
        # One without a layout is refused, which is another test's matter.
        meshes = [
            obj
            for obj in bpy.context.view_layer.objects
            if obj.type == "MESH" and "msd_preview" not in obj and obj.data.uv_layers
        ]
        if not meshes:
            return False
        bpy.context.view_layer.objects.active = self.rng.choice(meshes)
        settings = self._ask_for_little("retexture")
        settings.size = "512"
        bpy.ops.msd.texture_mesh()
        return True

    def look_quickly(self) -> Deed:
        # Of an object it would take a hundred steps.
        self._ask_for_little("texture")
        bpy.ops.msd.look_at_textures(count=2)
        yield 0.1
        return True

    # What is done about a job.

    def pause(self) -> Deed:
        return (yield from self._click_about("msd.pause", 0.5, "queued", "running"))

    def resume(self) -> Deed:
        return (yield from self._click_about("msd.resume", 0.5, "paused"))

    def cancel(self) -> Deed:
        return (yield from self._click_about("msd.cancel", 0.75, "queued", "running", "paused", "finishing"))

    def finish_now(self) -> Deed:
        return (yield from self._click_about("msd.finish", 0.25, "running", "paused"))

    def try_again(self) -> Deed:
        return (yield from self._call_about(bpy.ops.msd.retry, "failed", "cancelled"))

    def pause_in_the_list(self) -> Deed:
        return (yield from self._call_about(bpy.ops.msd.pause, "queued", "running"))

    def cancel_in_the_list(self) -> Deed:
        return (yield from self._call_about(bpy.ops.msd.cancel, "queued", "running", "paused", "finishing"))

    def watch_another(self) -> Deed:
        return (yield from self._call_about(bpy.ops.msd.watch, "queued", "running", "paused"))

    def clear_what_is_over(self) -> Deed:
        bpy.ops.msd.clear_jobs()
        yield 0.1
        return True

    def choose_a_look(self) -> Deed:
        def there() -> list[str]:
            return [job.handle for job in self.artist.link.looks() if job.waits_to_be_chosen]

        if not (yield from self._occasion(there)):
            return False
        bpy.ops.msd.tick_look(job_id=self.rng.choice(there()))
        yield 0.5
        bpy.ops.msd.finish_looks()
        return True

    def forget_the_looks(self) -> Deed:
        yield from ()
        if not self.artist.link.looks():
            return False
        bpy.ops.msd.forget_looks()
        return True

    def place_a_result(self) -> Deed:
        link = self.artist.link
        bpy.ops.msd.list_results()
        if not (yield from self._occasion(lambda: link.shelf.results)):
            return False
        result = self.rng.choice(link.shelf.results)
        try:
            bpy.ops.msd.place_result(job_id=result.job_id)
        except RuntimeError as refusal:
            # A painted mesh's colours are placed on a mesh, and that one may have no layout.
            if "has no UV layer" in str(refusal):
                return False
            raise
        return True

    # What happens to the file.

    def delete_the_preview(self) -> Deed:
        def previews() -> list[bpy.types.Object]:
            return [obj for obj in bpy.context.view_layer.objects if "msd_preview" in obj]

        if not previews():
            self._ask_for_little("mesh")
            bpy.context.scene.msd.mesh.steps = LASTING
            bpy.ops.msd.generate_mesh()
        if not (yield from self._occasion(previews)):
            return False
        bpy.ops.object.select_all(action="DESELECT")
        (preview,) = previews()
        preview.select_set(True)
        bpy.context.view_layer.objects.active = preview
        yield from self.artist.rest()
        yield from self.artist.press("Delete")
        return True

    def undo(self) -> Deed:
        yield from self.artist.rest()
        for _ in range(self.rng.randint(1, 3)):
            yield from self.artist.press("ctrl+z")
        return True

    def redo(self) -> Deed:
        yield from self.artist.rest()
        yield from self.artist.press("ctrl+shift+z")
        return True

    def save(self) -> Deed:
        bpy.ops.wm.save_as_mainfile(filepath=str(self._file))
        yield 0.1
        return True

    def load_a_file(self) -> Deed:
        if not self._file.exists():
            bpy.ops.wm.save_as_mainfile(filepath=str(self._file), copy=True)
        bpy.ops.wm.open_mainfile(filepath=str(self._file))
        yield 0.5
        return True

    def new_file(self) -> Deed:
        bpy.ops.wm.read_homefile(use_factory_startup=True)
        yield 0.5
        return True

    # What happens to Blender and to the server.

    def disable_and_enable(self) -> Deed:
        self._decide_what_quitting_does()
        self.artist.disable()
        yield self.rng.choice((0.0, 0.5, 2.0))
        self.artist.enable()
        return True

    def another_blender(self) -> Deed:
        self.others.append(Another("a green tree", self.rng.choice(("GO_ON", "STOP")), STEPS))
        self.others[-1].let_quit()
        yield 0.1
        return True

    def stop_the_server(self) -> Deed:
        yield from ()
        if self.artist.link.server_state != "ready":
            return False
        bpy.ops.msd.stop_server()
        return True

    def kill_the_server(self) -> Deed:
        yield from ()
        return self._kill(self.artist.server_pids())

    def kill_the_worker(self) -> Deed:
        yield from ()
        return self._kill([pid for server in self.artist.server_pids() for pid in self.artist.workers_of(server)])

    def quit_and_start_again(self) -> Deed:
        self._decide_what_quitting_does()
        yield 0.1
        return True

    def be_killed_and_start_again(self) -> Deed:
        yield 0.1
        return True

    # How it is done.

    @property
    def _file(self) -> Path:
        return self.folder / "saved.blend"

    def _ask_for_little(self, kind: str) -> bpy.types.PropertyGroup:
        settings = getattr(bpy.context.scene.msd, kind)
        settings.prompt = {"mesh": "a red cube", "texture": "red bricks", "retexture": "a blue ball"}[kind]
        settings.preset, settings.steps = "SKETCH", STEPS
        if kind == "mesh":
            settings.faces, settings.texture_size = 500, "0"
        elif kind == "texture":
            settings.width = settings.height = 64
        return settings

    def _decide_what_quitting_does(self) -> None:
        self.artist.preferences.on_quit = self.rng.choice(("GO_ON", "STOP"))

    def _occasion(self, condition: Callable[[], object]) -> Deed:
        """Wait for it while there is hope: while a job moves, or a question is open."""
        link, ends = self.artist.link, time.monotonic() + OCCASION
        while not condition():
            moves = link.open_questions or any(view.state in MOVING for view in link.views())
            if not moves or time.monotonic() > ends:
                return False
            yield 0.1
        return True

    def _click(self, operator: str, across: float = 0.5) -> Deed:
        """On its button, if that is there."""
        yield from self.artist.press("Escape")
        yield from self.artist.open_sidebar()
        place = yield from self.artist.look_for(operator, across)
        if place is None:
            return False
        yield from self.artist.click_at(*place)
        return True

    def _click_about(self, operator: str, across: float, *states: str) -> Deed:
        """On its button below the big one, while the job there is in one of these states."""

        def is_there() -> bool:
            job = self.artist.link.newest("mesh")
            return job is not None and job.state in states

        if not (yield from self._occasion(is_there)):
            return False
        return (yield from self._click(operator, across))

    def _call_about(self, operator: Callable[..., object], *states: str) -> Deed:
        """On one of the jobs in these states."""
        link = self.artist.link
        if not (yield from self._occasion(lambda: [v for v in link.views() if v.state in states and v.job_id])):
            return False
        operator(job_id=self.rng.choice([v for v in link.views() if v.state in states and v.job_id]).job_id)
        return True

    def _kill(self, pids: list[int]) -> bool:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return bool(pids)


MAKING = ("generate_object", "fill_texture", "look_quickly")
# Behind these this Blender is gone.
ENDING = ("quit_and_start_again", "be_killed_and_start_again")
ALL = tuple(name for name, deed in vars(Day).items() if not name.startswith("_") and callable(deed))
# Of one click-through.
DEEDS = 7


def deeds_of(seed: int) -> list[str]:
    """The deeds of a click-through, of which the first makes something."""
    rng = random.Random(seed)
    return [rng.choice(MAKING), *(rng.choice((*ALL, *MAKING)) for _ in range(DEEDS - 1))]
