"""What the operators on finished objects can be told; declared as those of properties.py."""

from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..core.asset_limits import (
    HULL_FACES,
    LOD_LEVELS,
    LOD_RATIO,
    PRINTED_MM,
    REDUCED_FACES,
    RESHAPE_SECONDS,
    RESHAPED_FACES,
)


class Reduction:
    faces: IntProperty(
        name="Faces",
        description="The most triangles that the object may have",
        default=5000,
        soft_min=REDUCED_FACES.least,
        soft_max=REDUCED_FACES.most,
    )


class Levels:
    levels: IntProperty(
        name="Levels", description="How many copies", default=3, soft_min=LOD_LEVELS.least, soft_max=LOD_LEVELS.most
    )
    ratio: FloatProperty(
        name="Ratio",
        description="Faces of each level, of those of the level before",
        default=0.5,
        soft_min=LOD_RATIO.least,
        soft_max=LOD_RATIO.most,
    )


class Hull:
    faces: IntProperty(
        name="Faces",
        description="The most triangles of the hull: the fewer, the more of the object sticks out of it",
        default=128,
        soft_min=HULL_FACES.least,
        soft_max=HULL_FACES.most,
    )


class AssetWords:
    tags: StringProperty(name="Tags", description="With commas between them. Empty: the words of the prompt")
    description: StringProperty(name="Description", description="Empty: the prompt, the seed and the model")


class ExportFile:
    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    format: EnumProperty(
        name="Format",
        items=(
            ("GLB", "glTF (.glb)", "For game engines and the web: one file with pictures and recipe"),
            ("OBJ", "Wavefront (.obj)", "For nearly every program: with its materials and pictures beside it"),
            ("FBX", "FBX (.fbx)", "For game engines: with pictures, levels of detail and the hull"),
            ("USD", "USD (.usdz)", "For pipelines: one file; .usdc and .usda have their pictures beside them"),
            ("STL", "STL (.stl), to Print", "A closed body in millimetres, without colours"),
            ("3MF", "3MF (.3mf), to Print", "A closed body that says that it is in millimetres, without colours"),
        ),
    )
    with_parts: BoolProperty(
        name="Levels and Hull",
        description="Levels of detail and the collision hull come along, as far as there are any",
        default=True,
    )
    size_mm: FloatProperty(
        name="Size in Millimetres",
        description="The longest side of what is printed",
        default=100.0,
        soft_min=PRINTED_MM.least,
        soft_max=PRINTED_MM.most,
    )


class Reshaping:
    method: EnumProperty(
        name="Surface",
        items=(
            (
                "QUADS",
                "Quads",
                "Even quads that follow the shape, for animation and sculpting: some seconds a thousand",
            ),
            ("VOXELS", "Voxels", "An even grid of quads, whatever the surface is like: quick"),
        ),
    )
    faces: IntProperty(
        name="Faces",
        description="About how many there are to be",
        default=5000,
        soft_min=RESHAPED_FACES["QUADS"].least,
        soft_max=RESHAPED_FACES["QUADS"].most,
    )
    limit_s: FloatProperty(
        name="Time Limit",
        description="It is given up after so many seconds, and the object stays as it is",
        default=300.0,
        soft_min=RESHAPE_SECONDS.least,
        soft_max=RESHAPE_SECONDS.most,
    )
