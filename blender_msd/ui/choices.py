"""What operators on jobs and results are told; numbers have soft limits only, as in properties.py."""

from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ..core.limits import FACES, LOOKS, STEPS, TEXTURE_SIZES


class PresetFile:
    filepath: StringProperty(
        name="File", description="Of a preset of one's own", subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"}
    )


class JobChoice:
    """One of this Blender's jobs."""

    job_id: StringProperty(
        name="Job", description="Its id. Empty: the job that is watched", options={"SKIP_SAVE", "HIDDEN"}
    )


class JobsChoice:
    """Several of this Blender's jobs."""

    job_ids: StringProperty(
        name="Jobs",
        description="Their ids, with a space between. Empty: as they are ticked",
        options={"SKIP_SAVE", "HIDDEN"},
    )


class LooksChoice:
    count: IntProperty(
        name="Looks",
        description="How many seeds are looked at",
        default=4,
        soft_min=LOOKS.least,
        soft_max=LOOKS.most,
        options={"SKIP_SAVE"},
    )


class ResultChoice:
    """Something that was made, by this Blender or another."""

    job_id: StringProperty(
        name="Result", description="Id of its job. Empty: the one that is chosen", options={"SKIP_SAVE", "HIDDEN"}
    )


class StarChoice(ResultChoice):
    starred: BoolProperty(name="Starred", default=True, options={"SKIP_SAVE"})


class SeedChoice(ResultChoice):
    new_seed: BoolProperty(
        name="New Seed", description="Draw another seed for what is made next", options={"SKIP_SAVE"}
    )


class StepsChoice(ResultChoice):
    steps: IntProperty(
        name="Steps", description="How many more", soft_min=1, soft_max=STEPS.most, options={"SKIP_SAVE"}
    )


class MeshChoice(ResultChoice):
    """What another mesh of a field shall be like."""

    faces: IntProperty(
        name="Faces", description="The most it may have. 0: all", soft_min=0, soft_max=FACES.most, options={"SKIP_SAVE"}
    )
    texture_size: EnumProperty(
        name="Texture Size",
        items=tuple((str(side), f"{side} px" if side else "Vertex Colours", "") for side in TEXTURE_SIZES),
        options={"SKIP_SAVE"},
    )


class PageChoice:
    """A page of a list."""

    which: EnumProperty(items=(("job_page", "Jobs", ""), ("result_page", "Results", "")), options={"SKIP_SAVE"})
    to: IntProperty(options={"SKIP_SAVE"}, min=0)
