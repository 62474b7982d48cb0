import subprocess
import sys

import pytest

from server.errors import BadRequest
from server.world.captions import COLOURS, KINDS, PATTERNS, VIEWS, Caption, read_caption


@pytest.mark.parametrize(
    ("prompt", "kind", "name", "colour", "second"),
    [
        ("a yellow duck", "mesh", "duck", "yellow", None),
        ("A Yellow Duck.", "mesh", "duck", "yellow", None),
        ("duck, yellow", "mesh", "duck", "yellow", None),
        ("some blue cubes", "mesh", "cube", "blue", None),
        ("a gray sphere", "mesh", "ball", "grey", None),
        ("a red mug with a blue handle", "mesh", "mug", "red", "blue"),
        ("a mug with a handle that is blue", "mesh", "mug", "white", "blue"),
        ("a red handle on a pink cup", "mesh", "mug", "pink", "red"),
        ("a hammer with a green handle", "mesh", "hammer", "grey", "green"),
        ("Red bricks", "texture", "bricks", "red", None),
        ("a seamless red brick wall with white mortar", "texture", "bricks", "red", "white"),
        ("blue and white stripes", "texture", "stripes", "blue", "white"),
        ("stripes in red and black", "texture", "stripes", "red", "black"),
        ("green polka dots on a pink background", "texture", "dots", "green", "pink"),
        ("wooden planks", "texture", "planks", "brown", None),
    ],
)
def test_a_prompt_is_read_however_it_is_put(prompt: str, kind: str, name: str, colour: str, second: str | None) -> None:
    caption = read_caption(prompt, kind)
    assert (caption.makes, caption.name, caption.colour, caption.second) == (kind, name, colour, second)
    assert read_caption(prompt) == caption


def test_a_colour_left_out_is_the_natural_one() -> None:
    assert read_caption("a duck").colour == "yellow"
    assert read_caption("a tree").colour == "green"


def test_every_caption_reads_its_own_text_back() -> None:
    for name, kind in KINDS.items():
        for second in (None, "cyan") if kind.part else (None,):
            caption = Caption("mesh", name, "purple", second, "side")
            assert read_caption(caption.text()) == caption
    for name in PATTERNS:
        for second in (None, "cyan"):
            caption = Caption("texture", name, "purple", second)
            assert read_caption(caption.text()) == caption


def test_a_view_can_be_named() -> None:
    assert [read_caption(f"a duck, {view} view").view for view in VIEWS] == list(VIEWS)


@pytest.mark.parametrize(
    ("prompt", "kind", "said"),
    [
        ("a yellow dragon", "mesh", "'dragon'"),
        ("a shiny yellow duck", "mesh", "'shiny'"),
        ("yellow", "mesh", "names nothing"),
        ("", "mesh", "names nothing"),
        ("a duck and a car", "mesh", "one thing at a time"),
        ("a red blue duck", "mesh", "more colours"),
        ("a duck with a red handle", "mesh", "has no handle"),
        ("red bricks", "mesh", "a surface"),
        ("a duck", "texture", "an object"),
        ("red green blue stripes", "texture", "more colours"),
        ("bricks, side view", "texture", "no side view"),
    ],
)
def test_what_would_be_ignored_is_refused_by_name(prompt: str, kind: str, said: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        read_caption(prompt, kind)
    assert refusal.value.code == "prompt-unreadable"
    assert said in refusal.value.message
    assert all(colour in refusal.value.hint for colour in COLOURS)
    assert ("duck" in refusal.value.hint) == (kind == "mesh")


def test_captions_load_without_torch() -> None:
    code = "import sys, server.world.captions; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
