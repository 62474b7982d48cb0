"""Settings of the picture that a texture begins as; declared as those of properties.py."""

from bpy.props import EnumProperty, FloatProperty, IntProperty, StringProperty

from ..core.limits import FEATHER, REIMAGINE


class SourceSettings:
    """Which picture, how much of it is made anew, and where."""

    source: StringProperty(
        name="Begin As", description="An image of this file that the texture begins as. Empty: it begins as nothing"
    )
    reimagine: FloatProperty(
        name="Reimagine",
        description="How much of the picture is made anew: little changes its colours, much its pattern, 1 all of it",
        default=0.5,
        soft_min=REIMAGINE.least,
        soft_max=REIMAGINE.most,
        subtype="FACTOR",
    )
    part: EnumProperty(
        name="Part",
        description="Which part of the picture is made anew; the rest of it stays as it is, to the last bit",
        items=(
            ("ALL", "All of It", "The whole picture"),
            (
                "ERASED",
                "What Is Erased",
                "Where it is transparent: paint there with the brush's blend mode Erase Alpha",
            ),
            ("MASK", "By a Mask", "Where another image is white"),
        ),
    )
    mask: StringProperty(name="Mask", description="An image of this file: white is made anew, black stays")
    feather: IntProperty(
        name="Feather",
        description="Over how many pixels inside that part the new picture fades into the old one",
        default=8,
        soft_min=FEATHER.least,
        soft_max=FEATHER.most,
        subtype="PIXEL",
    )
