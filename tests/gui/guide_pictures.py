"""`python -m tests.gui.guide_pictures`: cuts the guide's pictures out of those that `make test-gui` left in out/gui."""

from __future__ import annotations

from PIL import Image

from tests.gui.window import REPOSITORY

TAKEN = REPOSITORY / "out" / "gui"
PICTURES = REPOSITORY / "docs" / "pictures"
OBJECT = "an_object_forms_while_you_watch"
SET_UP = "set_up_leads_from_nothing_to_an_object"
LOOKS = "quick_looks_are_ticked_and_made"
TEXTURE = "a_texture_fills_from_three_editors"

# Name in docs/pictures -> the picture of the screen, and the part of it: left, upper, right, lower.
CUTS = {
    "window-tab": (f"{OBJECT}-1-opened", (560, 80, 1058, 730)),
    "window-set-up": (f"{SET_UP}-2-offer", (770, 80, 1058, 480)),
    "window-set-up-engine": (f"{SET_UP}-4-stage-2", (770, 80, 1058, 480)),
    "window-set-up-paused": (f"{SET_UP}-5-paused", (770, 80, 1058, 480)),
    "window-set-up-test": (f"{SET_UP}-6-stage-5", (770, 80, 1058, 480)),
    "window-set-up-done": (f"{SET_UP}-7-set-up", (770, 80, 1058, 480)),
    "window-forming": (f"{OBJECT}-3-forming", (180, 80, 1058, 610)),
    "window-done": (f"{OBJECT}-5-done", (180, 80, 1058, 610)),
    "window-looks": (f"{LOOKS}-4-ticked", (560, 80, 1058, 810)),
    "window-texture": (f"{TEXTURE}-image_editor-done", (0, 30, 1058, 700)),
}

for name, (taken, part) in CUTS.items():
    cut = Image.open(TAKEN / f"{taken}.png").convert("RGB").crop(part)
    # The interface has few colours; a palette keeps a picture below 150 kB.
    cut.quantize(128, dither=Image.Dither.NONE).save(PICTURES / f"{name}.png", optimize=True)
