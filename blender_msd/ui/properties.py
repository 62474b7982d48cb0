"""Settings: declared once, used by the panels (`scene.msd`) and as properties of the operators.

Numbers have soft limits only, and texts none: Blender would silently change a number from a script, and cut a text
after so many bytes, inside a character. `Values` checks both and says what is wrong.
"""

from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..core.limits import (
    BANDWIDTH,
    FACES,
    PICTURE_SIDE,
    PROMPT_CHARACTERS,
    SCALE,
    SEED,
    STEPS,
    TEXTURE_SIZES,
)
from .guidance_properties import OWN, GuidanceSettings
from .source_properties import SourceSettings

# What the inputs are called in a material.
SLOT_NAMES = {"COLOUR": "Base Color", "ROUGHNESS": "Roughness", "NORMAL": "Normal"}


class CommonSettings(GuidanceSettings):
    """What objects and textures share."""

    # Updated with every key, so that words the model does not know are named while they are typed.
    prompt: StringProperty(
        name="Prompt",
        description=f"What to make, in plain words; at most {PROMPT_CHARACTERS} characters",
        options={"TEXTEDIT_UPDATE"},
    )
    negative_prompt: StringProperty(
        name="Avoid",
        description=f"What the result should not look like; at most {PROMPT_CHARACTERS} characters",
        options={"TEXTEDIT_UPDATE"},
    )
    preset: EnumProperty(
        name="Quality",
        items=(
            ("SKETCH", "Sketch", "A quick look: few steps, few faces"),
            ("STANDARD", "Standard", "Good for most uses"),
            ("FINE", "Fine", "More steps and more detail; takes several times as long"),
        ),
        default="STANDARD",
    )
    random_seed: BoolProperty(
        name="Random Seed", description="A new seed each time; the seed used is kept with the result", default=True
    )
    seed: IntProperty(
        name="Seed",
        description="The same seed gives the same result on the same computer. Shows the last seed that was used",
        soft_min=SEED.least,
        soft_max=SEED.most,
    )
    prior: StringProperty(
        name="Model",
        description="Diffusion model: a name that the server knows, the path of a diffusers folder or of a "
        ".safetensors file, or hub:owner/name. Empty: the server's own choice",
    )
    loras: StringProperty(
        name="LoRA",
        description="Files that change a diffusion model of your own, as FILE:WEIGHT, several with semicolons "
        "between them. Without a weight it is 1. Empty: none",
    )
    spare_prompt: BoolProperty(
        name="Spare the Prompt",
        description="What Avoid shares with the prompt is not avoided. Takes half as long again",
    )
    steps: IntProperty(
        name="Steps",
        description="How often the result is improved, instead of what Quality says. 0: as Quality says",
        soft_min=0,
        soft_max=STEPS.most,
    )
    scale: FloatProperty(
        name="Guidance Scale",
        description="How strongly the prompt pulls: large values follow it to the letter and look less natural. "
        "0: the model's own",
        soft_min=0.0,
        soft_max=SCALE.most,
        precision=2,
    )
    bandwidth_start: FloatProperty(
        name="Bandwidth Start",
        description="Kernel bandwidth of the mean shift in the first step, in latent units: large values look for the "
        "common shape. 0: the model's own",
        soft_min=0.0,
        soft_max=BANDWIDTH.most,
        precision=3,
    )
    bandwidth_end: FloatProperty(
        name="End",
        description="Kernel bandwidth in the last step: small values find detail. 0: the model's own",
        soft_min=0.0,
        soft_max=BANDWIDTH.most,
        precision=3,
    )


class MeshSettings(CommonSettings):
    noise: EnumProperty(
        name="Noise",
        description="What the model's guesses at the object are made with",
        items=(
            (OWN, "The Model's Own", "What suits the model; for objects that is fresh noise"),
            ("FRESH", "Fresh Every Step", "Other noise in every step: the shape and colours that are most likely"),
            (
                "ATTACHED",
                "Attached to Surface",
                "Noise that lies on the surface as it forms. Colours come out less true",
            ),
            (
                "VIEW",
                "Fixed per Camera",
                "The same noise whenever a camera looks from the same side. Colours come out still less true",
            ),
        ),
    )
    faces: IntProperty(
        name="Faces",
        description="The most faces that the mesh may have, instead of what Quality says. 0: as Quality says",
        soft_min=0,
        soft_max=FACES.most,
    )
    texture_size: EnumProperty(
        name="Texture Size",
        description="Of the pictures with the object's colours and fine relief",
        items=(
            (OWN, "As Quality Says", "512, 1024 or 2048 pixels"),
            ("0", "Vertex Colours", "No pictures: the colours are kept at the vertices"),
            *((str(side), f"{side} px", f"{side} x {side} pixels") for side in TEXTURE_SIZES if side),
        ),
    )
    size: FloatProperty(
        name="Size in Metres",
        description="Longest side of the object, whatever the scene's unit scale",
        default=1.0,
        soft_min=0.001,
        soft_max=1000.0,
    )
    place: EnumProperty(
        name="Place",
        items=(
            ("BESIDE", "Free Spot", "The base stands on the 3D cursor, or beside what stands there already"),
            ("CURSOR", "3D Cursor", "The base stands on the 3D cursor, whatever stands there already"),
            ("ORIGIN", "World Origin", "The base stands on the world's origin"),
            (
                "SELECTED",
                "Replace Selected",
                "It takes the place of the active object, as large as that is and turned as that is, which goes",
            ),
        ),
        default="BESIDE",
    )
    collected: BoolProperty(
        name="In a Collection",
        description="It goes into the collection Generated; else into the one that is active",
        default=True,
    )
    as_asset: BoolProperty(
        name="Mark as Asset", description="It is an asset at once, with a preview, tags and a description"
    )


