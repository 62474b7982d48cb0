"""`python -m tests.gui.guide_pictures`: cuts the guide's pictures out of those that `make test-gui` left in out/gui."""

from __future__ import annotations

from PIL import Image

from tests.gui.window import REPOSITORY

TAKEN = REPOSITORY / "out" / "gui"
PICTURES = REPOSITORY / "docs" / "pictures"
OBJECT = "an_object_forms_while_you_watch"
TEXTURE = "a_texture_fills_from_three_editors"

# Name in docs/pictures -> the picture of the screen, and the part of it: left, upper, right, lower.
CUTS = {
    "window-tab": (f"{OBJECT}-1-opened", (560, 80, 1058, 500)),
    "window-set-up": ("set_up_is_offered_at_one_button-card", (560, 80, 1058, 640)),
    "window-forming": (f"{OBJECT}-3-forming", (180, 80, 1058, 540)),
    "window-done": (f"{OBJECT}-5-done", (180, 80, 1058, 540)),
    "window-texture": (f"{TEXTURE}-image_editor-forming", (0, 30, 1058, 700)),
}

for name, (taken, part) in CUTS.items():
    cut = Image.open(TAKEN / f"{taken}.png").convert("RGB").crop(part)
    # The interface has few colours; a palette keeps a picture below 150 kB.
    cut.quantize(128, dither=Image.Dither.NONE).save(PICTURES / f"{name}.png", optimize=True)
