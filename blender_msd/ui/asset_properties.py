"""What the operators on finished objects can be told; declared as those of properties.py."""

from bpy.props import FloatProperty, IntProperty, StringProperty

from ..core.limits import HULL_FACES, LOD_LEVELS, LOD_RATIO, REDUCED_FACES


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
