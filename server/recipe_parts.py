"""The parts of a recipe that say what a result is like, each for its kind. server/recipe.py puts them together."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MapName = Literal["albedo", "normal", "height", "roughness", "ao", "metallic", "orm"]
NormalFormat = Literal["opengl", "directx"]
DIGEST = "^([0-9a-f]{64})?$"


def whole(value: Any) -> Any:
    return int(value) if type(value) is float and value.is_integer() else value


def _leaves_room_for_charts(texture_size: int) -> int:
    if 0 < texture_size < 64:
        raise ValueError("must be 0, or a whole number from 64 to 4096")
    return texture_size


def _each_once(maps: list[MapName]) -> list[MapName]:
    # In one order, so that equal wishes are equal recipes.
    return [name for name in get_args(MapName) if name in maps]


Whole = Annotated[int, BeforeValidator(whole)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class MeshRecipe(Part):
    resolution: Whole = Field(default=112, ge=16, le=512, description="marching-cubes cells along the longest axis")
    faces: Whole = Field(default=20_000, ge=0, le=2_000_000, description="face budget after reduction; 0 keeps all")
    texture_size: Annotated[Whole, AfterValidator(_leaves_room_for_charts)] = Field(
        default=1024, ge=0, le=4096, description="side of the baked maps in pixels; 0 leaves colours at the vertices"
    )
    level: float | None = Field(
        default=None, gt=0.0, le=1000.0, description="density of the surface; None: where cameras see the outline"
    )


class SourceRecipe(Part):
    """The picture that a texture begins as; it is given the texture's size."""

    image: str = Field(
        default="", pattern=DIGEST, description="SHA-256 of its file, which PUT /v1/images takes; empty: there is none"
    )
    reimagine: float = Field(
        default=0.5,
        ge=0.0,
        le=1.0,
        description="how much of it is made anew: where between its last (0) and its first bandwidth (1) a run begins",
    )
    mask: str = Field(
        default="",
        pattern=DIGEST,
        description="SHA-256 of a picture that is white where it is made anew, and black where it stays; empty: all is",
    )
    feather: Whole = Field(
        default=8, ge=0, le=4096, description="pixels inside the mask over which the new picture fades into the old one"
    )

    @model_validator(mode="after")
    def _a_mask_is_of_an_image(self) -> Self:
        if self.mask and not self.image:
            raise ValueError("must have an image when it has a mask")
        return self


class TextureRecipe(Part):
    width: Whole = Field(default=512, ge=32, le=8192)
    height: Whole = Field(default=512, ge=32, le=8192)
    tile_x: bool = True
    tile_y: bool = True
    maps: Annotated[list[MapName], AfterValidator(_each_once)] = Field(
        default=[], description="beside the colour, estimated from it"
    )
    normals: NormalFormat = Field(default="opengl", description="of the normal map: whether green is up, or down")
    source: SourceRecipe = SourceRecipe()


class RetextureRecipe(Part):
    mesh: str = Field(
        default="",
        pattern=DIGEST,
        description="SHA-256 of the mesh's .npz, which PUT /v1/meshes takes; its faces, UVs and old picture",
    )
    size: Whole = Field(
        default=1024,
        ge=32,
        le=8192,
        description="side of the picture in pixels; one that has an old picture has its size",
    )
