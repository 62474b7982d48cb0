"""Settings for textures of meshes; declared as those of properties.py."""

from bpy.props import EnumProperty

from ..core.limits import TEXTURE_SIZES
from .guidance_properties import OWN
from .properties import CommonSettings


class RetextureSettings(CommonSettings):
    noise: EnumProperty(
        name="Noise",
        description="What the model's guesses at the object are made with",
        items=(
            (OWN, "The Model's Own", "What suits the model; for objects that is fresh noise"),
            ("FRESH", "Fresh Every Step", "Other noise in every step: the colours that are most likely"),
            ("ATTACHED", "Attached to Surface", "Noise that lies on the surface. Colours come out less true"),
            ("VIEW", "Fixed per Camera", "The same noise whenever a camera looks from the same side"),
        ),
    )
    size: EnumProperty(
        name="Texture Size",
        description="Of the picture. One that keeps a part of an old picture has the size of that",
        items=(
            (OWN, "As Quality Says", "512, 1024 or 2048 pixels"),
            *((str(side), f"{side} px", f"{side} x {side} pixels") for side in TEXTURE_SIZES if side),
        ),
    )
    faces: EnumProperty(
        name="Faces",
        description="Which part of the mesh is textured; the others keep what they show",
        items=(
            ("ALL", "All Faces", "The whole mesh"),
            ("SLOT", "Active Material", "The faces of the active material slot"),
            ("SELECTED", "Selected Faces", "The faces that are selected in Edit Mode"),
        ),
    )
    apply: EnumProperty(
        name="Apply To",
        items=(
            ("MATERIAL", "New Material", "A new material with a new picture, in place of the old one"),
            (
                "SLOT",
                "Active Material",
                "A new picture in the Base Color of the active material, which stays otherwise",
            ),
            ("THIS", "This Picture", "Into the picture of the active material, which can be restored"),
        ),
        default="MATERIAL",
    )