class TextureSettings(CommonSettings, SourceSettings):
    # No noise that is fixed to the window: windows then disagree, and grass is left with a tenth of its contrast.
    noise: EnumProperty(
        name="Noise",
        description="What the model's guesses at the picture are made with",
        items=(
            (OWN, "The Model's Own", "What suits the model: mostly noise that is attached to the picture"),
            ("FRESH", "Fresh Every Step", "Other noise in every step. Grain and soft patterns get lost"),
            (
                "ATTACHED",
                "Attached to Picture",
                "Noise that lies on the picture from the first step to the last: grain and contrast as the model draws "
                "them, but a pattern may not meet itself everywhere",
            ),
        ),
    )
    width: IntProperty(
        name="Width", default=512, soft_min=PICTURE_SIDE.least, soft_max=PICTURE_SIDE.most, subtype="PIXEL"
    )
    height: IntProperty(
        name="Height", default=512, soft_min=PICTURE_SIDE.least, soft_max=PICTURE_SIDE.most, subtype="PIXEL"
    )
    tile_x: BoolProperty(name="X", description="Left and right edges fit together", default=True)
    tile_y: BoolProperty(name="Y", description="Top and bottom edges fit together", default=True)
    maps: EnumProperty(
        name="Maps",
        description="Pictures beside the colour, estimated from it",
        items=(
            ("NORMAL", "Normal", "Which way the surface faces", 1),
            ("HEIGHT", "Height", "How high it is, with 16 bits; lifts the surface where there is no normal map", 2),
            ("ROUGHNESS", "Roughness", "How dull it is", 4),
            ("AO", "Occlusion", "How much light reaches its joints; multiplied into the colour", 8),
            ("ALBEDO", "Albedo", "The colour with the light taken out, used in its place", 16),
            ("METALLIC", "Metallic", "Where it is bare metal: for surfaces that are known to be of metal", 32),
            ("ORM", "ORM", "Occlusion, roughness and metallic packed into one picture, for game engines", 64),
        ),
        options={"ENUM_FLAG"},
        default=set(),
    )
    apply: EnumProperty(
        name="Apply To",
        items=(
            ("MATERIAL", "New Material", "A new material in the active object's active slot"),
            ("SLOT", "Active Material", "Into one input of the active material, which stays otherwise"),
            ("SELECTED", "All Selected", "A new material in the active slot of every selected object"),
            ("THIS", "This Image", "Into the image of the Image Editor, which can be restored"),
            ("IMAGE", "Image Only", "Only a new image"),
        ),
        default="MATERIAL",
    )
    slot: EnumProperty(
        name="Input",
        description="Of the Principled BSDF; what it was linked to stays in the material, unlinked",
        items=(
            ("COLOUR", "Base Color", "The picture itself"),
            ("ROUGHNESS", "Roughness", "How dull it is, estimated from its colour"),
            ("NORMAL", "Normal", "Which way it faces, estimated from its colour, through a Normal Map node"),
        ),
    )
    repeat: FloatProperty(
        name="Repeat",
        description="How many times the picture fits across the surface",
        default=1.0,
        soft_min=0.01,
        soft_max=1000.0,
    )
    real_width: FloatProperty(
        name="Width in Metres",
        description="How wide one picture is on the surface, whatever its UV map. 0: it fits as often as Repeat says",
        soft_min=0.0,
        soft_max=1000.0,
    )


class KindChoice:
    """For which kind of jobs."""

    kind: EnumProperty(
        items=(
            ("mesh", "Object", "The model for objects"),
            ("texture", "Texture", "The model for textures"),
            ("retexture", "Texture of a Mesh", "The model for textures of meshes"),
        ),
        options={"SKIP_SAVE"},
    )


class ModelChoice(KindChoice):
    """A model for one kind of jobs; an empty name means that it will be typed."""

    name: StringProperty(name="Name", options={"SKIP_SAVE"})


class ModelFile(KindChoice):
    """What Blender's file browser asks for."""

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.safetensors", options={"HIDDEN"})


class PythonFile:
    """What the file browser asks for, for one of the preferences."""

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    field: StringProperty(default="server_python", options={"SKIP_SAVE", "HIDDEN"})


class ProblemChoice:
    """Which of two problems is meant."""

    of_set_up: BoolProperty(name="Of the Set-up", options={"SKIP_SAVE", "HIDDEN"})


class Adjustment:
    """What can be changed about settings that are at fault."""

    what: EnumProperty(
        items=(
            ("OWN_MODEL", "Own Model", "Use the model that the server would choose"),
            ("IMAGE_ONLY", "Image Only", "Make a picture without a material"),
            ("VERTEX_COLOURS", "Vertex Colours", "Keep the colours at the vertices, without pictures"),
            ("ALL_FACES", "All Faces", "Texture the whole mesh"),
            ("SCALE_ONE", "Scale 1", "Do not guide the model"),
            ("SKETCH", "Sketch", "Make a quick look, which takes the least memory"),
            ("SHORTEN", "Shorten", "Cut the prompt where the limit is"),
            ("DEFAULTS", "Defaults", "Put every value that cannot be used back to its default"),
        ),
        options={"SKIP_SAVE"},
    )
